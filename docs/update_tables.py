"""Put tables of results into a page, between its markers.

    python docs/update_tables.py PAGE RESULTS.json

A page says with ``<!-- results -->``, ``<!-- summary -->``, ``<!-- probes -->`` or ``<!-- gradients -->`` (and one with
a slash below) where the tables of that part belong; ``<!-- probes NAME -->`` is the place of a run of one language, and
``<!-- states -->`` of one of state tracking. ``make readme`` and ``make docs`` call this for every such page.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from markers import put

from rnn_lm.files import read_json
from rnn_lm.probes.config import STATE_NAMES
from rnn_lm.report.markdown import results_markdown, table_markdown
from rnn_lm.report.notes_probes import undecided_because
from rnn_lm.report.results import read_results
from rnn_lm.report.tables import Table, perplexity_table, policies
from rnn_lm.report.tables_gradients import gradients_tables
from rnn_lm.report.tables_probes import probes_tables


def parts_of(path: Path) -> dict[str, str]:
    """The tables of a results file, by marker."""
    found: dict[str, Any] = read_json(path)
    parts = {}
    if "models" in found:
        results = read_results(path)
        parts["results"] = f"{results_markdown(results)}\n{provenance(found)}"
        first = perplexity_table(results, policies(results)[0])
        parts["summary"] = f"{table_markdown(first)}\n\n{provenance(found)}"
    if "probes" in found:
        names = [probe["name"] for probe in found["probes"]["probes"]]
        several = "states" if set(names) <= set(STATE_NAMES) else "probes"
        parts[several if len(names) > 1 else f"probes {names[0]}"] = probes_text(found["probes"])
    if "gradients" in found:
        parts["gradients"] = joined(gradients_tables(found["gradients"]))
    return parts


def probes_text(results: dict[str, Any]) -> str:
    """The tables of some languages, and why a claim about them is not supported."""
    reasons = [f"{probe['label']}: {reason}" for probe in results["probes"] for reason in undecided_because(probe)]
    return "\n\n".join([joined(probes_tables(results)), *reasons])


def joined(tables: Iterable[Table]) -> str:
    """Tables below one another, each under its caption."""
    return "\n\n".join(map(table_markdown, tables))


def provenance(found: dict[str, Any]) -> str:
    """What the tables were made by."""
    made, seeds = found["made"], found["config"]["seeds"]
    counted = f"{seeds} seeds" if seeds > 1 else "one seed, so intervals are over other texts, not other trainings"
    # Where the corpus and the run lie on the machine that made it is nobody else's business.
    command = re.sub(r"--data-dir \S+", "--data-dir FOLDER", made["command"])
    command = re.sub(r"--out \S*?([^/\s]+)(?=\s|$)", r"--out runs/\1", command)
    return (
        f"Made by `{command}` in {made['seconds'] / 60:.0f} minutes with torch {made['torch']}, "
        f"{made['threads']} threads; {counted}."
    )


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Put tables of results into a page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("results", type=Path)
    arguments = parser.parse_args()
    page = arguments.page.read_text(encoding="utf-8")
    for marker, text in parts_of(arguments.results).items():
        page = put(page, marker, text)
    arguments.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
