"""Where sentences come from: the lines of a text, or a column of a table whose other columns go along."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_lm.corpora.opening import shown
from rnn_lm.corpora.reading import decoded, numbered_lines, text_blocks
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.reading.surprisal import Sentence

ITEM = "item"
"""The column that says which row of a table a word comes from."""
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
STDIN = Path("-")


def require_text(path: Path) -> None:
    """Raise ``UserError``, naming FILE, where ``path`` cannot be a text."""
    if path == STDIN:
        return
    if not path.exists():
        raise UserError(f"FILE {shown(path)}: there is no such file; the text comes last, after the models")
    if path.is_dir():
        raise UserError(f"FILE {shown(path)}: is a folder; the text comes last, after the models")


@dataclass(frozen=True)
class TextLines:
    """The lines of a text as sentences, read when they are asked for; blank ones have no words, and keep their number.

    Attributes:
        path: of the file; ``-`` is standard input.
        encoding: of the text; default: UTF-8, or what a byte order mark says.
    """

    path: Path
    encoding: str | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return "standard input" if self.path == STDIN else shown(self.path)

    def __iter__(self) -> Iterator[Sentence]:
        for number, line in self.lines():
            yield Sentence(number, line, f"{self.where}: line {number}")

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines with their numbers; raises ``UserError`` where they cannot be read."""
        if self.path == STDIN:
            return numbered_lines(decoded(sys.stdin.buffer, self.where, self.encoding))
        return numbered_lines(text_blocks(self.path, self.encoding, "FILE"))


class Items:
    """A table's rows, each with a sentence in one of its columns.

    Tabs or commas separate, whichever the first line has. With commas, quotes are those of CSV. With tabs a field is as
    it stands, unless quotes stand around all of it: a sentence that begins with a quotation keeps its quotes.

    Args:
        lines: the table's.
        column: that holds the sentence.

    Attributes:
        carried: names of the columns that go along: ``item``, which counts the rows unless the table has such a column,
            and the others; of one that is called like a column of the surprisals, ``item_`` stands before its name.

    Raises:
        UserError: there is no such column, or no table.
    """

    def __init__(self, lines: TextLines, column: str, taken: Iterable[str]) -> None:
        self._lines = lines
        self._numbered = lines.lines()
        number, first = next(self._numbered, (1, ""))
        first = first.removeprefix("\ufeff")
        self._tabs = "\t" in first or "," not in first
        names = self._fields(number, first)
        if len(set(names)) < len(names):
            raise UserError(f"{lines.where}: line {number}: two columns have one name; give each its own")
        if column not in names:
            raise UserError(f"{lines.where}: {unknown_name('column', column, names)}")
        self._width, self._at = len(names), names.index(column)
        self._kept = [place for place, name in enumerate(names) if name not in (column, ITEM)]
        self._item = names.index(ITEM) if ITEM in names and column != ITEM else None
        reserved = set(taken)
        self.carried = (ITEM, *(f"item_{name}" if (name := names[at]) in reserved else name for at in self._kept))

    def __iter__(self) -> Iterator[Sentence]:
        count = 0
        for number, line in self._numbered:
            if not line.strip():
                continue
            count += 1
            cells = self._fields(number, line)
            if len(cells) != self._width:
                raise UserError(
                    f"{self._lines.where}: line {number} has {len(cells)} columns, the first line has {self._width}"
                )
            item = count if self._item is None else cells[self._item]
            carried = (item, *(cells[at] for at in self._kept))
            yield Sentence(number, cells[self._at], f"{self._lines.where}: line {number}", carried)

    def _fields(self, number: int, line: str) -> list[str]:
        if self._tabs:
            return [one[1:-1].replace('""', '"') if _QUOTED.fullmatch(one) else one for one in line.split("\t")]
        try:
            (cells,) = csv.reader([line], strict=True)
        except (csv.Error, ValueError) as error:
            where = f"{self._lines.where}: line {number}"
            raise UserError(f"{where} is no line of CSV ({error}); one row a line") from error
        return cells


def columns_of(sentences: Any) -> tuple[str, ...]:
    """Return the names of the columns that go along with the words of ``sentences``."""
    return sentences.carried if isinstance(sentences, Items) else ()
