"""Any text files, read one after the other, cut into sentences, and split in order."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from pathlib import Path

from rnn_lm.corpora.base import SPLITS, RawCorpus, normalize
from rnn_lm.corpora.reading import read_text_file
from rnn_lm.errors import UserError

_BLANK_SHARE_OF_PROSE = 0.02
"""Text with at least this share of blank lines is set in paragraphs; a stray blank line does not make it so."""


def read_files(paths: Sequence[Path], split: tuple[float, float, float]) -> RawCorpus:
    """Read ``paths`` in order as one text, and cut it into contiguous train, valid and test.

    Args:
        paths: UTF-8 text, ``.gz`` or not.
        split: the share of the characters that each split is given, up to the nearest sentence.

    Raises:
        UserError: a file cannot be read, or there are not three sentences to be split.
    """
    sentences = [sentence for path in paths for sentence in sentences_of(read_text_file(path))]
    names = ", ".join(map(str, paths))
    if len(sentences) < len(SPLITS):
        found = "no sentence" if not sentences else f"only {len(sentences)} sentence{'s' * (len(sentences) > 1)}"
        raise UserError(f"{names}: {found}, too small for train, valid and test; give a longer text")
    parts = split_in_order(sentences, split)
    shares = "/".join(f"{100 * share:g}" for share in split)
    return RawCorpus(
        paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more",
        **dict(zip(SPLITS, parts, strict=True)),
        source=names,
        licence="not stated",
        split_description=f"in order, {shares}% of the characters",
    )


def split_in_order(sentences: Sequence[str], split: tuple[float, float, float]) -> list[list[str]]:
    """Three contiguous parts, none empty, with shares of the characters as close to ``split`` as sentences allow."""
    ends = list(accumulate(len(sentence) + 1 for sentence in sentences))
    first = _nearest(ends, split[0] * ends[-1])
    second = _nearest(ends, (split[0] + split[1]) * ends[-1])
    first = min(max(first, 1), len(sentences) - 2)
    second = min(max(second, first + 1), len(sentences) - 1)
    return [list(sentences[:first]), list(sentences[first:second]), list(sentences[second:])]


def split_in_two(sentences: Sequence[str], share: float) -> tuple[list[str], list[str]]:
    """Two contiguous parts, none empty; the first has ``share`` of the characters, as nearly as sentences allow."""
    ends = list(accumulate(len(sentence) + 1 for sentence in sentences))
    first = min(max(_nearest(ends, share * ends[-1]), 1), len(sentences) - 1)
    return list(sentences[:first]), list(sentences[first:])


def _nearest(ends: list[int], target: float) -> int:
    """How many sentences end nearest to ``target`` characters."""
    after = bisect_left(ends, target)
    if after > 0 and (after == len(ends) or target - ends[after - 1] < ends[after] - target):
        return after
    return after + 1


def sentences_of(text: str) -> list[str]:
    """Sentences of a text, white space normalized.

    Where blank lines set paragraphs apart, or the whole text is one line, the lines of a paragraph are joined and cut
    after . ! ? and …; anywhere else a line is a sentence.
    """
    lines = [normalize(line) for line in text.strip().split("\n")]
    blank = sum(not line for line in lines)
    if len(lines) > 1 and blank < _BLANK_SHARE_OF_PROSE * len(lines):
        return [line for line in lines if line]
    has_capitals = text != text.lower()
    paragraphs = (" ".join(block) for filled, block in groupby(lines, key=bool) if filled)
    return [sentence for paragraph in paragraphs for sentence in _cut(paragraph, has_capitals)]


_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]* (?=(\S))")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:mr|mrs|ms|dr|st|prof|rev|capt|col|gen|mt|vs|no|vol|etc|[^\W\d_])\.$", re.I
)


def _cut(paragraph: str, has_capitals: bool) -> Iterable[str]:
    """Cut after a closing mark, except after an abbreviation or initial, or where a small letter goes on."""
    start = 0
    for end in _SENTENCE_END.finditer(paragraph):
        goes_on = has_capitals and end[1].islower()
        if not goes_on and not _ABBREVIATION.search(paragraph[start : end.start() + 1]):
            yield paragraph[start : end.end() - 1]
            start = end.end()
    yield paragraph[start:]
