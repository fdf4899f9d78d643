"""A reading study as a table, and as the figure of the field: psychometric power against perplexity."""

from __future__ import annotations

from collections.abc import Iterator

import altair as alt

from rnn_lm.evaluation.intervals import Effect
from rnn_lm.reading.study import ModelPower, Study
from rnn_lm.report import numbers
from rnn_lm.report.figures_compare import AnyChart, log_ticks
from rnn_lm.report.style import INK, MUTED, ModelScales
from rnn_lm.report.tables import Column, Table, text_column
from rnn_lm.report.terminal import WIDTH, tables_text

_MILLINATS = 1000


def study_lines(study: Study, width: int = WIDTH) -> Iterator[str]:
    """Every line that ``rnn-lm surprisal --reading-times`` prints, in ``width`` columns."""
    yield from tables_text([study_table(study)], width).splitlines()


def study_table(study: Study) -> Table:
    """A row for each model."""
    several = len(study.models) > 1
    columns = [text_column("Model"), Column("Perplexity"), Column("Gain, millinats a word"), Column("p")]
    columns += [Column("ms a bit"), Column("of the word before")]
    rows = []
    for model in study.models:
        own, before, *_ = model.milliseconds_per_bit
        row = [model.name, numbers.perplexity(model.perplexity), _effect(model.gain)]
        row += [numbers.p_value(model.gain.p_value), f"{own:+.2f}", f"{before:+.2f}"]
        rows.append((*row, *([_beside(model)] if several else [])))
    if several:
        columns.append(text_column(f"Gain over {study.models[0].name}'s"))
    left = ", ".join(f"{count:,} {reason}" for reason, count in study.left_out.items())
    notes = (
        "gain: in log-likelihood of log reading time by a regression that also has surprisal (of the word and the two "
        "before),",
        "over length and frequency with the same spill-over; on stories left out in turn; 95 % by the jackknife over "
        "stories",
        f"left out: {left}",
    )
    caption = f"{study.source}: {study.words:,} words, policy {study.policy}"
    return Table(caption, tuple(columns), tuple(rows), notes=notes)


def _effect(effect: Effect) -> str:
    if effect.low is None or effect.high is None:
        return f"{_MILLINATS * effect.effect:.2f} ({effect.note})"
    return " ".join(
        (f"{_MILLINATS * effect.effect:.2f}", f"[{_MILLINATS * effect.low:.2f}, {_MILLINATS * effect.high:.2f}]")
    )


def _beside(model: ModelPower) -> str:
    if model.beside_first is None:
        return ""
    return f"{_effect(model.beside_first)}, p {numbers.p_value(model.beside_first.p_value)}"


def power_figure(study: Study) -> AnyChart:
    """Gain in log-likelihood by perplexity, a marker and an interval for each model."""
    rows = [
        {
            "model": model.name,
            "perplexity": model.perplexity,
            "gain": _MILLINATS * model.gain.effect,
            "low": None if model.gain.low is None else _MILLINATS * model.gain.low,
            "high": None if model.gain.high is None else _MILLINATS * model.gain.high,
        }
        for model in study.models
    ]
    scales = ModelScales({_family(model.name): model.name for model in study.models})
    seen = [model.perplexity for model in study.models]
    low, high = min(seen) / 1.1, max(seen) * 1.1
    x = alt.X("perplexity:Q", title="Perplexity of these words (log scale; lower is better)",
              scale=alt.Scale(type="log", domain=[low, high]),
              axis=alt.Axis(values=log_ticks(low, high), format=",~r"))  # fmt: skip
    y = alt.Y("gain:Q", title="Psychometric power, millinats a word")
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, color=scales.color())
    rules = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q"), y2="high:Q")
    points = base.mark_point(size=110).encode(y=y, shape=scales.marker())
    names = base.mark_text(align="left", dx=9, dy=-9, fontSize=12).encode(y=y, text="model:N", color=alt.value(INK))
    zero = alt.Chart(alt.InlineData(values=[{"gain": 0}])).mark_rule(color=MUTED, strokeDash=[4, 4]).encode(y="gain:Q")
    return zero + rules + points + names


def _family(name: str) -> str:
    """``lstm`` for ``lstm-seed1``: what is drawn in one color."""
    return name.partition("-")[0]
