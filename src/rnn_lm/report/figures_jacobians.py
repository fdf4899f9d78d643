"""Figures of one-step Jacobians, their products and Lyapunov exponents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import altair as alt

from rnn_lm.evaluation.intervals import CONFIDENCE, FEWEST
from rnn_lm.evaluation.student import critical
from rnn_lm.report.gradient_panels import (
    PANEL_HEIGHT,
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
    same_axis,
    scales_of,
    weights_header,
)
from rnn_lm.report.style import GRID, ModelScales, model_legend

FASTEST = -8.0
"""Exponents below this are cut off: a change that fades so fast is gone in a step."""


def trajectory_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Spectral radius and largest singular value of the one-step Jacobian of trained models, token by token."""
    models = [model for model in gradients["models"] if model["weights"] == "trained"]
    radius = _along_tokens(models, "spectral_radius", "Spectral radius", show_tokens=False)
    largest = _along_tokens(models, "largest_singular_value", "Largest singular value", show_tokens=True)
    return alt.vconcat(radius, largest, spacing=12)


def _along_tokens(models: Sequence[Mapping[str, Any]], measure: str, title: str, *, show_tokens: bool) -> AnyChart:
    tokens = models[0]["one_step"]["tokens"]
    names = f"{json.dumps(tokens)}[datum.value]" if show_tokens else "''"
    axis = alt.Axis(
        values=list(range(len(tokens))), labelExpr=names, labelAngle=-60, labelOverlap=False, ticks=show_tokens
    )
    scale = alt.Scale(nice=False, domain=[-0.5, len(tokens) - 0.5])
    x = alt.X("position:Q", title="Token read (valid text)" if show_tokens else None, axis=axis, scale=scale)
    rows = [
        row
        for model in models
        for row in model_rows(
            model, ({"position": at, measure: value, "one": 1.0} for at, value in enumerate(model["one_step"][measure]))
        )
    ]
    y = log_y(measure, title, [*(row[measure] for row in rows), 1.0])
    base = alt.Chart(data(rows), width=2 * PANEL_WIDTH + 40, height=150)
    one = base.mark_rule(strokeDash=[3, 3]).encode(y=same_axis(y, "one"))
    return alt.layer(one, *marked_lines(base, x, y, scales_of(models)))


def singular_values_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Singular values of the one-step Jacobian, sorted, averaged over tokens, with 10-90% bands."""
    faintest = 1e-4
    rows = []
    for model in gradients["models"]:
        values = model["one_step"]["singular_values"]
        ranked = zip(values["mean"], values["low"], values["high"], strict=True)
        rows += model_rows(
            model,
            (
                {"rank": (index + 0.5) / len(values["mean"]), "mean": mean, "low": max(low, faintest), "high": high}
                for index, (mean, low, high) in enumerate(ranked)
                if mean > faintest
            ),
        )
    y = log_y("mean", "Singular value of ∂s(t+1) / ∂s(t)", [row["mean"] for row in rows], faintest)
    title = "Direction, from the most to the least stretched"
    return _ranked(rows, scales_of(gradients["models"]), y, title, 1.0)


def lyapunov_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Lyapunov spectra: exponents by rank, as a share of the state's dimensions."""
    rows = []
    for model in gradients["models"]:
        size = len(model["one_step"]["singular_values"]["mean"])
        rows += model_rows(
            model,
            (
                {"rank": (index + 0.5) / size, "mean": exponent, "low": low, "high": high}
                for index, (exponent, low, high) in enumerate(_with_ends(model))
            ),
        )
    lowest = max(FASTEST, min(row["mean"] for row in rows))
    scale = alt.Scale(domain=[lowest, max(0.0, *(row["mean"] for row in rows)) + 0.2], nice=False)
    y = alt.Y("mean:Q", title="Lyapunov exponent (nats per token)", scale=scale)
    title = "Direction, from the slowest to the fastest to fade"
    return _ranked(rows, scales_of(gradients["models"]), y, title, 0.0)


def _with_ends(model: Mapping[str, Any]) -> Iterator[tuple[float, float | None, float | None]]:
    """Exponents with the ends of their intervals; in older files, from the standard errors over trajectories."""
    spectrum = model["lyapunov"]
    exponents = spectrum["exponents"]
    if "low" in spectrum and "high" in spectrum:
        return zip(exponents, spectrum["low"], spectrum["high"], strict=True)
    trajectories = model.get("trajectories", 1)
    if trajectories < FEWEST:
        return ((mean, None, None) for mean in exponents)
    t = critical(1 - CONFIDENCE, trajectories - 1)
    errors = spectrum.get("standard_errors", [0.0] * len(exponents))
    return ((mean, mean - t * error, mean + t * error) for mean, error in zip(exponents, errors, strict=True))


def _ranked(rows: list[Row], scales: ModelScales, y: alt.Y, title: str, neutral: float) -> AnyChart:
    """Sorted values against their rank as a share of all, with a rule where nothing grows and nothing shrinks."""
    rows = [{**row, "neutral": neutral} for row in rows]
    x = alt.X("rank:Q", title=title, axis=alt.Axis(format="%", tickCount=5), scale=alt.Scale(domain=[0, 1]))
    base = alt.Chart(data(rows))
    rule = base.mark_rule(strokeDash=[3, 3]).encode(y=same_axis(y, "neutral"))
    return by_weights(alt.layer(rule, *banded_lines(base, x, y, scales)), rows)


def product_figure(gradients: Mapping[str, Any]) -> AnyChart:
    """Growth per step of the norm of a product of k Jacobians, and the largest exponent, which it tends to."""
    models = gradients["models"]
    rows = [
        row
        for model in models
        for row in model_rows(
            model,
            ({"k": k, "rate": norm / k, "exponent": model["lyapunov"]["exponents"][0]}
             for k, norm in zip(model["product"]["steps"], model["product"]["log_norm"], strict=True)),
        )
    ]  # fmt: skip
    scales = scales_of(models)
    base = alt.Chart(data(rows), width=PANEL_WIDTH, height=PANEL_HEIGHT)
    longest = max(row["k"] for row in rows)
    axis = alt.Axis(values=[1, 2, 5, 10, 20, 50, 100, 200])
    scale = alt.Scale(type="log", domain=[1, longest], nice=False)
    x = alt.X("k:Q", title="k (steps multiplied, log scale)", axis=axis, scale=scale)
    y = alt.Y("rate:Q", title="log ‖J(t+k) … J(t+1)‖ / k  (nats per step)")
    exponent = base.mark_rule(strokeDash=[2, 2], strokeWidth=1.4).encode(
        y="exponent:Q", color=scales.color(model_legend())
    )
    zero = base.mark_rule(color=GRID, strokeWidth=2).encode(y=alt.datum(0))
    layers = alt.layer(zero, exponent, *marked_lines(base, x, y, scales))
    return layers.facet(column=weights_header(alt.Column, rows)).properties(spacing=PANEL_SPACING)
