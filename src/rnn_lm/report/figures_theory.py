"""The figures of the theory, one per exercise: what was measured, as points, over what was predicted, as lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import altair as alt

from rnn_lm.report.figures_recall import capacity_figure
from rnn_lm.report.panels import (
    PANEL_HEIGHT,
    PANEL_WIDTH,
    AnyChart,
    Rows,
    Series,
    data,
    linear_x,
    linear_y,
    log_y,
    model_series,
    ordered_series,
    panel,
    side_by_side,
)
from rnn_lm.report.style import INK, Say, save_charts
from rnn_lm.theory.results import (
    BpttCurves,
    ClippingCurves,
    Landscape,
    LinearCurves,
    Name,
    PathPoint,
    TheoryPart,
)

SMALLEST_GRADIENT = 1e-8
"""Gradients below this are left out of the figure by lag."""
SHADE = 0.02
"""Differences in loss smaller than this are drawn in one shade."""


def theory_figures(results: TheoryPart) -> dict[str, AnyChart]:
    """The figure of every exercise in ``run_theory``'s results, by the exercise's name."""
    drawers: dict[Name, Callable[[Any], AnyChart]] = {  # each takes the curves of its own exercise
        "bptt": bptt_figure,
        "spectral": spectral_figure,
        "gating": gating_figure,
        "clipping": clipping_figure,
        "capacity": capacity_figure,
        "linear": linear_figure,
    }
    return {entry["name"]: drawers[entry["name"]](entry["curves"]) for entry in results["exercises"]}


def draw_theory(results: TheoryPart, folder: Path, say: Say) -> list[Path]:
    """Write every figure as SVG to ``folder``; returns the files (see ``save_charts``)."""
    return save_charts(theory_figures(results).items(), folder, ".svg", say)


def bptt_figure(curves: BpttCurves) -> AnyChart:
    """Norm of the Jacobian by lag for three recurrent gains; error of the truncated gradient by ``bptt_length``."""
    gains = sorted({point["gain"] for point in curves["lags"]})
    series = ordered_series([f"gain {gain}" for gain in gains])
    lags = [{**point, "series": f"gain {point['gain']}"} for point in curves["lags"]]
    left = panel(
        lags,
        series,
        linear_x("lag", "Lag k (steps)"),
        log_y("Norm of ∂h(T) / ∂h(T − k)", lags),
        "Product of Jacobians",
        every=3,
    )
    cut = [{**point, "series": "gain 1.0"} for point in curves["truncation"]]
    right = panel(
        cut,
        [s for s in series if s.label == "gain 1.0"],
        linear_x("bptt_length", "bptt_length (steps)"),
        linear_y("Relative error of the gradient of weight_hh", format="%", domain=[0.0, 1.0]),
        "What truncation cuts off",
    )
    return side_by_side(left, right)


def spectral_figure(curves: Mapping[str, Any]) -> AnyChart:
    """Rate of growth by spectral radius, linear and tanh; powers of a non-normal matrix with radius 0.9."""
    series = [
        Series("linear", "#0072b2", (1, 0), "circle"),
        Series("tanh, average direction", "#d55e00", (7, 3), "triangle-up"),
        Series("tanh, largest direction (measured)", "#009e73", (2, 3), "diamond"),
    ]
    fields = (("predicted_linear", "measured_linear"), ("predicted_tanh", "measured_tanh"), (None, "largest_tanh"))
    rates = [
        {"radius": point["radius"], "series": one.label, "predicted": point.get(a), "measured": point[b]}
        for point in curves["rates"]
        for one, (a, b) in zip(series, fields, strict=True)
    ]
    zero = alt.Chart(data([{"zero": 0}])).mark_rule(strokeDash=[2, 2]).encode(y="zero:Q")
    left = panel(
        rates,
        series,
        linear_x("radius", "Spectral radius of weight_hh", scale=alt.Scale(zero=False, nice=False, padding=8)),
        linear_y("Growth of ∂h(T) / ∂h(0) (nats per step)"),
        "Rate against radius",
        behind=zero,
        columns=1,
    )
    forwards = sorted({point["forward"] for point in curves["transient"]})
    powers = [{**point, "series": f"forward weight {point['forward']:g}"} for point in curves["transient"]]
    one = alt.Chart(data([{"one": 1}])).mark_rule(strokeDash=[2, 2]).encode(y="one:Q")
    right = panel(
        powers,
        ordered_series([f"forward weight {forward:g}" for forward in forwards]),
        linear_x("lag", "Power k"),
        log_y("Norm of weight_hh to the power k", powers),
        "Radius 0.9, and yet growth at first",
        every=6,
        behind=one,
        columns=1,
    )
    return side_by_side(left, right)


def gating_figure(curves: Mapping[str, Any]) -> AnyChart:
    """Gradient by lag along the direct path and along all paths; half-life by bias of the keeping gate."""
    names = {
        ("lstm", "total"): model_series("lstm", "LSTM, all paths"),
        ("lstm", "direct"): model_series("lstm", "LSTM, cell path", (2, 3))._replace(marker="square"),
        ("gru", "total"): model_series("gru", "GRU, all paths", (1, 0)),
        ("gru", "direct"): model_series("gru", "GRU, direct path", (2, 3))._replace(marker="triangle-down"),
        ("rnn", "total"): model_series("rnn", "RNN", (1, 0)),
    }
    lags = [
        {**point, "series": names[point["cell"], point["path"]].label}
        for point in curves["lags"]
        if point["measured"] >= SMALLEST_GRADIENT
    ]
    left = panel(
        lags,
        list(names.values()),
        linear_x("lag", "Lag k (steps)"),
        log_y("Gradient per direction, 1 at lag 0", lags),
        "Gradient by lag; forget and update bias 2",
        every=4,
        columns=2,
    )
    lives = [
        {"bias": point["bias"], "series": label, "predicted": point[line] if line else None, "measured": point[field]}
        for point in curves["half_lives"]
        for label, field, line, cell in _LIFE_SERIES
        if point["cell"] == cell
    ]
    styles = [
        Series("weights 0, both", INK, (1, 0), "circle"),
        model_series("lstm", "LSTM, fresh weights", (1, 0))._replace(marker="square"),
        model_series("gru", "GRU, fresh weights", (1, 0)),
    ]
    right = panel(
        lives,
        styles,
        linear_x("bias", "Bias b of the gate that keeps the state"),
        log_y("Half-life of the gradient (steps)", lives),
        "Half-life: ln 2 / −ln sigmoid(b)",
        columns=1,
    )
    return side_by_side(left, right)


_LIFE_SERIES = (
    ("weights 0, both", "measured", "predicted", "lstm"),
    ("LSTM, fresh weights", "fresh", None, "lstm"),
    ("GRU, fresh weights", "fresh", None, "gru"),
)
"""Legend, field of the points, field of the line, cell. With weights of 0 LSTM and GRU are the same."""


def clipping_figure(curves: ClippingCurves) -> AnyChart:
    """Two descents on a cliff, with and without clipping; the angle by which clipping by value turns a gradient."""
    series = [
        Series("by value", "#d55e00", (1, 0), "triangle-up"),
        Series("by norm", "#0072b2", (7, 3), "circle"),
    ]
    angles = [
        {"threshold": point["threshold"], "series": label, "predicted": predicted, "measured": measured}
        for point in curves["angles"]
        for label, measured, predicted in (
            ("by value", point["measured"], point["predicted"]),
            ("by norm", point["norm"], 0.0),
        )
    ]
    right = panel(
        angles,
        series,
        linear_x("threshold", "Threshold (standard deviations)"),
        linear_y("Angle to the gradient (degrees)"),
        "What clipping turns",
    )
    return side_by_side(_landscape(curves), right)


def _landscape(curves: ClippingCurves) -> AnyChart:
    """The loss of a one-unit network over (w, b) as shades, and the two ways down from one start."""
    grid = curves["landscape"]
    x_domain, y_domain = [grid["w"][0], grid["w"][-1]], [grid["b"][0], grid["b"][-1]]
    x = alt.X("w:Q", title="Recurrent weight w", scale=alt.Scale(domain=x_domain, nice=False))
    y = alt.Y("b:Q", title="Bias b", scale=alt.Scale(domain=y_domain, nice=False), axis=alt.Axis(grid=False))
    base = alt.Chart(
        data(_cells(grid)),
        width=PANEL_WIDTH,
        height=PANEL_HEIGHT,
        title=alt.TitleParams("One unit: a cliff in the loss", subtitle="60 updates from one start"),
    )
    shades = alt.Scale(scheme="greys", domain=[0, 1.3])
    bar = alt.Legend(title="Loss", titleAnchor="middle", gradientLength=PANEL_HEIGHT, gradientThickness=10)
    surface = base.mark_rect(clip=True).encode(
        x=x, x2="w2:Q", y=y, y2="b2:Q", fill=alt.Fill("loss:Q", scale=shades, legend=bar)
    )
    return surface + _descents(curves["paths"], x, y) + _departure(curves["paths"], x, y, x_domain, y_domain)


def _cells(grid: Landscape) -> Rows:
    """The grid as rectangles of one shade, as tall as that shade goes on, and a little too large: no seams show."""
    half_w, half_b = (0.54 * (axis[1] - axis[0]) for axis in (grid["w"], grid["b"]))
    cells = []
    for w, losses in zip(grid["w"], grid["loss"], strict=True):
        column = list(zip(grid["b"], losses, strict=True))
        for shade, run in groupby(column, key=lambda point: round(point[1] / SHADE)):
            heights = [b for b, _ in run]
            cells.append({"w": w - half_w, "w2": w + half_w, "b": heights[0] - half_b, "b2": heights[-1] + half_b,
                          "loss": shade * SHADE})  # fmt: skip
    return cells


def _descents(paths: list[PathPoint], x: alt.X, y: alt.Y) -> alt.LayerChart | alt.FacetChart:
    names = {"none": "no clipping", "norm": "clipped by norm"}
    steps = [{**point, "series": names[point["clip"]]} for point in paths]
    legend = alt.Legend(title=None, orient="top", symbolType="circle", symbolStrokeWidth=0, symbolSize=100)
    scale = alt.Scale(domain=list(names.values()), range=["#e69f00", "#56b4e9"])
    color = alt.Color("series:N", scale=scale, legend=legend)
    base = alt.Chart(data(steps)).encode(x=x, y=y, order="update:Q", color=color)
    return base.mark_line(clip=True, strokeWidth=2) + base.mark_point(clip=True, size=30)


def _departure(paths: list[PathPoint], x: alt.X, y: alt.Y, x_domain: list[float], y_domain: list[float]) -> alt.Chart:
    """Where the unclipped descent has gone by its end: far outside the picture."""
    last = [point for point in paths if point["clip"] == "none"][-1]
    where = {
        "w": x_domain[0],
        "b": y_domain[1],
        "text": ["no clipping:", f"to w = {last['w']:.0f}, b = {last['b']:.0f}"],
    }
    return alt.Chart(data([where])).mark_text(align="left", baseline="top", dx=8, dy=8, fontSize=12).encode(
        x=x, y=y, text="text:N"
    )  # fmt: skip


def linear_figure(curves: LinearCurves) -> AnyChart:
    """Gradient of a minGRU by lag for three biases; parity of k ones, from positive gates and from one of -1."""
    biases = list(dict.fromkeys(point["bias"] for point in curves["lags"]))
    lags = [{**point, "series": f"bias {point['bias']:g}"} for point in curves["lags"]]
    left = panel(
        lags,
        ordered_series([f"bias {bias:g}" for bias in biases]),
        linear_x("lag", "Lag k (steps)"),
        log_y("Gradient per direction, 1 at lag 0", lags),
        "minGRU; line: product of gates",
        every=4,
    )
    series = [
        Series("best reader of gates in (0, 1)", "#d55e00", (7, 3), "triangle-up"),
        Series("one gate of −1", "#0072b2", (1, 0), "circle"),
    ]
    parity = [
        {"ones": point["ones"], "series": one.label, "predicted": point["parity"] if key == "negative" else None,
         "measured": point[key]}
        for point in curves["parity"]
        for one, key in zip(series, ("positive", "negative"), strict=True)
    ]  # fmt: skip
    right = panel(
        parity, series, linear_x("ones", "Ones read"), linear_y("Read (1: even, −1: odd)"), "Parity", columns=1
    )
    return side_by_side(left, right)
