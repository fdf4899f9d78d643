"""Rows that a person can look at and compute with: in a terminal, in a notebook, as a pandas DataFrame."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

from markupsafe import Markup

from rnn_lm.errors import UserError

Row = TypeVar("Row")

SHOWN = 20
"""Rows that are printed; all of them are there."""


class Rows(Sequence[Row], Generic[Row]):
    """A table: rows by number, columns by name.

    >>> import rnn_lm
    >>> rows = rnn_lm.load("runs/tiny").surprisal(["the cat sees fish ."])
    >>> len(rows), rows.columns
    (6, ('sentence', 'line', 'token', 'id', 'surprisal_bits'))
    >>> rows[1].token, rows["token"]
    ('cat', ['the', 'cat', 'sees', 'fish', '.', '<eos>'])
    >>> sum(row.surprisal_bits for row in rows) > 0
    True

    ``rows.to_pandas()`` is the same as a DataFrame, where pandas is installed.

    Args:
        kind: of each row, a NamedTuple or a dataclass: its fields are the columns.
        rows: the rows.
    """

    def __init__(self, kind: type[Row], rows: Sequence[Row]) -> None:
        self._kind, self._rows = kind, tuple(rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        if dataclasses.is_dataclass(self._kind):
            return tuple(field.name for field in dataclasses.fields(self._kind))
        return tuple(getattr(self._kind, "_fields", ()))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows[Row]: ...
    @overload
    def __getitem__(self, index: str) -> list[Any]: ...
    def __getitem__(self, index: int | slice | str) -> Row | Rows[Row] | list[Any]:
        """Return a row by number, some of the rows by a slice, or a column by name (else ``KeyError``)."""
        if isinstance(index, str):
            if index not in self.columns:
                raise KeyError(f"{index!r} is no column; there are {', '.join(self.columns)}")
            return [getattr(row, index) for row in self._rows]
        return Rows(self._kind, self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``; raises ``UserError`` where pandas is not installed."""
        if importlib.util.find_spec("pandas") is None:
            raise UserError("to_pandas needs the package pandas; install it with: pip install 'rnn-lm[pandas]'")
        import pandas  # pyright: ignore[reportMissingImports]

        return pandas.DataFrame({name: self[name] for name in self.columns})

    def _cells(self) -> list[list[str]]:
        return [[_shown(getattr(row, name)) for name in self.columns] for row in self._rows[:SHOWN]]

    @property
    def _more(self) -> str:
        return f"... {len(self) - SHOWN:,} more rows" if len(self) > SHOWN else ""

    def __repr__(self) -> str:
        if not self._rows:
            return "no rows"
        lines = [list(self.columns), *self._cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        numeric = [isinstance(getattr(self._rows[0], name), int | float) for name in self.columns]
        shown = [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, numeric, strict=True)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*shown, self._more] if self._more else shown)

    def _repr_html_(self) -> str:
        head = Markup("").join(Markup("<th>{}</th>").format(name) for name in self.columns)
        body = Markup("\n").join(
            Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row))
            for row in self._cells()
        )
        template = Markup("<table><thead><tr>{}</tr></thead>\n<tbody>{}</tbody></table>{}")
        return template.format(head, body, Markup("<p>{}</p>").format(self._more) if self._more else "")


def _shown(value: Any) -> str:
    """A cell for people."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
