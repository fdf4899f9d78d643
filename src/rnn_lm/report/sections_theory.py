"""The page's section on the theory exercises: every statement with its formula, predicted and measured."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from rnn_lm.report.figures_theory import theory_figures
from rnn_lm.report.results import Results
from rnn_lm.report.sections import Block, Figure, Heading, Markup, Paragraph, Section, section
from rnn_lm.theory.mathml import to_mathml

CAPTIONS = {
    "bptt": "The product of one-step Jacobians against autograd's derivative over the same steps, and what truncation "
    "leaves out.",
    "spectral": "Measured growth or decay of the gradient over the prediction from the spectral radius; non-normal "
    "matrices grow first, whatever their radius.",
    "gating": "The gradient along the cell path over the product of forget gates, and the half-life that a forget bias "
    "gives.",
    "clipping": "What clipping does to the direction and the norm of a gradient, and descent beside a cliff with and "
    "without it.",
    "capacity": "Bits recalled of a list of symbols, against what a state of that size can hold at most.",
}
"""What the figure of each exercise shows."""


@section("theory", position=80)
def theory(results: Results) -> Section | None:
    """The five exercises."""
    part = results.get("theory")
    if not part:
        return None
    charts = theory_figures(dict(part))
    blocks: list[Block] = [
        Paragraph(
            "Each statement is derived on paper in docs/theory/ and checked here by numbers, in float64, against "
            "autograd through the cells that train."
        )
    ]
    for exercise in part["exercises"]:
        blocks += [Heading(exercise["title"]), Markup(_statements_html(exercise))]
        chart = charts.get(exercise["name"])
        if chart is not None:
            caption = CAPTIONS.get(exercise["name"]) or str(exercise["title"])
            blocks.append(Figure(f"theory-{exercise['name']}", chart, caption, caption))
    return Section("Theory, checked", "theory", tuple(blocks))


def _statements_html(exercise: Mapping[str, Any]) -> str:
    """A table whose formulas are MathML, which browsers draw without scripts. Formulas are built anew, not copied."""
    head = "".join(
        f'<th scope="col">{title}</th>' for title in ("Statement", "Formula", "Predicted", "Measured", "Verdict")
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(one["name"])}</th><td>{to_mathml(one["formula"])}</td>'
        f'<td class="right">{_figure(one["predicted"])}</td><td class="right">{_figure(one["measured"])}</td>'
        f"<td>{'holds' if one['holds'] else 'fails'}</td></tr>"
        for one in exercise["statements"]
    )
    title = f"{escape(exercise['title'])}: statements"
    table = f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll" role="region" aria-label="{title}" tabindex="0">{table}</div>'


def _figure(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float | int) else escape(str(value))
