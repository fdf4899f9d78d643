"""``rnn-lm report``: the page, or a Markdown table, again from the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """Make report.html again from a results.json, or print its tables as Markdown."""

    results: Annotated[Path, tyro.conf.Positional] = Path("runs/compare/results.json")
    """What compare wrote."""
    format: Literal["html", "markdown"] = "html"
    """html writes report.html beside the results; markdown prints the tables."""


def run(options: Options) -> None:
    """Read, and write or print."""
    from rnn_lm.report.html import write_report
    from rnn_lm.report.markdown import results_markdown
    from rnn_lm.report.results import read_results

    results = read_results(options.results)
    if options.format == "markdown":
        print(results_markdown(results))
        return
    page = options.results.with_name("report.html")
    write_report(results, page)
    TerminalProgress().say(f"report: {page}")
