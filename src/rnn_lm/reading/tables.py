"""Rows of words written as they come: tab-separated, CSV, JSON lines, or Parquet.

Nothing is rounded: a number is written so that it reads back as the same. Text is quoted as in CSV where it holds a
quote or the separator. What is not known is an empty field, or ``null``; ``docs/surprisal.md`` says how pandas and R
are told that the word ``NA`` is one.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

from rnn_lm.errors import UserError
from rnn_lm.files import atomic_file

SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet")
"""Of the files that rows are written to."""
_GROUP = 10_000
"""Rows of Parquet that are in memory at a time."""

Row = Sequence[Any]


@runtime_checkable
class Writer(Protocol):
    """An open text file, as far as it is needed."""

    def write(self, text: str, /) -> Any: ...


def require_suffix(path: Path, flag: str) -> None:
    """Raise ``UserError``, naming ``flag``, where rows are not written to such a file, or need what is not there."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{flag} {path}: rows are written as {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if path.suffix == ".parquet":
        _arrow(flag)


def write_rows(path: Path, columns: dict[str, type], rows: Iterable[Row]) -> int:
    """Write rows to a file as its suffix says, as they come; return how many.

    Args:
        path: of the file.
        columns: name to type, in order.
        rows: their cells.

    Raises:
        UserError: the suffix is none of ``SUFFIXES``, or the file cannot be written.
    """
    require_suffix(path, "--out")
    with atomic_file(path) as file:
        if path.suffix == ".parquet":
            return _write_parquet(file, columns, rows)
        with _text(file) as text:
            return write_text(text, path.suffix, columns, rows)


def write_text(file: Writer, suffix: str, columns: Iterable[str], rows: Iterable[Row]) -> int:
    """Write the same to an open text file, as ``.tsv``, ``.csv`` or ``.jsonl``."""
    names, count = list(columns), 0
    writer = csv.writer(file, dialect="excel-tab" if suffix == ".tsv" else "excel", lineterminator="\n")
    if suffix != ".jsonl":
        writer.writerow(names)
    for row in rows:
        if suffix == ".jsonl":
            values = {name: _json(cell) for name, cell in zip(names, row, strict=True)}
            file.write(json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")
        else:
            writer.writerow([_plain(cell) for cell in row])
        count += 1
    return count


def _plain(cell: Any) -> Any:
    """TRUE and FALSE are what R and pandas both take for booleans."""
    return str(cell).upper() if isinstance(cell, bool) else cell


def _json(cell: Any) -> Any:
    """JSON has no infinity."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


@contextmanager
def _text(file: BinaryIO) -> Iterator[io.TextIOBase]:
    wrapped = io.TextIOWrapper(file, encoding="utf-8", newline="", errors="backslashreplace")
    yield wrapped
    wrapped.detach()  # flushes, and leaves the file open


def _write_parquet(file: BinaryIO, columns: dict[str, type], rows: Iterable[Row]) -> int:
    arrow = _arrow("--out")
    types = {int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_(), str: arrow.string()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    count, iterator = 0, iter(rows)
    with arrow.parquet.ParquetWriter(file, schema) as writer:
        while some := list(islice(iterator, _GROUP)):
            fields = zip(zip(*some, strict=True), schema, strict=True)
            cells = [arrow.array(cells, type=field.type) for cells, field in fields]
            writer.write_table(arrow.table(cells, schema=schema))
            count += len(some)
    return count


def _arrow(flag: str) -> Any:
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        import pyarrow.parquet  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise UserError(f"{flag}: .parquet needs pyarrow: pip install 'rnn-lm[reading]'") from error
    return pyarrow
