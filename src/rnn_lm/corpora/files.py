"""Any text files, read one after the other, cut into sentences, and split in order."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path

from rnn_lm.corpora.base import SPLITS, RawCorpus, in_order
from rnn_lm.corpora.content import content_of_files
from rnn_lm.corpora.line_sentences import TextFile, cleaned
from rnn_lm.corpora.lines import InOrder, NumberedLines, Totals, chained
from rnn_lm.corpora.reading import lines_of_blocks, numbered_lines
from rnn_lm.errors import UserError

_BLANK_SHARE_OF_PROSE = 0.02
"""Text with at least this share of blank lines is set in paragraphs; a stray blank line does not make it so."""


def read_files(paths: Sequence[Path], split: tuple[float, float, float], encoding: str | None = None) -> RawCorpus:
    """Read ``paths`` in order as one text, and cut it into contiguous train, valid and test.

    Args:
        paths: text, packed or not.
        split: the share of the characters that each split is given, up to the nearest sentence.
        encoding: of the text; default: UTF-8, or what a byte order mark says.

    Raises:
        UserError: a file cannot be read, or (when the sentences are asked for) there are not three to be split.
    """
    content = content_of_files(paths, "files", *split, encoding)
    files = [TextFile(path, encoding) for path in paths]
    texts = [SentencesOfText(file.blocks, file.markers) for file in files]
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
        notes=[note for file in files for note in file.notes],
        content=content,
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
    def of(cls, blocks: Iterable[str], markers: frozenset[str] = frozenset()) -> Survey:
        """Read a text once, ``markers`` at the edges of its lines left out."""
        filled = blank = pending = characters = 0
        has_capitals = False
        for block in blocks:
            if block.isspace():
                pending += block.count("\n") or 1
                continue
            has_capitals = has_capitals or block != block.lower()
            for line in lines_of_blocks([block]):
                if sentence := cleaned(line, markers):
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


class SentencesOfText(NumberedLines):
    """Sentences of a text, white space normalized, each with the line in which it begins.

    Where blank lines set paragraphs apart, or the whole text is one line, the lines of a paragraph are joined and cut
    after . ! ? and …; anywhere else a line is a sentence.

    Args:
        read: the text, in blocks that end where a line does, from its start.
        markers: what marks sentences at the edges of its lines; default: none.
    """

    def __init__(self, read: Callable[[], Iterator[str]], markers: frozenset[str] = frozenset()) -> None:
        super().__init__(self._numbered)
        self._blocks, self._markers = read, markers
        self._surveyed: Survey | None = None

    def totals(self) -> Totals:
        """How much there is, read once more only where sentences have to be looked for in paragraphs."""
        survey = self._survey()
        return Totals.of(self) if survey.in_paragraphs else survey.totals

    def _numbered(self) -> Iterator[tuple[int, str]]:
        survey = self._survey()
        lines = ((number, cleaned(line, self._markers)) for number, line in numbered_lines(self._blocks()))
        if survey.in_paragraphs:
            return _cut_paragraphs(lines, survey.has_capitals)
        return ((number, line) for number, line in lines if line)

    def _survey(self) -> Survey:
        if self._surveyed is None:
            self._surveyed = Survey.of(self._blocks(), self._markers)
        return self._surveyed


def sentences_of(text: str) -> list[str]:
    """Sentences of a text in memory; see ``SentencesOfText``."""
    return list(SentencesOfText(lambda: iter([text])))


def _cut_paragraphs(lines: Iterable[tuple[int, str]], has_capitals: bool) -> Iterator[tuple[int, str]]:
    for filled, block in groupby(lines, key=lambda numbered: bool(numbered[1])):
        if not filled:
            continue
        numbers, parts = zip(*block, strict=True)
        starts = [0, *accumulate(len(part) + 1 for part in parts)]
        for start, sentence in _cut(" ".join(parts), has_capitals):
            yield numbers[bisect_right(starts, start) - 1], sentence


_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]* (?=(\S))")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:mr|mrs|ms|dr|st|prof|rev|capt|col|gen|mt|vs|no|vol|etc|[^\W\d_])\.$", re.I
)


def _cut(paragraph: str, has_capitals: bool) -> Iterable[tuple[int, str]]:
    """Cut after a closing mark, except after an abbreviation or initial, or where a small letter goes on.

    Each sentence comes with where it begins.
    """
    start = 0
    for end in _SENTENCE_END.finditer(paragraph):
        goes_on = has_capitals and end[1].islower()
        if not goes_on and not _ABBREVIATION.search(paragraph[start : end.start() + 1]):
            yield start, paragraph[start : end.end() - 1]
            start = end.end()
    yield start, paragraph[start:]
