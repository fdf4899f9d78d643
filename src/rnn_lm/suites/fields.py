"""What a record of a suite must hold, and what is said where it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from rnn_lm.errors import UserError
from rnn_lm.suites.sources import SuiteFile

TABLES = (".tsv", ".txt", ".tab")
"""Endings of files whose lines are columns with tabs between."""


def first_names(file: SuiteFile) -> set[str]:
    """Return the names in the object that the first line of a file is, also where it is cut off; none if it is none."""
    line = file.first_line.decode(errors="replace")
    if not line.startswith("{"):
        return set()
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return set(re.findall(r'"(\w+)"\s*:', line[:4000]))
    return set(record) if isinstance(record, dict) else set()


def sentence(record: Mapping[str, object], name: str, where: str) -> str:
    """Return a field that must be a text; raises ``UserError`` with its place where it is none."""
    if name not in record:
        raise UserError(f'{where}: has no "{name}"; every line needs one')
    value = record[name]
    if not isinstance(value, str) or not value.strip():
        raise UserError(f'{where}: "{name}" is {"blank" if isinstance(value, str) else "no text"}; give a sentence')
    return value


def word(record: Mapping[str, object], name: str, otherwise: str) -> str:
    """Return a field that may be left out, as text."""
    value = record.get(name)
    return str(value) if isinstance(value, str | int) and str(value) else otherwise


def header(cells: list[str]) -> tuple[str, ...]:
    """Return the names of the columns where a line consists of them; nothing where it is a pair."""
    names = tuple(cell.strip().lower() for cell in cells)
    return names if {"good", "bad"} <= set(names) and len(set(names)) == len(names) else ()
