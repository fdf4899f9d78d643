"""Panels that show what was measured, as points, over what was predicted, as lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import altair as alt

from rnn_lm.report.style import model_styles

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart | alt.VConcatChart
Rows: TypeAlias = Sequence[Mapping[str, Any]]

PANEL_WIDTH = 290
PANEL_HEIGHT = 240


class Series(NamedTuple):
    """One curve of a panel: its name in the legend and how it is drawn."""

    label: str
    color: str
    dash: tuple[int, ...]
    marker: str


def model_series(name: str, label: str, dash: tuple[int, ...] | None = None) -> Series:
    """A series in the color and marker that its model has in every figure."""
    style = model_styles([name])[name]
    return Series(label, style.color, dash or style.dash, style.marker)


ORDERED = (
    ("#56b4e9", (2, 3), "circle"),
    ("#0072b2", (7, 3), "square"),
    ("#d55e00", (1, 0), "triangle-up"),
)
"""For three values of one setting, from low to high."""


def ordered_series(labels: Sequence[str]) -> list[Series]:
    """Up to three values of one setting."""
    return [Series(label, *style) for label, style in zip(labels, ORDERED, strict=False)]


def panel(
    rows: Rows,
    series: list[Series],
    x: alt.X,
    y: alt.Y,
    title: str,
    every: int = 1,
    behind: alt.Chart | None = None,
    columns: int = 4,
) -> AnyChart:
    """Points at ``measured`` over lines at ``predicted``, one color, dash and marker per series.

    Args:
        rows: with the fields series, measured and that of ``x``; and predicted, where there is a line per series.
        every: draw every so many points only, so that they do not hide the line.
        behind: what to draw first.
        columns: of the legend.
    """
    predicts = "predicted" in rows[0]
    legend = alt.Legend(title=None, orient="top", columns=columns, symbolStrokeWidth=0, symbolSize=100)
    heading = alt.TitleParams(title, subtitle="lines: predicted; points: measured" if predicts else "points: measured")
    base = alt.Chart(data(rows), title=heading, width=PANEL_WIDTH, height=PANEL_HEIGHT).encode(x=x)
    points = (
        base.transform_window(place="row_number()", groupby=["series"])
        .transform_filter(f"(datum.place - 1) % {every} == 0")
        .mark_point(size=46)
        .encode(y=y.copy(), color=color_of(series, legend), shape=shape_of(series, legend))
    )
    points.encoding.y.shorthand = "measured:Q"
    layers: list[alt.Chart] = [] if behind is None else [behind]
    # One layer per line: a dash channel would be drawn around the markers of the legend, too.
    for one in series if predicts else []:
        line = base.transform_filter(alt.datum.series == one.label)
        predicted = line.mark_line(clip=True, color=one.color, strokeDash=list(one.dash)).encode(y=y.copy())
        predicted.encoding.y.shorthand = "predicted:Q"
        layers.append(predicted)
    return alt.layer(*layers, points)


def color_of(series: list[Series], legend: alt.Legend | None) -> alt.Color:
    scale = alt.Scale(domain=[one.label for one in series], range=[one.color for one in series])
    return alt.Color("series:N", scale=scale, legend=legend)


def shape_of(series: list[Series], legend: alt.Legend | None) -> alt.Shape:
    scale = alt.Scale(domain=[one.label for one in series], range=[one.marker for one in series])
    return alt.Shape("series:N", scale=scale, legend=legend)


def linear_x(field: str, title: str, scale: alt.Scale | None = None) -> alt.X:
    return alt.X(f"{field}:Q", title=title, scale=scale or alt.Scale(nice=False, padding=6), axis=alt.Axis(tickCount=6))


def linear_y(title: str, format: str = "", domain: list[float] | None = None) -> alt.Y:
    scale = alt.Scale(domain=domain) if domain else alt.Scale()
    return alt.Y("measured:Q", title=title, scale=scale, axis=alt.Axis(format=format, tickCount=6))


def log_y(title: str, rows: Rows) -> alt.Y:
    """A logarithmic axis over whole decades that hold every value."""
    values = [row[key] for row in rows for key in ("measured", "predicted") if (row.get(key) or 0) > 0]
    smallest, largest = min(values, default=1.0), max(values, default=10.0)
    low, high = math.floor(math.log10(smallest) + 1e-9), math.ceil(math.log10(largest) - 1e-9)
    decades = [10.0**power for power in range(low, high + 1)]
    plain = "datum.value > 5e-4 && datum.value < 5e3 ? format(datum.value, '~g') : format(datum.value, '.0e')"
    return alt.Y(
        "measured:Q",
        title=title,
        scale=alt.Scale(type="log", domain=[decades[0], decades[-1]], nice=False),
        axis=alt.Axis(values=decades, labelExpr=plain),
    )


def side_by_side(left: AnyChart, right: AnyChart) -> alt.HConcatChart:
    both = alt.hconcat(left, right, spacing=36)
    both = both.resolve_scale(
        color="independent", shape="independent", fill="independent"
    )  # fmt: skip
    return both.resolve_legend(fill="independent")


def data(rows: Rows) -> alt.Data:
    return alt.Data(values=rows)  # pyright: ignore[reportCallIssue]
