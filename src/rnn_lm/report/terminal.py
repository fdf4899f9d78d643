"""Results in a terminal, within the columns that it has."""

from __future__ import annotations

import io
import itertools
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from rnn_lm.report.results import check_results
from rnn_lm.report.summary import probes_verdicts, verdict
from rnn_lm.report.tables import Table, claims_tables, perplexity_table, policies

WIDTH = 100
"""Columns of a text that goes to no terminal."""
_BETWEEN = 2
"""Blanks that a column takes besides what stands in it."""
_STYLES = {"supported": "green", "not-supported": "red", "undecided": "yellow", "not-tested": "dim"}


def print_results(results: Mapping[str, Any], console: Console) -> None:
    """Print the perplexity and claims tables of each context policy, and the verdicts, those of the probes too.

    Raises:
        UserError: these are not results.
    """
    checked = check_results(results, "results")
    scores = [perplexity_table(checked, policy).without("Bits per token") for policy in policies(checked)]
    claims = [table.without("Note") for table in claims_tables(checked)]
    print_tables((*scores, *claims), console)
    for line in (verdict(checked), *probes_verdicts(checked)):
        console.print(Text(line))


def print_tables(tables: Iterable[Table], console: Console) -> None:
    """Print tables in a console's width: words wrap, figures do not, and what is too wide continues below."""
    for table in tables:
        for part in parts(table, console.width):
            console.print(rich_table(part, console.width))


def width_of(console: Console) -> int:
    """The columns of a terminal; of a file ``WIDTH``."""
    return console.width if console.is_terminal else WIDTH


def tables_text(tables: Sequence[Table], width: int = WIDTH) -> str:
    """Tables as plain text of at most ``width`` columns."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as captured:
        print_tables(tables, console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def parts(table: Table, width: int) -> list[Table]:
    """The table, or several where its columns do not fit side by side: each begins with those that name its rows."""
    least = [
        max([one, *map(len, column.title.split())])
        for column, one in zip(table.columns, _least_widths(table), strict=True)
    ]
    names = [i for i, _ in itertools.takewhile(lambda one: one[1].align == "left", enumerate(table.columns))] or [0]
    if sum(least[i] + _BETWEEN for i in names) > width / 2:
        names = [0]
    groups = [names]
    for i in range(len(names), len(least)):
        beside = [*groups[-1], i]
        if groups[-1] != names and sum(least[one] + _BETWEEN for one in beside) > width:
            beside = [*names, i]
            groups.append(beside)
        groups[-1] = beside
    if len(groups) == 1:
        return [table]
    cut = [table.only(group) for group in groups]
    last = len(cut) - 1
    return [
        replace(part, caption="" if i else part.caption, notes=part.notes if i == last else ())
        for i, part in enumerate(cut)
    ]


def rich_table(table: Table, width: int = WIDTH) -> RichTable:
    """A table as rich draws it in ``width`` columns: titles and words wrap, figures do not; notes stand below.

    Words are not cut where ``parts`` made it: where there is little room, titles have a line for each of their words.
    """
    title = Text(table.caption) if table.caption else None
    drawn = RichTable(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    if table.notes:
        drawn.caption, drawn.caption_justify = Text("\n".join(table.notes)), "left"
    for heading, column, least in zip(_titles(table, width), table.columns, _least_widths(table), strict=True):
        figures = column.align == "right"
        drawn.add_column(
            Text(heading),
            justify=column.align,
            no_wrap=figures,
            vertical="bottom",
            min_width=None if figures else least,
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
        if sum(columns) + _BETWEEN * len(titles) <= width:
            break
    return titles
