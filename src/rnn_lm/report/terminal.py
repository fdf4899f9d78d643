"""Results in a terminal, within 100 columns."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rnn_lm.report.results import check_results
from rnn_lm.report.summary import verdict
from rnn_lm.report.tables import Table, claims_tables, perplexity_table, policies

_STYLES = {"supported": "green", "not-supported": "red", "undecided": "yellow", "not-tested": "dim"}


def print_results(results: Mapping[str, Any], console: Console) -> None:
    """Print the perplexity and claims tables of each context policy, and the verdict.

    Raises:
        UserError: these are not results.
    """
    checked = check_results(results, "results")
    scores = [perplexity_table(checked, policy).without("Bits per token") for policy in policies(checked)]
    claims = [table.without("Note") for table in claims_tables(checked)]
    for table in (*scores, *claims):
        console.print(rich_table(table, console.width))
    console.print(Text(verdict(checked)))


def tables_text(tables: Sequence[Table], width: int = 100) -> str:
    """Tables as plain text of at most ``width`` columns."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as captured:
        for table in tables:
            console.print(rich_table(table, width))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def rich_table(table: Table, width: int = 100) -> RichTable:
    """A table as rich draws it in ``width`` columns: titles and words wrap, figures do not; notes stand below.

    Words are never cut: where there is little room, titles have a line for each of their words.
    """
    drawn = RichTable(title=Text(table.caption), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    if table.notes:
        drawn.caption, drawn.caption_justify = Text("\n".join(table.notes)), "left"
    for title, column, least in zip(_titles(table, width), table.columns, _least_widths(table), strict=True):
        figures = column.align == "right"
        drawn.add_column(
            Text(title), justify=column.align, no_wrap=figures, vertical="bottom", min_width=None if figures else least
        )
    for row, name in zip(table.rows, table.row_classes or ("",) * len(table.rows), strict=True):
        drawn.add_row(*map(Text, row), style=_STYLES.get(name, ""))
    return drawn


def _least_widths(table: Table) -> list[int]:
    """The columns that each column's longest figure, or word, takes; a word of more than 12 may be cut."""
    cells = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    return [
        max((len(one) for one in column), default=0)
        if table.columns[i].align == "right"
        else min(12, max((len(word) for one in column for word in one.split()), default=0))
        for i, column in enumerate(cells)
    ]


def _titles(table: Table, width: int) -> list[str]:
    """Titles in lines of ten columns at least; where the table is too wide so, a line for each of their words."""
    least = _least_widths(table)
    for narrowest in (10, 1):
        titles = [
            textwrap.fill(column.title, max(one, narrowest), break_long_words=False)
            for column, one in zip(table.columns, least, strict=True)
        ]
        columns = (max(one, *map(len, title.split("\n"))) for one, title in zip(least, titles, strict=True))
        if sum(columns) + 2 * len(titles) <= width:  # two between columns; what stands at the right edge is blank
            break
    return titles
