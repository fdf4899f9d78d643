"""The figures of a sweep: how it went, and which settings mattered; from the ``sweep`` part of its results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt

from rnn_lm.report import numbers
from rnn_lm.report.figures_compare import AnyChart, log_ticks
from rnn_lm.report.style import INK, Say, model_legend, model_styles, save_charts

STATES = ("complete", "pruned", "diverged")
"""What the history shows, in the order of its legend."""
COLORS = tuple(style.color for style in model_styles(["lstm", "rnn", "attention"]).values())
MARKERS = ("circle", "triangle-down", "cross")
HEADROOM = 2.0
"""The history reaches up to this times the worst complete trial: a hopeless trial would squeeze all others together."""


def draw_sweep(sweep: Mapping[str, Any], folder: Path, say: Say) -> list[Path]:
    """Write into ``folder`` the figures that there is enough for; returns their paths (see ``save_charts``)."""
    charts = {}
    if any(trial["valid_perplexity"] is not None for trial in sweep["trials"]):
        charts["history"] = history_figure(sweep)
    if sweep["importances"]:
        charts["importance"] = importance_figure(sweep)
    return save_charts(charts.items(), folder, ".png", say) if charts else []


def history_figure(sweep: Mapping[str, Any]) -> AnyChart:
    """Lowest valid perplexity of each trial by its number, on a log scale, and the best so far as a line.

    Trials far above the complete ones stand at the upper edge, and the title says so.
    """
    trials = [one for one in sweep["trials"] if one["state"] in STATES and one["valid_perplexity"] is not None]
    top = _top(trials)
    rows = [
        {"trial": one["number"], "perplexity": min(one["valid_perplexity"], top), "state": one["state"]}
        for one in trials
    ]
    low, high = min(row["perplexity"] for row in rows) / 1.05, max(row["perplexity"] for row in rows) * 1.05
    x = alt.X("trial:Q", title="Trial", axis=alt.Axis(tickMinStep=1, format="d"),
              scale=alt.Scale(nice=False, zero=False, padding=10))  # fmt: skip
    y = alt.Y("perplexity:Q", title="Valid perplexity", scale=alt.Scale(type="log", domain=[low, high]),
              axis=alt.Axis(values=log_ticks(low, high), format=",~r"))  # fmt: skip
    legend = model_legend()
    seen = [index for index, state in enumerate(STATES) if any(row["state"] == state for row in rows)]
    domain = [STATES[index] for index in seen]
    color = alt.Color("state:N", scale=alt.Scale(domain=domain, range=[COLORS[i] for i in seen]), legend=legend)
    shape = alt.Shape("state:N", scale=alt.Scale(domain=domain, range=[MARKERS[i] for i in seen]), legend=legend)
    points = alt.Chart(alt.InlineData(values=rows)).mark_point(size=60).encode(x=x, y=y, color=color, shape=shape)
    line = alt.Chart(alt.InlineData(values=_best_so_far(rows))).mark_line(interpolate="step-after", color=INK)
    return (line.encode(x=x, y=y) + points).properties(title=_title(trials, top))


def _top(trials: list[dict[str, Any]]) -> float:
    complete = [trial["valid_perplexity"] for trial in trials if trial["state"] == "complete"]
    return HEADROOM * max(complete) if complete else math.inf


def _title(trials: list[dict[str, Any]], top: float) -> alt.Title:
    above = sum(trial["valid_perplexity"] > top for trial in trials)
    edge = f"; {above} above {numbers.perplexity(top)} at the upper edge" if above else ""
    return alt.Title("Lowest valid perplexity of each trial", subtitle=f"line: the best so far{edge}")


def _best_so_far(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    complete = [row for row in rows if row["state"] == "complete"]
    best = itertools.accumulate((row["perplexity"] for row in complete), min)
    line = [{"trial": row["trial"], "perplexity": value} for row, value in zip(complete, best, strict=True)]
    return [*line, {**line[-1], "trial": rows[-1]["trial"]}] if line else []


def importance_figure(sweep: Mapping[str, Any]) -> AnyChart:
    """A bar per setting: its share in what makes a trial one of the best."""
    shares = sorted(sweep["importances"].items(), key=lambda pair: -pair[1])
    rows = [{"setting": name, "share": share, "text": f"{share:.0%}"} for name, share in shares]
    x = alt.X("share:Q", title="Share", axis=alt.Axis(format="%", grid=True, tickCount=6))
    y = alt.Y("setting:N", sort=[name for name, _ in shares], title=None,
              axis=alt.Axis(grid=False, labelColor=INK, labelFontSize=12))  # fmt: skip
    base = alt.Chart(alt.InlineData(values=rows), height=34 * len(rows)).encode(x=x, y=y)
    bars = base.mark_bar(color=COLORS[0], height=16)
    title = alt.Title("Importance", subtitle="what sets the best quarter of the complete trials apart from the rest")
    return (bars + base.mark_text(align="left", dx=6, fontSize=12).encode(text="text:N")).properties(title=title)
