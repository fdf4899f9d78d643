"""Any text files, read one after the other, cut into sentences, and split in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rnn_lm.corpora.base import SPLITS, RawCorpus, in_order, normalize
from rnn_lm.corpora.content import content_of_files
from rnn_lm.corpora.lines import InOrder, Totals, chained
from rnn_lm.corpora.reading import lines_of_blocks, text_blocks
from rnn_lm.errors import UserError

_BLANK_SHARE_OF_PROSE = 0.02
"""Text with at least this share of blank lines is set in paragraphs; a stray blank line does not make it so."""


def read_files(paths: Sequence[Path], split: tuple[float, float, float]) -> RawCorpus:
    """Read ``paths`` in order as one text, and cut it into contiguous train, valid and test.

    Args:
        paths: UTF-8 text, ``.gz`` or not.
        split: the share of the characters that each split is given, up to the nearest sentence.

    Raises:
        UserError: (when the sentences are asked for) a file cannot be read, or there are not three to be split.
    """
    texts = [SentencesOfText(lambda path=path: text_blocks(path)) for path in paths]
    names = ", ".join(map(str, paths))

    def too_small(sentences: int) -> UserError:
        found = "no sentence" if not sentences else f"only {sentences} sentence{'s' * (sentences > 1)}"
        return UserError(f"{names}: {found}, too small for train, valid and test; give a longer text")

    def count() -> Totals:
        found = [text.totals() for text in texts]
        return Totals(sum(one.sentences for one in found), sum(one.characters for one in found))

    return RawCorpus(
        paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more",
        *in_order(InOrder(chained(texts), shares_of(split), too_small, count).parts),
        source=names,
        licence="not stated",
        split_description=f"in order, {'/'.join(f'{100 * share:g}' for share in split)}% of the characters",
        content=content_of_files(paths, "files", *split),
    )


def shares_of(split: tuple[float, float, float]) -> dict[str, float]:
    """Those of train, valid and test by their names."""
    return dict(zip(SPLITS, split, strict=True))


@dataclass(frozen=True)
class Survey:
    """What must be known of a whole text before its sentences can be found.

    Attributes:
        lines: from the first to the last that is not blank.
        blank: blank ones among them.
        has_capitals: whether the text has any.
        totals: what it comes to where each of these lines is a sentence.
    """

    lines: int
    blank: int
    has_capitals: bool
    totals: Totals

    @classmethod
    def of(cls, blocks: Iterable[str]) -> Survey:
        """Read a text once."""
        filled = blank = pending = characters = 0
        has_capitals = False
        for block in blocks:
            has_capitals = has_capitals or block != block.lower()
            for line in lines_of_blocks([block]):
                if sentence := normalize(line):
                    # Blank lines before the first and after the last line do not count.
                    blank += pending if filled else 0
                    filled, pending, characters = filled + 1, 0, characters + len(sentence) + 1
                else:
                    pending += 1
        return cls(filled + blank, blank, has_capitals, Totals(filled, characters))

    @property
    def in_paragraphs(self) -> bool:
        """Whether blank lines set paragraphs apart, or the whole text is one line."""
        return self.lines <= 1 or self.blank >= _BLANK_SHARE_OF_PROSE * self.lines


class SentencesOfText:
    """Sentences of a text, white space normalized.

    Where blank lines set paragraphs apart, or the whole text is one line, the lines of a paragraph are joined and cut
    after . ! ? and …; anywhere else a line is a sentence.

    Args:
        read: the text, in blocks that end where a line does, from its start.
    """

    def __init__(self, read: Callable[[], Iterator[str]]) -> None:
        self._read = read
        self._surveyed: Survey | None = None

    def __iter__(self) -> Iterator[str]:
        survey = self._survey()
        lines = (normalize(line) for line in lines_of_blocks(self._read()))
        return _cut_paragraphs(lines, survey.has_capitals) if survey.in_paragraphs else filter(None, lines)

    def totals(self) -> Totals:
        """How much there is, read once more only where sentences have to be looked for in paragraphs."""
        survey = self._survey()
        return Totals.of(self) if survey.in_paragraphs else survey.totals

    def _survey(self) -> Survey:
        if self._surveyed is None:
            self._surveyed = Survey.of(self._read())
        return self._surveyed


def sentences_of(text: str) -> list[str]:
    """Sentences of a text in memory; see ``SentencesOfText``."""
    return list(SentencesOfText(lambda: iter([text])))


def _cut_paragraphs(lines: Iterable[str], has_capitals: bool) -> Iterator[str]:
    for filled, block in groupby(lines, key=bool):
        if filled:
            yield from _cut(" ".join(block), has_capitals)


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
