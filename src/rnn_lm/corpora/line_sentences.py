"""Text files with a sentence per line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rnn_lm.corpora.head import Head
from rnn_lm.corpora.lines import NumberedLines
from rnn_lm.corpora.opening import shown
from rnn_lm.corpora.reading import numbered_lines, text_blocks
from rnn_lm.errors import UserError
from rnn_lm.text.markers import without_markers
from rnn_lm.text.white_space import normalize


@dataclass(frozen=True)
class TextFile:
    """A text file, as it is to be read.

    Attributes:
        path: where it is.
        encoding: of its characters; None: UTF-8, or what a byte order mark says.
        flag: that names it, for messages.
        exact: read it as it is, without looking for markers: a benchmark, whose tokens are counted.
        called: what a person called it, where that is another name.
    """

    path: Path
    encoding: str | None = None
    flag: str = "--corpus"
    exact: bool = False
    called: Path | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return shown(self.called or self.path)

    def blocks(self, notes: list[str] | None = None) -> Iterator[str]:
        """Its text; see ``text_blocks``."""
        return text_blocks(self.path, self.encoding, self.flag, notes)

    @cached_property
    def _looked_at(self) -> tuple[Head, tuple[str, ...]]:
        said: list[str] = []
        head = Head.of(self.blocks(said))
        return head, (*(f"{self.where}: {one}" for one in said), *head.notes(self.where))

    @property
    def markers(self) -> frozenset[str]:
        """What is taken as the boundary of a sentence at the edges of its lines."""
        return frozenset() if self.exact else self._looked_at[0].markers.boundaries

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of it, a line each; raises ``UserError`` where it cannot be read."""
        return () if self.exact else self._looked_at[1]

    def sentences(self) -> NumberedLines:
        """Its lines that are not blank; to ask for them raises ``UserError`` where there is none."""
        return NumberedLines(self._numbered)

    def _numbered(self) -> Iterator[tuple[int, str]]:
        nothing, markers = True, self.markers
        for number, line in numbered_lines(self.blocks()):
            if sentence := cleaned(line, markers):
                nothing = False
                yield number, sentence
        if nothing:
            raise UserError(f"{self.where}: no sentence in it, only white space{' and markers' if markers else ''}")


def cleaned(line: str, markers: frozenset[str]) -> str:
    """``line`` without ``markers`` at its edges, its white space normalized."""
    return normalize(without_markers(line, markers)[0] if markers else line)
