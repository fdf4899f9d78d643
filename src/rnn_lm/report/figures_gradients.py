"""Figures of gradients by lag, and the list of all figures of ``rnn-lm gradients``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import altair as alt

from rnn_lm.report.figures_clipping import clipping_norms_figure, clipping_outcome_figure, vanishing_figure
from rnn_lm.report.figures_jacobians import (
    lyapunov_figure,
    product_figure,
    singular_values_figure,
    trajectory_figure,
)
from rnn_lm.report.gradient_panels import (
    PANEL_SPACING,
    PANEL_WIDTH,
    AnyChart,
    Row,
    banded_lines,
    by_weights,
    data,
    log_y,
    marked_lines,
    model_rows,
    positive,
    same_axis,
    scales_of,
    stroke_legend,
    weights_header,
)
from rnn_lm.report.style import INK, MUTED, Say, save_charts
from rnn_lm.report.tables_gradients import has_truncation

FLOAT32 = 2.0**-24
"""Relative size below which adding a term changes nothing in float32."""
PATHS = {
    "cell": ("by c(T−k), all paths", "#0072b2", [1, 0], 3.0),
    "cell only": ("its part along the cell alone", "#e69f00", [7, 3], 2.0),
    "cell rest": ("its part through gates", "#009e73", [2, 2], 2.0),
    "hidden": ("by h(T−k), all paths", "#cc79a7", [10, 3, 2, 3], 2.0),
}
"""An LSTM's paths: label, color, dash, width."""
LARGEST_LOG = 460.0
"""Where a slope that is drawn out ends."""
LEAST_DECADES = 2
"""Powers of ten that a panel shows at least."""
MEASURED = "measured by autograd"
PREDICTED = "predicted by the exponents and what the loss sees of them"
LARGEST = "slope of the largest exponent alone"
CUTS = {"window_share": "Every loss sees the last n steps", "segments_share": "Text cut every n rows, as in training"}
"""Kinds of truncation, by their entry in the results."""


def norm_by_lag_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Norm of d loss(T) / d h(T-k) by k: geometric mean, 10-90% band, and the slope that the exponents predict."""
    models = gradients["models"]
    noted = {model["weights"]: model["name"] for model in models}
    rows = [
        row
        for model in models
        for row in model_rows(model, _lag_rows(model, noted=noted[model["weights"]] == model["name"]))
    ]
    x = alt.X("lag:Q", title="Lag k (tokens back)", scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=6))
    y = log_y("mean", "Norm of ∂loss(T) / ∂h(T−k)", [row["mean"] for row in rows])
    base = alt.Chart(data(rows))
    rounding = base.transform_filter("isValid(datum.note)")
    rule = rounding.mark_rule(strokeDash=[1, 3]).encode(y=same_axis(y, "float32"))
    words = rounding.mark_text(align="right", baseline="bottom", dy=-3, color=MUTED).encode(
        x=x, y=same_axis(y, "float32"), text="note:N"
    )
    predicted = base.mark_line(strokeWidth=1.2, strokeDash=[2, 2], color=INK, clip=True).encode(
        x=x, y=same_axis(y, "predicted"), detail="model:N"
    )
    return by_weights(alt.layer(rule, *banded_lines(base, x, y, scales_of(models)), predicted, words), rows)


def _lag_rows(model: Mapping[str, Any], *, noted: bool) -> list[Row]:
    hidden, slope = model["by_lag"]["hidden"], model["prediction"]["predicted_slope"]
    anchor = len(hidden["mean"]) // 2
    level = math.log(positive(hidden["mean"][anchor]))
    rows: list[Row] = [
        {
            "lag": lag,
            "mean": positive(mean),
            "low": positive(hidden["low"][lag]),
            "high": positive(hidden["high"][lag]),
            "predicted": positive(math.exp(min(level + slope * (lag - anchor), LARGEST_LOG))),
        }
        for lag, mean in enumerate(hidden["mean"])
    ]
    if noted:
        rows[-1] |= {"float32": FLOAT32, "note": "2⁻²⁴, the rounding of float32"}
    return rows


def prediction_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Measured norm by lag (dots) on what Lyapunov exponents predict (line), at the same positions, cell by cell."""
    rows = [row for model in gradients["models"] for row in model_rows(model, _prediction_rows(model))]
    kinds = [MEASURED, PREDICTED, LARGEST]
    color = alt.Color(
        "kind:N",
        title=None,
        legend=alt.Legend(orient="top", columns=3, labelLimit=400),
        scale=alt.Scale(domain=kinds, range=["#0072b2", "#d55e00", MUTED]),
    )
    x = alt.X("lag:Q", title="Lag k (tokens back)", scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=5))
    y = alt.Y("log10:Q", title="log₁₀ norm", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=6))
    base = alt.Chart(data(rows), width=215, height=170).encode(x=x, y=y, color=color)
    dots = base.transform_filter(f"datum.kind === '{MEASURED}'").mark_point(size=26)
    line = base.transform_filter(f"datum.kind === '{PREDICTED}'").mark_line()
    slope = base.transform_filter(f"datum.kind === '{LARGEST}'").mark_line(strokeDash=[3, 3], strokeWidth=1.4)
    # Not to be seen: it keeps a panel in which next to nothing happens from being magnified.
    floor = dots.encode(y=same_axis(y, "floor")).mark_point(opacity=0)
    return (
        alt.layer(floor, slope, line, dots)
        .facet(row=weights_header(alt.Row, rows), column=alt.Column("model:N", title=None, sort=_labels(gradients)))
        .resolve_scale(y="independent")
    )


def _labels(gradients: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(model["label"] for model in gradients["models"]))


def _prediction_rows(model: Mapping[str, Any]) -> list[Row]:
    prediction, exponent = model["prediction"], model["lyapunov"]["exponents"][0]
    measured = [math.log10(positive(norm)) for norm in prediction["measured"]]
    predicted = [math.log10(positive(norm)) for norm in prediction["predicted"]]
    lags = range(1, len(measured))
    return [
        *(
            {"kind": MEASURED, "lag": lag, "log10": measured[lag], "floor": measured[1] - LEAST_DECADES}
            for lag in lags[:: max(1, len(lags) // 20)]
        ),
        *({"kind": PREDICTED, "lag": lag, "log10": predicted[lag]} for lag in lags),
        *(
            {"kind": LARGEST, "lag": lag, "log10": measured[1] + exponent * (lag - 1) / math.log(10)}
            for lag in (lags[0], lags[-1])
        ),
    ]


def paths_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """The LSTM's gradient by lag along each path."""
    rows = [
        row
        for model in gradients["models"]
        if "cell" in model["by_lag"]
        for path, (label, *_) in PATHS.items()
        for row in model_rows(
            model,
            ({"path": label, "lag": lag, "mean": positive(mean)}
             for lag, mean in enumerate(model["by_lag"][path]["mean"]) if lag > 0),
        )
    ]  # fmt: skip
    labels, *styles = zip(*PATHS.values(), strict=True)
    colors, dashes, widths = (alt.Scale(domain=list(labels), range=list(values)) for values in styles)
    legend = stroke_legend(columns=4)
    y = log_y("mean", "Norm of the gradient", [row["mean"] for row in rows])
    line = (
        alt.Chart(data(rows))
        .mark_line(clip=True)
        .encode(
            x=alt.X("lag:Q", title="Lag k (tokens back)", scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=6)),
            y=y,
            color=alt.Color("path:N", scale=colors, legend=legend),
            strokeDash=alt.StrokeDash("path:N", scale=dashes, legend=legend),
            strokeWidth=alt.StrokeWidth("path:N", scale=widths, legend=None),
        )
    )
    return by_weights(line, rows)


def truncation_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Share of the gradient of W_hh that truncation cuts off, by bptt_length, for both kinds of truncation."""
    rows = [
        row
        for model in gradients["models"]
        if "truncation" in model
        for kind, label in CUTS.items()
        for row in model_rows(
            model,
            ({"kind": label, "length": length, "share": share}
             for length, share in zip(model["truncation"]["bptt_length"], model["truncation"][kind], strict=True)),
        )
    ]  # fmt: skip
    x = alt.X(
        "length:Q",
        title="n = bptt_length (steps, log scale)",
        scale=alt.Scale(type="log", domain=[1, max(row["length"] for row in rows)], nice=False),
        axis=alt.Axis(values=[1, 2, 5, 10, 20, 35, 70, 100, 200]),
    )
    share = alt.Axis(format="%", tickCount=5)
    y = alt.Y("share:Q", title="Cut off", axis=share, scale=alt.Scale(domain=[0, 1]))
    base = alt.Chart(data(rows), width=PANEL_WIDTH, height=180)
    header = alt.Header(labelOrient="top", labelAnchor="start", labelFontWeight="bold")
    row = alt.Row("kind:N", title=None, sort=list(CUTS.values()), header=header)
    layers = alt.layer(*marked_lines(base, x, y, scales_of(gradients["models"])))
    return layers.facet(row=row, column=weights_header(alt.Column, rows)).properties(spacing=PANEL_SPACING)


def draw_gradients(results: Mapping[str, Any], folder: Path, say: Say, suffix: str = ".png") -> list[Path]:
    """Write every figure that the results have the numbers for; returns the files.

    Args:
        results: a results file's content, with its "gradients" part.
        folder: made where it is missing.
        say: told of a figure that cannot be drawn.
        suffix: .png, .svg or .json.
    """
    return save_charts(gradient_charts(results["gradients"]), folder, suffix, say)


def gradient_charts(gradients: Mapping[str, Any]) -> list[tuple[str, AnyChart]]:
    """Name and chart of every figure."""
    has_lstm = any("cell" in model["by_lag"] for model in gradients["models"])
    makers: list[tuple[str, Callable[[Mapping[str, Any]], AnyChart]]] = [
        ("gradient-norm-by-lag", norm_by_lag_figure),
        ("gradient-prediction", prediction_figure),
        *([("gradient-lstm-paths", paths_figure)] if has_lstm else []),
        *([("gradient-truncation", truncation_figure)] if has_truncation(gradients) else []),
        ("jacobian-trajectory", trajectory_figure),
        ("jacobian-singular-values", singular_values_figure),
        ("jacobian-product", product_figure),
        ("lyapunov-spectrum", lyapunov_figure),
        ("clipping-norms", clipping_norms_figure),
        ("clipping-outcome", clipping_outcome_figure),
        ("clipping-vanishing", vanishing_figure),
    ]
    return [(name, make(gradients)) for name, make in makers]
