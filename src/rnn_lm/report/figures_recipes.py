"""The figure of a published recipe: our valid perplexity, epoch by epoch, above the paper's test perplexity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt

from rnn_lm.recipes import RECIPES
from rnn_lm.report import numbers
from rnn_lm.report.figures_compare import AnyChart, log_ticks
from rnn_lm.report.style import INK, MUTED, model_styles
from rnn_lm.training.log import ValidationRecord


def recipe_figure(name: str, validations: Sequence[ValidationRecord]) -> AnyChart:
    """The curve of one run on a log scale, and the paper's figure as a rule.

    Args:
        name: of the recipe.
        validations: of the run so far, one or more.
    """
    recipe = RECIPES[name]
    rows = [{"epoch": one.epoch, "perplexity": math.exp(one.valid_nll)} for one in validations]
    seen = [row["perplexity"] for row in rows]
    low, high = min(*seen, recipe.test_perplexity) / 1.05, max(*seen, recipe.test_perplexity) * 1.05
    x = alt.X("epoch:Q", title="Epoch", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    y = alt.Y("perplexity:Q", title="Perplexity", scale=alt.Scale(type="log", domain=[low, high]),
              axis=alt.Axis(values=log_ticks(low, high), format=",~r"))  # fmt: skip
    style = model_styles(["lstm"])["lstm"]
    curve = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    published = alt.Chart(alt.InlineData(values=[_published(recipe.test_perplexity)])).encode(y=y)
    words = published.mark_text(align="left", baseline="bottom", dx=4, dy=-3, color=INK)
    return (
        curve.mark_line(color=style.color)
        + curve.mark_point(color=style.color, size=40)
        + published.mark_rule(strokeDash=[4, 4], color=MUTED)
        + words.encode(x=alt.value(0), text="text:N")
    ).properties(title=alt.Title(name, subtitle=f"line: our valid perplexity; rule: {recipe.paper}, test"))


def _published(perplexity: float) -> Mapping[str, float | str]:
    return {"perplexity": perplexity, "text": numbers.perplexity(perplexity)}
