"""The figures of suites of minimal pairs: accuracy by group, models side by side, published figures beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt

from rnn_lm.evaluation.intervals import Interval
from rnn_lm.report.style import MUTED
from rnn_lm.report.suites import published_on
from rnn_lm.suites.figures import GroupFigures, SuiteFigures

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart
MOST_GROUPS = 70
"""Groups of a level from which no figure is drawn."""
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#7a6a00", "#8c510a")
_MARKERS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "wedge")


def has_published(suite: SuiteFigures, level: str) -> bool:
    """Whether others published figures of groups of a level."""
    return any(kind == level for one in published_on(suite) for kind, _ in one.groups)


def level_figures(suite: SuiteFigures) -> Iterator[tuple[str, AnyChart]]:
    """A chart for each level that has several groups, with the level's name."""
    for level in dict.fromkeys(group.level for group in suite.models[0].groups):
        if 1 < sum(group.level == level for group in suite.models[0].groups) <= MOST_GROUPS:
            yield level, level_figure(suite, level)


def level_figure(suite: SuiteFigures, level: str) -> AnyChart:
    """Accuracy on the groups of one level: a point per model with its interval over pairs, as published in gray."""
    rows = [_row(model.name, group) for model in suite.models for group in model.groups if group.level == level]
    beside: list[dict[str, Any]] = [
        {"model": f"{one.system}, published", "group": name, "accuracy": value}
        for one in published_on(suite)
        for (kind, name), value in one.groups.items()
        if kind == level
    ]
    names = [model.name for model in suite.models]
    groups = list(dict.fromkeys(row["group"] for row in rows))
    y = alt.Y("group:N", title=None, sort=groups, axis=alt.Axis(labelLimit=320))
    x = alt.X("accuracy:Q", title="Accuracy", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    color = alt.Color("model:N", title=None, scale=alt.Scale(domain=names, range=_cycled(_COLORS, len(names))))
    shape = alt.Shape("model:N", title=None, scale=alt.Scale(domain=names, range=_cycled(_MARKERS, len(names))))
    offset = alt.YOffset("model:N", sort=names)
    tips = [alt.Tooltip("model:N"), alt.Tooltip("group:N", title=level), alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("pairs:Q")]  # fmt: skip
    base = alt.Chart(alt.Data(values=rows)).encode(y=y, yOffset=offset)
    chance = alt.Chart(alt.Data(values=[{"at": 0.5}])).mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x="at:Q")
    layers = [
        base.mark_rule().encode(x=alt.X("low:Q", title="Accuracy"), x2="high:Q", color=color),
        base.mark_point(filled=True, size=45).encode(x=x, color=color, shape=shape, tooltip=tips),
    ]
    if beside:
        ticks = alt.Chart(alt.Data(values=beside)).mark_tick(color=MUTED, thickness=2)
        layers.append(ticks.encode(x=x, y=y, tooltip=[alt.Tooltip("model:N"), alt.Tooltip("accuracy:Q", format=".1%")]))
    if suite.format != "SyntaxGym":  # whose formulas have a chance of their own each
        layers.insert(0, chance)
    # A group's share of the height; Vega-Lite would take a bare step for that of each model in it.
    return alt.layer(*layers).properties(height={"step": 14 + 10 * len(names), "for": "position"})


def _row(model: str, group: GroupFigures) -> dict[str, Any]:
    found: Interval = group.all.accuracy
    if found.low is None:
        return {"model": model, "group": group.name, "accuracy": None, "low": None, "high": None, "pairs": 0}
    return {
        "model": model, "group": group.name, "accuracy": found.value, "low": found.low, "high": found.high,
        "pairs": group.all.right + group.all.wrong,
    }  # fmt: skip


def _cycled(values: tuple[str, ...], count: int) -> list[str]:
    return [values[index % len(values)] for index in range(count)]
