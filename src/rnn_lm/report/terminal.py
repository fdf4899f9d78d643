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
        console.print(rich_table(table))
    console.print(Text(verdict(checked)))


def tables_text(tables: Sequence[Table], width: int = 100) -> str:
    """Tables as plain text of at most ``width`` columns."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, force_jupyter=False)
    with console.capture() as captured:
        for table in tables:
            console.print(rich_table(table))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def rich_table(table: Table) -> RichTable:
    """A table as rich draws it: titles and words wrap, figures do not; notes stand below."""
    drawn = RichTable(title=Text(table.caption), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    if table.notes:
        drawn.caption, drawn.caption_justify = Text("\n".join(table.notes)), "left"
    for i, column in enumerate(table.columns):
        longest = max((len(row[i]) for row in table.rows), default=0)
        title = textwrap.fill(column.title, max(longest, 10), break_long_words=False)
        drawn.add_column(Text(title), justify=column.align, no_wrap=column.align == "right", vertical="bottom")
    for row, name in zip(table.rows, table.row_classes or ("",) * len(table.rows), strict=True):
        drawn.add_row(*map(Text, row), style=_STYLES.get(name, ""))
    return drawn
