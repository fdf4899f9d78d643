"""Figures of the clipping experiment, from the "gradients" part of a results file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

from rnn_lm.report.gradient_panels import Row, data, log_y, positive, stroke_legend
from rnn_lm.report.style import INK, MUTED

COLORS = ("#d55e00", "#0072b2", "#e69f00", "#009e73")
DASHES = ([1, 0], [10, 4], [3, 3], [8, 3, 2, 3])
WIDTHS = (6.0, 3.0, 1.5, 2.0)
"""One after the other by way of clipping; the first line is wide, so that lines that coincide with it show on top."""


def clipping_norms_figure(gradients: Mapping[str, Any]) -> alt.FacetChart:
    """Gradient norm by step in the exploding setting, one line per seed, a cross where a run ended."""
    clips = _clips(gradients, "exploding")
    kinds = {"before": "before clipping", "after": "after clipping"}
    rows = [
        {"clip": run["clip"], "seed": run["seed"], "step": step, "norm": positive(norm), "kind": label,
         "end": run["stopped_at"] == step + 1}
        for kind, label in kinds.items()
        for run in gradients["clipping"]["runs"]
        if run["setting"] == "exploding" and (kind == "before" or run["norms"]["after"] != run["norms"]["before"])
        for step, norm in enumerate(run["norms"][kind], start=1)
    ]  # fmt: skip
    scale = alt.Scale(domain=list(kinds.values()), range=[COLORS[0], INK])
    x = alt.X("step:Q", title="Training step", axis=alt.Axis(tickCount=4))
    y = log_y("norm", "Gradient norm", [row["norm"] for row in rows])
    base = alt.Chart(data(rows), width=210, height=220).encode(x=x, y=y)
    lines = base.mark_line(strokeWidth=1.2).encode(
        color=alt.Color("kind:N", scale=scale, legend=stroke_legend()), detail="seed:N"
    )
    crosses = base.transform_filter("datum.end").mark_point(shape="cross", size=60, angle=45, color=INK)
    return alt.layer(lines, crosses).facet(column=alt.Column("clip:N", title=None, sort=clips)).properties(spacing=30)


def clipping_outcome_figure(gradients: Mapping[str, Any]) -> alt.LayerChart | alt.FacetChart:
    """Final valid perplexity of every run that ended in numbers, by way of clipping; how many diverged, in words."""
    part = gradients["clipping"]
    clips, guessing = _clips(gradients, "exploding"), part["vocabulary_size"]
    runs = [run for run in part["runs"] if run["setting"] == "exploding"]
    points = [{"clip": run["clip"], "perplexity": run["final_perplexity"]} for run in runs if not run["diverged"]]
    words = [{"clip": clip, "text": _in_words([run for run in runs if run["clip"] == clip])} for clip in clips]
    low = min([point["perplexity"] for point in points], default=guessing / 10) / 1.2
    scale = alt.Scale(type="log", domain=[low, guessing], nice=False)
    axis = alt.Axis(values=[20, 30, 50, 70, 100, 150, 200, 300, 500, 1000], grid=True)
    title = "Valid perplexity at the end (log scale; right edge: guessing every word alike)"
    y = alt.Y("clip:N", sort=clips, title=None, axis=alt.Axis(grid=False, labelColor=INK, labelFontSize=12))
    dots = alt.Chart(data(points), height=40 * len(clips)).mark_point(size=70, filled=False, color=COLORS[1])
    text = alt.Chart(data([{**row, "at": guessing} for row in words])).mark_text(align="right", dx=-8, fontSize=12)
    return alt.layer(
        dots.encode(x=alt.X("perplexity:Q", title=title, scale=scale, axis=axis), y=y),
        text.encode(x=alt.X("at:Q", scale=scale), y=y, text="text:N"),
    )


def _in_words(runs: list[Row]) -> str:
    stopped = sorted(run["stopped_at"] for run in runs if run["stopped_at"] is not None)
    steps = f", not a number at step {stopped[0]} to {stopped[-1]}" if stopped else ""
    return f"{sum(run['diverged'] for run in runs)} of {len(runs)} diverged{steps}"


def vanishing_figure(gradients: Mapping[str, Any]) -> alt.Chart:
    """Norm by lag of models trained with each way of clipping in the vanishing setting, relative to lag 0, one seed."""
    clips = _clips(gradients, "vanishing")
    runs = [
        run
        for run in gradients["clipping"]["runs"]
        if run["setting"] == "vanishing" and run["by_lag"] and run["by_lag"][0] > 0
    ]
    first = min((run["seed"] for run in runs), default=0)
    rows = [
        {"clip": run["clip"], "lag": lag, "norm": positive(norm / run["by_lag"][0])}
        for run in runs
        if run["seed"] == first
        for lag, norm in enumerate(run["by_lag"])
    ]
    legend = stroke_legend(columns=2, labelLimit=300)

    def scale(values: tuple[Any, ...]) -> alt.Scale:
        return alt.Scale(domain=clips, range=list(values))

    y = log_y("norm", "Norm of ∂loss(T) / ∂h(T−k), lag 0 = 1", [row["norm"] for row in rows], 1e-300)
    return (
        alt.Chart(data(rows), height=240)
        .mark_line()
        .encode(
            x=alt.X("lag:Q", title="Lag k (tokens back)", axis=alt.Axis(tickCount=8)),
            y=y,
            color=alt.Color("clip:N", scale=scale((MUTED, *COLORS[1:])), legend=legend),
            strokeDash=alt.StrokeDash("clip:N", scale=scale(DASHES), legend=legend),
            strokeWidth=alt.StrokeWidth("clip:N", scale=scale(WIDTHS), legend=legend),
        )
    )


def _clips(gradients: Mapping[str, Any], setting: str) -> list[str]:
    return [row["clip"]["name"] for row in gradients["clipping"]["rows"] if row["setting"]["name"] == setting]
