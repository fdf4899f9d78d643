"""``rnn-lm report``: the page, or a Markdown table, again from the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rnn_lm.errors import UserError
from rnn_lm.files import require_output, user_errors
from rnn_lm.progress import TerminalProgress

RESULTS = "results.json"
MARKS = (
    b'<meta name="generator" content="rnn_lm">',
    b"script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'",
)
"""What the beginning of a report holds: since version 0.2, and before."""


@dataclass(frozen=True)
class Options:
    """Make report.html again from a results.json, or print its tables as Markdown."""

    results: Annotated[Path, tyro.conf.Positional] = Path("runs/compare/results.json")
    """The results.json that compare wrote, or the folder that it is in."""
    format: Literal["html", "markdown"] = "html"
    """html writes report.html beside the results; markdown prints the tables."""
    overwrite: bool = False
    """Replace a report.html that rnn-lm did not write."""


def run(options: Options) -> None:
    """Read, and write or print."""
    from rnn_lm.report.html import write_report
    from rnn_lm.report.markdown import results_markdown
    from rnn_lm.report.results import read_results

    path = _results_file(options.results)
    results = read_results(path)
    if options.format == "markdown":
        print(results_markdown(results))
        return
    page = path.with_name("report.html")
    if not _is_ours(page):
        require_output(page, "the report", overwrite=options.overwrite)
    try:
        write_report(results, page)
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:  # each entry is sound, and yet they do not fit
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UserError(f"{path}: cannot be drawn ({reason}); the file is damaged, run the comparison again") from error
    TerminalProgress().say(f"report: {page}")


def _results_file(path: Path) -> Path:
    """``path``, or the results in it where it is a folder."""
    if not path.exists():
        raise UserError(f"{path}: there is nothing; give the folder that `rnn-lm compare` wrote: rnn-lm report FOLDER")
    if not path.is_dir():
        return path
    if not (path / RESULTS).is_file():
        raise UserError(f"{path}: has no {RESULTS}; give the folder that `rnn-lm compare` wrote, or the file")
    return path / RESULTS


def _is_ours(page: Path) -> bool:
    """Whether ``page`` is there and says that this package wrote it."""
    if not page.is_file():
        return False
    with user_errors(page, "read"), page.open("rb") as file:
        beginning = file.read(2000)
    return any(mark in beginning for mark in MARKS)
