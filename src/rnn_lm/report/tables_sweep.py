"""The table of a sweep's best trials, from the ``sweep`` part of its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnn_lm.report import numbers
from rnn_lm.report.tables import Column, Table

MOST_SHOWN = 10


def best_trials_table(sweep: Mapping[str, Any]) -> Table:
    """The complete trials with the lowest valid perplexity, one per row, with the settings that were searched over."""
    complete = [
        trial for trial in sweep["trials"] if trial["state"] == "complete" and trial["valid_perplexity"] is not None
    ]
    complete.sort(key=lambda trial: (trial["valid_perplexity"], trial["number"]))
    names = list(sweep["space"])
    rows = tuple(
        (
            str(trial["number"]),
            numbers.perplexity(trial["valid_perplexity"]),
            *(setting(trial["params"][name]) for name in names),
            numbers.duration(trial["seconds"]),
        )
        for trial in complete[:MOST_SHOWN]
    )
    return Table(_caption(sweep["trials"]), tuple(map(Column, ("Trial", "Valid perplexity", *names, "Time"))), rows)


def setting(value: float | str | None) -> str:
    """A setting for the eye: numbers to four digits. Results and command lines have them all."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _caption(trials: list[dict[str, Any]]) -> str:
    states = [trial["state"] for trial in trials]
    counts = {
        state: states.count(state) for state in ("complete", "pruned", "diverged", "refused", "cut off", "running")
    }
    return "Best trials; in all " + (", ".join(f"{n} {state}" for state, n in counts.items() if n) or "none")
