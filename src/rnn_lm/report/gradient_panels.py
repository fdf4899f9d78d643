"""What the figures on gradients share: panels for untrained and trained models, and log axes over many decades."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import altair as alt

from rnn_lm.report.style import ModelScales, model_legend

Row = dict[str, Any]
Layers = alt.Chart | alt.LayerChart | alt.FacetChart
AnyChart = Layers | alt.VConcatChart | alt.HConcatChart
Channel = TypeVar("Channel", alt.Row, alt.Column)

PANEL_WIDTH, PANEL_HEIGHT, PANEL_SPACING = 320, 250, 40
WEIGHTS = {"fresh": "Untrained (as initialized)", "trained": "Trained"}
FAINTEST = 1e-20
"""Where log axes of gradient norms end: no training could use less."""


def model_rows(model: Mapping[str, Any], rows: Iterable[Row]) -> list[Row]:
    """``rows`` with the fields that say which model they are of."""
    common = {"model": model["label"], "weights": WEIGHTS[model["weights"]]}
    return [{**common, **row} for row in rows]


def scales_of(models: Iterable[Mapping[str, Any]]) -> ModelScales:
    """The channels of these models, by label."""
    return ModelScales({model["name"]: model["label"] for model in models})


def stroke_legend(**options: Any) -> alt.Legend:
    """A legend that shows colors and dashes of lines without markers."""
    return model_legend(symbolType="stroke", symbolSize=900, symbolOpacity=1, **options)


def by_weights(chart: Layers, rows: Sequence[Row]) -> alt.FacetChart:
    """One panel for untrained and one for trained models, side by side, on the same axes."""
    panel = chart.properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)
    return panel.facet(column=weights_header(alt.Column, rows)).properties(spacing=PANEL_SPACING)


def weights_header(channel: type[Channel], rows: Sequence[Row]) -> Channel:
    """The facet channel over untrained and trained, whichever of them ``rows`` hold."""
    present = {row["weights"] for row in rows}
    return channel("weights:N", title=None, sort=[label for label in WEIGHTS.values() if label in present])


def marked_lines(base: alt.Chart, x: alt.X, y: alt.Y, scales: ModelScales) -> list[alt.Chart]:
    """One line with markers per model."""
    legend = model_legend()
    lines = base.mark_line(strokeWidth=1.6).encode(
        x=x, y=y, color=scales.color(legend), strokeDash=scales.dash_without_scale()
    )
    return [lines, base.mark_point(size=40).encode(x=x, y=y, color=scales.color(legend), shape=scales.marker(legend))]


def banded_lines(base: alt.Chart, x: alt.X, y: alt.Y, scales: ModelScales) -> list[alt.Chart]:
    """One line per model over its band, from the fields ``low`` and ``high``."""
    legend = stroke_legend()
    band = base.mark_area(opacity=0.15, clip=True).encode(
        x=x, y=same_axis(y, "low"), y2="high:Q", color=scales.color(legend)
    )
    line = base.mark_line(clip=True).encode(x=x, y=y, color=scales.color(legend), strokeDash=scales.dash(legend))
    return [band, line]


def log_y(field: str, title: str, values: Sequence[float], faintest: float = FAINTEST) -> alt.Y:
    """A log axis from the smallest of ``values`` (but not below ``faintest``) to the largest, with powers of ten."""
    low, high = max(min(values, default=1.0), faintest), max(*values, 0.0, faintest) * 1.3
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    if last - first >= 2:
        powers = range(last, first - 1, -math.ceil((last - first) / 7))
        axis = alt.Axis(values=[10.0**power for power in powers], labelExpr=power_of_ten("datum.value"))
    else:
        ticks = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
        axis = alt.Axis(values=[tick for tick in ticks if low <= tick <= high], format="~g")
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=axis)


def power_of_ten(value: str) -> str:
    """A Vega expression that writes ``value``, a power of ten, as 10 with its exponent raised."""
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    names = {str(power): "10" + str(power).translate(raised) for power in range(-330, 40)}
    return f"{json.dumps(names, ensure_ascii=False)}[round(log({value}) / LN10)]"


def same_axis(y: alt.Y, field: str) -> alt.Y:
    """The axis of ``y`` for another field."""
    copied = y.copy()
    copied.shorthand = f"{field}:Q"
    return copied


def positive(value: float) -> float:
    """``value``, or where it is 0 something that a log axis can hold."""
    return max(value, 1e-300)


def data(rows: list[Row]) -> alt.InlineData:
    """Rows as they are, inside the figure."""
    return alt.InlineData(values=rows)
