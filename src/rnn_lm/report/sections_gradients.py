"""The page's section on gradients by lag, Jacobians and clipping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnn_lm.report.figures_gradients import gradient_charts
from rnn_lm.report.results import Results
from rnn_lm.report.sections import Block, Figure, Heading, Paragraph, Section, section
from rnn_lm.report.tables import Table
from rnn_lm.report.tables_gradients import (
    clipping_table,
    decay_table,
    has_truncation,
    jacobians_table,
    truncation_table,
)

CAPTIONS = {
    "gradient-norm-by-lag": "How much of one token's loss reaches the hidden state k tokens earlier: geometric mean, "
    "band from the 10th to the 90th percentile over positions. Thin dots: the slope that the Jacobians' exponents "
    "predict for the far lags. By what the next step reads, where that is not the hidden state (QRNN, HGRN).",
    "gradient-prediction": "The same norm, measured by autograd (dots), and predicted from Jacobians alone (line), at "
    "the same positions. Where the dashed slope of the largest exponent parts from the dots, the loss does not see the "
    "slowest direction. Of a linear cell the line is the product of its gates, and exact.",
    "gradient-lstm-paths": "The LSTM's two ways back: along the cell, where only forget gates multiply, and through "
    "gates and recurrent weights.",
    "gradient-truncation": "Share of the gradient of the recurrent weights that truncated BPTT leaves out.",
    "jacobian-trajectory": "What one step does to a small change of the state, while trained models read a stretch of "
    "the valid text.",
    "jacobian-singular-values": "By how much one step stretches or shrinks each direction of the state: sorted, mean "
    "and 10th to 90th percentile over tokens.",
    "jacobian-product": "Growth per step of the norm of the product of k Jacobians. It tends to the largest Lyapunov "
    "exponent (dots): what a single Jacobian promises, the product does not keep.",
    "lyapunov-spectrum": "Lyapunov exponents: the rate at which a change fades along each direction of the state, with "
    "95% intervals over trajectories.",
    "clipping-norms": "Exploding setting: gradient norm of every seed before and after clipping. A cross: the run "
    "ended, its loss or gradient no longer a number.",
    "clipping-outcome": "Exploding setting: valid perplexity of every run that ended in numbers.",
    "clipping-vanishing": "Vanishing setting: gradient by lag after training with each way of clipping. The first "
    "three are the same to the last bit.",
}
"""What each figure shows."""


@section("gradients", position=70)
def gradients(results: Results) -> Section | None:
    """Decay by lag, Jacobians, truncation and clipping, each with its table."""
    part = results.get("gradients")
    if not part:
        return None
    charts = dict(gradient_charts(part))

    def figures(names: tuple[str, ...], *tables: Table) -> tuple[Block, ...]:
        return tuple(_figure(name, charts[name]) for name in names if name in charts) + tables

    decay = figures(("gradient-norm-by-lag", "gradient-prediction", "gradient-lstm-paths"), decay_table(part))
    cut = figures(("gradient-truncation",), truncation_table(part)) if has_truncation(part) else ()
    spectra = ("jacobian-trajectory", "jacobian-singular-values", "jacobian-product", "lyapunov-spectrum")
    jacobians = figures(spectra, jacobians_table(part))
    tables = (clipping_table(part, "exploding"), clipping_table(part, "vanishing"))
    clipping = figures(("clipping-norms", "clipping-outcome", "clipping-vanishing"), *tables)
    return Section(
        "Gradients through time",
        "gradients",
        (
            _introduction(part),
            *(Heading("Decay by lag"), *decay),
            *((Heading("Truncation"), *cut) if cut else ()),
            *(Heading("Jacobians and Lyapunov exponents"), *jacobians),
            *(Heading("Clipping"), *clipping),
        ),
    )


def _introduction(part: Mapping[str, Any]) -> Paragraph:
    return Paragraph(
        f"Measured in double precision on the {part['text']}, for models as initialized and as trained. "
        "docs/gradients.md in the repository defines every figure."
    )


def _figure(name: str, chart: Any) -> Figure:
    return Figure(name=name, chart=chart, caption=CAPTIONS[name], description=CAPTIONS[name])
