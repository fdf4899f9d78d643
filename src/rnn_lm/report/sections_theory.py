"""The page's section on the theory exercises: every statement with its formula, predicted and measured."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup as Safe

from rnn_lm.report.figures_theory import theory_figures
from rnn_lm.report.results import Results
from rnn_lm.report.sections import Block, Figure, Folded, Heading, Markup, Paragraph, Section, section
from rnn_lm.theory.mathml import to_mathml
from rnn_lm.theory.results import Exercise, StatementJson

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
    "linear": "The gradient of a minGRU by lag, measured, over the product of its gates; and the parity of a run of "
    "ones, which positive gates cannot follow.",
}
"""What the figure of each exercise shows."""
TELLING = {
    "bptt": "gradient as a sum over pairs",
    "spectral": "linear network: rate is the log of the radius",
    "gating": "LSTM: direct path = product of forget gates",
    "clipping": "norm clipping: every lag is scaled alike",
    "capacity": "attention recalls more than any fixed state",
    "linear": "the derivative is a product of gates, without a matrix",
}
"""The statement of each exercise that is seen before the others are unfolded."""


@section("theory", position=80)
def theory(results: Results) -> Section | None:
    """The exercises."""
    part = results.get("theory")
    if not part:
        return None
    charts = theory_figures(part)
    blocks: list[Block] = [
        Paragraph(
            "Each statement is derived on paper in docs/theory/ and checked here by numbers, in float64, against "
            "autograd through the cells that train."
        )
    ]
    for exercise in part["exercises"]:
        blocks += [Heading(exercise["title"]), _folded(exercise)]
        chart = charts.get(exercise["name"])
        if chart is not None:
            caption = CAPTIONS.get(exercise["name"]) or str(exercise["title"])
            blocks.append(Figure(f"theory-{exercise['name']}", chart, caption, caption))
    return Section("Theory, checked", "theory", tuple(blocks))


def _folded(exercise: Exercise) -> Folded:
    """The statements of an exercise: one to be seen, which is one that fails where one does."""
    statements = exercise["statements"]
    fails = [one for one in statements if not one["holds"]]
    named = [one for one in statements if one["name"] == TELLING.get(exercise["name"])]
    hold = f"{len(fails)} of {len(statements)} statements fail" if fails else f"All {len(statements)} statements hold"
    telling = next(iter((*fails, *named, *statements)), None)
    shown = [] if telling is None else [telling]
    return Folded(hold, Markup(_statements(exercise, shown)), Markup(_statements(exercise, statements)))


def _statements(exercise: Exercise, statements: Sequence[StatementJson]) -> Safe:
    """A table whose formulas are MathML, which browsers draw without scripts. Formulas are built anew, not copied."""
    titles = ("Statement", "Formula", "Predicted", "Measured", "Verdict")
    head = Safe("").join(Safe('<th scope="col">{}</th>').format(title) for title in titles)
    row = Safe(
        '<tr><th scope="row">{}</th><td>{}</td><td class="right">{}</td><td class="right">{}</td><td>{}</td></tr>'
    )
    rows = Safe("").join(
        row.format(
            one["name"],
            Safe(to_mathml(one["formula"])),  # which escapes every token
            _figure(one["predicted"]),
            _figure(one["measured"]),
            "holds" if one["holds"] else "fails",
        )
        for one in statements
    )
    return Safe(
        '<div class="scroll" role="region" aria-label="{0}" tabindex="0"><table><caption>{0}</caption>'
        "<thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
    ).format(f"{exercise['title']}: statements", head, rows)


def _figure(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float | int) else value
