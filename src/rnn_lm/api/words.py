"""A row for every word of a text, from Python."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

from rnn_lm.api.tables import Rows
from rnn_lm.api.text import Text
from rnn_lm.errors import MissingFileError, SettingError, UserError
from rnn_lm.reading.columns import columns_with, rows_with
from rnn_lm.reading.sources import TextLines
from rnn_lm.reading.surprisal import Reader, WordRow, of_lines, require_space


def word_rows(reader: Reader, text: Text, previous: int, encoding: str | None) -> Rows[Any]:
    """Return the rows of a text's words; see ``TextModel.word_surprisal``."""
    if previous < 0:
        raise SettingError("previous must be at least 0")
    if reader.space not in ("before", "after"):
        raise SettingError(f"space must be 'before' or 'after', not {reader.space!r}")
    if reader.space != "before":
        require_space([reader.stored], reader.space)
    if isinstance(text, Path):
        if not text.exists():
            raise MissingFileError(f"{text}: there is no such file; check the path")
        sentences: Any = TextLines(text, encoding)
    else:
        sentences = of_lines(text.splitlines() if isinstance(text, str) else [*map(_on_one_line, text)])
    kind: Any = namedtuple("WordRow", columns_with(previous)) if previous else WordRow
    rows = [kind(*cells) for cells in rows_with(reader, sentences, previous)]
    if not rows:
        raise UserError("there is no word to score; give at least one")
    return Rows(kind, rows)


def _on_one_line(sentence: str) -> str:
    return " ".join(sentence.splitlines())
