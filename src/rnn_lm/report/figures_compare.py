"""The figures of a comparison, from plain results: perplexity, learning curves, gradient norms, seen context."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import altair as alt

from rnn_lm.report.numbers import Number
from rnn_lm.report.results import CurvePoint, GradientNorms, ModelResult, Policy, Results
from rnn_lm.report.style import INK, MUTED, ModelScales, bare_lines, lines_with_markers, model_styles
from rnn_lm.report.tables import gain_in_bits, ngram_breakdown, scored_models
from rnn_lm.report.thinning import thin, upper_envelope

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

MOST_MARKERS = 40
"""A learning curve with more points than this is drawn without markers."""


def model_scales(models: Iterable[ModelResult]) -> ModelScales:
    """The channels of these models, by label."""
    return ModelScales({model["name"]: model["label"] for model in models})


def perplexity_figure(results: Results, policy: Policy) -> AnyChart:
    """Test perplexity of every model under one policy: a marker, its 95% interval and a tick per seed."""
    models = scored_models(results, policy)
    rows = [
        {"model": model["label"], "value": f"{score['perplexity']:.1f}",
         **{key: score[key] for key in ("perplexity", "low", "high", "per_seed")}}
        for model in models
        for score in [model["perplexity"][policy]["test"]]
    ]  # fmt: skip
    scales, labels = model_scales(models), [model["label"] for model in models]
    x = alt.X("perplexity:Q", title="Test perplexity (lower is better)", scale=alt.Scale(zero=False),
              axis=alt.Axis(tickCount=7, grid=True))  # fmt: skip
    tips = _tooltips(model="Model", perplexity="Test perplexity", low="95% from", high="95% to")
    y = alt.Y("model:N", sort=labels, title=None, axis=alt.Axis(grid=False, labelColor=INK, labelFontSize=12))
    base = alt.Chart(_data(rows), height=34 * len(models)).encode(x=x, y=y, color=scales.color(), tooltip=tips)
    seeds = base.transform_flatten(["per_seed"]).mark_tick(thickness=1, height=9, opacity=0.7).encode(x="per_seed:Q")
    rules = base.mark_rule(strokeWidth=2).encode(x="low:Q", x2="high:Q")
    points = base.mark_point(size=90).encode(shape=scales.marker())
    values = (
        base.transform_calculate(end="isValid(datum.high) ? datum.high : datum.perplexity")
        .mark_text(align="left", dx=9, fontSize=12)
        .encode(x="end:Q", text="value:N", color=alt.value(INK))
    )
    return rules + seeds + points + values


def learning_figure(results: Results, by: Literal["tokens", "seconds"]) -> AnyChart:
    """Valid perplexity during training on a log scale, a line per model and seed, by tokens read or training time."""
    models = [model for model in results["models"] if model["curves"]]
    rows = [
        {"model": model["label"], "seed": curve["seed"], **point}
        for model in models
        for curve in model["curves"]
        for point in _thinned(curve["points"], by)
    ]
    title = {"tokens": "Training tokens read (millions)", "seconds": "Training time (minutes)"}[by]
    y = _log_y("valid_perplexity", "Valid perplexity", [row["valid_perplexity"] for row in rows])
    tips = _tooltips(model="Model", seed="Seed", **{by: title}, valid_perplexity="Valid perplexity")
    x = alt.X(f"{by}:Q", title=title, axis=alt.Axis(tickCount=6))
    base = alt.Chart(_data(rows)).encode(x=x, y=y, detail="seed:N", tooltip=tips)
    longest = max((len(curve["points"]) for model in models for curve in model["curves"]), default=0)
    scales = model_scales(models)
    return lines_with_markers(base, scales) if longest <= MOST_MARKERS else bare_lines(base, scales)


def _thinned(points: list[CurvePoint], by: str) -> list[dict[str, float]]:
    unit = 1e6 if by == "tokens" else 60
    kept = thin([point[by] / unit for point in points], [point["valid_perplexity"] for point in points])
    return [{by: _rounded(at), "valid_perplexity": _rounded(value)} for at, value in kept]


def norms_figure(model: ModelResult, norms: GradientNorms, domain: Sequence[Number]) -> AnyChart:
    """Global gradient norm of one seed by training step, before clipping, and the ceiling that clipping puts on it.

    After clipping only the highest norm of each stretch is drawn: where nothing is clipped the two are the same.

    Args:
        model: whose norms; it gives the color.
        norms: one seed.
        domain: lowest and highest norm of the axis; give all models the same to compare them.
    """
    kinds = ("before clipping", "highest after clipping")
    curves = (thin(norms["step"], norms["before"]), upper_envelope(norms["step"], norms["after"]))
    rows = [
        {"step": step, "norm": _rounded(norm), "when": kind}
        for kind, curve in zip(kinds, curves, strict=True)
        for step, norm in curve
        if norm > 0
    ]
    color = model_styles([model["name"]])[model["name"]].color
    legend = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=500)
    scale = alt.Scale(domain=list(kinds), range=[color, INK])
    channels = {
        "x": alt.X("step:Q", title="Training step", axis=alt.Axis(tickCount=5)),
        "y": _log_y("norm", "Gradient norm", domain),
        "color": alt.Color("when:N", scale=scale, legend=legend),
    }
    drag = alt.selection_interval(name="zoom", bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]")
    return alt.Chart(_data(rows), height=210).mark_line(strokeWidth=1).encode(**channels).add_params(drag)


def norms_domain(results: Results) -> tuple[Number, Number]:
    """The lowest and highest positive norm of all models, as a shared axis for ``norms_figure``."""
    every = [norm for model in results["models"] for norms in model["gradient_norms"]
             for norm in (*norms["before"], *norms["after"]) if norm is not None and 0 < norm < math.inf]  # fmt: skip
    return (min(every), max(every)) if every else (0.1, 10.0)


def breakdown_figure(results: Results) -> AnyChart:
    """Test perplexity by the longest context seen in training: markers side by side, with 95% intervals."""
    models = [model for model in results["models"] if model["breakdown"]]
    rows = [{"model": model["label"], **score} for model in models for score in model["breakdown"]]
    scales, labels = model_scales(models), [model["label"] for model in models]
    y = _log_y(
        "perplexity",
        "Test perplexity",
        [row[key] for row in rows for key in ("perplexity", "low", "high") if row[key] is not None],
    )
    tips = _tooltips(model="Model", match="Seen context", perplexity="Test perplexity", low="95% from", high="95% to",
                     token_count="Tokens")  # fmt: skip
    x = alt.X("match:O", title="Longest context seen in training (tokens)", scale=alt.Scale(paddingInner=0.35),
              axis=alt.Axis(labelAngle=0))  # fmt: skip
    base = alt.Chart(_data(rows)).encode(x=x, xOffset=alt.XOffset("model:N", sort=labels), y=y, tooltip=tips)
    legend = _marker_legend()
    rules = base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q", color=scales.color(legend))
    return rules + base.mark_point(size=45).encode(color=scales.color(legend), shape=scales.marker(legend))


def gain_figure(results: Results) -> AnyChart:
    """Bits per token gained on the n-gram, by the longest context seen in training."""
    baseline = {score["match"]: score for score in ngram_breakdown(results)}
    models = [model for model in results["models"] if model["breakdown"] and model["kind"] != "ngram"]
    rows = [
        {"model": model["label"], "match": score["match"], "tokens": score["token_count"],
         "gain": _rounded(gain_in_bits(baseline[score["match"]], score))}
        for model in models
        for score in model["breakdown"]
        if score["match"] in baseline
    ]  # fmt: skip
    tips = _tooltips(model="Model", match="Seen context", gain="Bits per token gained", tokens="Tokens")
    x = alt.X("match:O", title="Longest context seen in training (tokens)", axis=alt.Axis(labelAngle=0))
    y = alt.Y("gain:Q", title="Bits per token gained on the n-gram", axis=alt.Axis(tickCount=6))
    base = alt.Chart(_data(rows)).encode(x=x, y=y, tooltip=tips)
    zero = alt.Chart(_data([{"zero": 0}])).mark_rule(color=MUTED).encode(y="zero:Q")
    return lines_with_markers(base, model_scales(models)) + zero


def _marker_legend() -> alt.Legend:
    return alt.Legend(title=None, orient="top", direction="horizontal", columns=6)


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    return alt.InlineData(values=rows)


def _tooltips(**titles: str) -> list[alt.Tooltip]:
    """Tooltips for these fields with these titles; numbers are rounded to four digits for the eye."""
    words = {"model", "match", "seed"}
    integers = {"token_count", "tokens"} - ({"tokens"} if "millions" in titles.get("tokens", "") else set())
    forms = {name: "," if name in integers else ",.4~r" for name in titles if name not in words}
    return [
        alt.Tooltip(name, type="quantitative", title=title, format=forms[name])
        if name in forms
        else alt.Tooltip(name, type="nominal", title=title)
        for name, title in titles.items()
    ]


def _log_y(field: str, title: str, values: Sequence[Number]) -> alt.Y:
    """A log axis that reaches just past ``values``: rounding it to powers of ten would leave much of it empty."""
    low, high = (min(values) / 1.08, max(values) * 1.08) if values else (1.0, 10.0)
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(values=log_ticks(low, high), format=",~r"))


def log_ticks(low: Number, high: Number) -> list[float]:
    """About four to ten round numbers between ``low`` and ``high``, evenly enough spread on a log axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(1 + i / 10 for i in range(90)))
    for mantissas in steps:
        ticks = [float(f"{m * 10.0**k:.6g}") for k in decades for m in mantissas if low <= m * 10.0**k <= high]
        if len(ticks) >= 4:
            return ticks if len(ticks) <= 12 else ticks[:: len(ticks) // 6]
    return [float(f"{low:.4g}"), float(f"{high:.4g}")]


def _rounded(value: Number) -> float:
    return float(f"{value:.6g}")
