"""Results as Markdown, for a README or other documents that are generated from a results file."""

from __future__ import annotations

import re
from html import escape

from rnn_lm.report.results import Results
from rnn_lm.report.tables import Table, claims_tables, perplexity_table, policies


def results_markdown(results: Results) -> str:
    """Perplexity and claims."""
    return "\n".join(part for part in (perplexity_markdown(results), claims_markdown(results)) if part)


def perplexity_markdown(results: Results) -> str:
    """The perplexity table of each context policy, under a line that says which it is."""
    return _joined([perplexity_table(results, policy) for policy in policies(results)])


def claims_markdown(results: Results) -> str:
    """The claims table of each context policy."""
    return _joined(claims_tables(results))


def table_markdown(table: Table) -> str:
    """A table below its caption, and its notes below it."""
    rules = ["---" if column.align == "left" else "---:" for column in table.columns]
    lines = [[column.title for column in table.columns], rules, *table.rows]
    drawn = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return "\n\n".join([_cell(table.caption), drawn, *map(_cell, table.notes)])


def _joined(tables: list[Table]) -> str:
    return "\n\n".join(map(table_markdown, tables)) + "\n" if tables else ""


def _cell(text: str) -> str:
    """Text that neither ends its cell nor is taken for HTML, a link or code."""
    marked = re.sub(r"[|`]|\](?=\()", r"\\\g<0>", escape(text, quote=False))
    return " ".join(marked.split())
