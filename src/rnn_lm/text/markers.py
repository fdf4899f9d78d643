"""Markers of where a sentence begins and ends that other programs wrote into a text: they are boundaries, not words.

Here the end of a line is the end of a sentence, and ``<eos>`` is added for it. A text whose lines end in ``<eos>`` has
been prepared for a program that does not; read as it stands, each marker would be up to five tokens, all easy to
predict, and perplexity would be of another text. What counts as a marker stands alone between white space at the edge
of a line, and does so in a tenth of the lines, or alone on a line: a text about markup is left as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnn_lm.text.white_space import words_of

BEGINS = ("<s>", "<bos>", "<sos>", "[cls]", "[bos]", "<|startoftext|>", "<|begin_of_text|>", "<|bos|>")
ENDS = ("</s>", "<eos>", "[sep]", "[eos]", "<|endoftext|>", "<|end_of_text|>", "<|eos|>")
PADS = ("<pad>", "[pad]", "<|pad|>")
"""The markers known, in small letters; capitals do not matter."""
_KNOWN = frozenset((*BEGINS, *ENDS, *PADS))
_LEAST_SHARE = 0.1
"""Of the lines that are not blank, those that must carry a marker at an edge for it to be one."""


def without_markers(line: str, markers: frozenset[str] = _KNOWN) -> tuple[str, list[str]]:
    """``line`` without the markers at its edges, and those that stood there after the text."""
    if not _may_hold(line):
        return line, []
    words = words_of(line)
    first, last = 0, len(words)
    while first < last and words[first].lower() in markers:
        first += 1
    while last > first and words[last - 1].lower() in markers:
        last -= 1
    if (first, last) == (0, len(words)):
        return line, []
    return " ".join(words[first:last]), words[last:]


@dataclass
class MarkerCounts:
    """Where markers stand in some lines.

    Attributes:
        lines: that are not blank.
        edge: lines with each marker at an edge; the marker in small letters.
        alone: lines of nothing but markers.
        inside: lines with each marker elsewhere.
        spelled: each marker as it is first written.
    """

    lines: int = 0
    edge: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    spelled: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[str]) -> MarkerCounts:
        """Count in ``lines``."""
        counts = cls()
        for line in lines:
            if not line or line.isspace():
                continue
            counts.lines += 1
            if _may_hold(line):
                counts._add(words_of(line))
        return counts

    def _add(self, words: list[str]) -> None:
        small = [word.lower() for word in words]
        first = next((index for index, word in enumerate(small) if word not in _KNOWN), len(small))
        last = next((index for index in range(len(small), 0, -1) if small[index - 1] not in _KNOWN), 0)
        self.edge.update(set(small[:first]) | set(small[last:]))
        self.alone.update(set(small) if first == len(small) else ())
        self.inside.update(set(small[first:last]) & _KNOWN)
        for word, written in zip(small, words, strict=True):
            if word in _KNOWN:
                self.spelled.setdefault(word, written)

    @property
    def boundaries(self) -> frozenset[str]:
        """The markers that are taken as boundaries; where one is, its companions at edges are, too."""
        if any(count >= _LEAST_SHARE * self.lines for count in self.edge.values()):
            return frozenset(self.edge)
        return frozenset(self.alone)

    def notes(self, where: str, *, part_of_it: bool) -> list[str]:
        """What a person should know: what was taken as a boundary, and what was left in the text.

        Args:
            where: the file.
            part_of_it: whether only the beginning of the text was looked at.
        """
        of = f"of the first {self.lines:,} lines" if part_of_it else f"of {self.lines:,} lines"
        taken = [f"{self.spelled[one]} in {self.edge[one]:,}" for one in sorted(self.boundaries)]
        left = {
            self.spelled[one]: self.inside[one] + (0 if one in self.boundaries else self.edge[one])
            for one in sorted(self.spelled)
        }
        notes = []
        if taken:
            notes.append(
                f"{where}: {', '.join(taken)} {of} mark where sentences begin or end; they are read as the boundary "
                "that the end of a line is, not as words"
            )
        if any(left.values()):
            found = ", ".join(f"{one} in {count:,}" for one, count in left.items() if count)
            notes.append(
                f"{where}: {found} {of} look like markers, but stand within the text, and are read as text; if they "
                "are markers, take them out, and begin a new line where a sentence ends"
            )
        return notes


def _may_hold(line: str) -> bool:
    """Quickly, for the usual line: whether a marker can be in it at all."""
    return "<" in line or "[" in line
