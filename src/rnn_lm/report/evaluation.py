"""The figures of ``rnn-lm evaluate`` as lines for a terminal, and as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rnn_lm.evaluation.figures import Difference, Evaluated, PolicyFigures, TextPerplexity
from rnn_lm.evaluation.intervals import number_text
from rnn_lm.report.tables import POLICIES, Column, Table, text_column


def header(figures: PolicyFigures) -> str:
    """The line above the models of a policy."""
    counts = " / ".join(f"{count:,}" for count in dict.fromkeys(figures.tokens))
    return f"context policy {figures.policy} ({counts} tokens, {figures.words:,} words, <eos> counted)"


def newest(figures: PolicyFigures) -> Iterator[str]:
    """The lines of the model that was scored last, below the policy's where it is the first."""
    if len(figures.models) == 1:
        yield header(figures)
    model = figures.models[-1]
    yield f"  {model.name:<20} {figures_text(model.perplexity)}"
    if model.difference is not None:
        yield f"  {'':<20} {difference_text(model.difference)}"


def note_lines(evaluated: Evaluated) -> Iterator[str]:
    """The lines below all figures."""
    yield from (f"note: {note}" for note in evaluated.notes)


def evaluation_lines(evaluated: Evaluated) -> Iterator[str]:
    """Every line that ``rnn-lm evaluate`` prints."""
    for figures in evaluated.policies.values():
        for count in range(1, len(figures.models) + 1):
            yield from newest(PolicyFigures(figures.policy, figures.words, figures.tokens, figures.models[:count]))
    yield from note_lines(evaluated)


def evaluation_tables(evaluated: Evaluated) -> list[Table]:
    """A table for each policy, a row for each model."""
    columns = (
        text_column("Model"), Column("Perplexity"), Column("95% interval"), Column("Bits per token"),
        Column("Bits per char."), text_column("Against the first"),
    )  # fmt: skip
    tables = []
    for policy, figures in evaluated.policies.items():
        rows = tuple(
            (
                model.name,
                number_text(model.perplexity, ".2f"),
                model.perplexity.interval.text() if model.perplexity.low is not None else "–",
                number_text(model.perplexity.bits_per_token),
                "–" if (bits := model.perplexity.bits_per_character) is None else number_text(bits),
                "" if model.difference is None else difference_text(model.difference),
            )
            for model in figures.models
        )
        tables.append(Table(f"Policy “{policy}”: {POLICIES[policy]}", columns, rows, notes=evaluated.notes))
    return tables


def p_value_text(p_value: float | None) -> str:
    """To stand after a difference: nothing where there is no p-value."""
    return "" if p_value is None else f", p = {p_value:.2g}"


def difference_text(difference: Difference) -> str:
    """How a model compares with the first, or why it does not."""
    value, baseline = difference.value, difference.baseline
    if value is None:
        return f"not compared with {baseline}: {difference.reason}"
    p_value = p_value_text(difference.p_value)
    if difference.unit == "character":
        return f"{value.value:+.3f} bits/character {value.text('+.3f')} against {baseline}{p_value}"
    unit = " per word" if difference.unit == "word" else ""
    return f"perplexity{unit} x {number_text(value.value)} {value.text('.3f')} of {baseline}'s{p_value}"


def figures_text(perplexity: TextPerplexity) -> str:
    """Perplexity with its interval, and bits, in a line; per word where that is not what a token is.

    What is ``<unk>`` stands behind them; figures that it leaves without meaning do not stand there at all.
    """
    total, reading, interval = perplexity.total, perplexity.reading, perplexity.interval
    if not math.isfinite(total.nll_sum):
        return f"perplexity inf ({perplexity.note}){reading.beside(total)}"
    parts = [
        f"perplexity {number_text(interval.value, '8.2f')} {interval.text()}",
        f"{total.bits_per_token:.3f} bits/token",
    ]
    if (bits := reading.bits_per_character(total)) is not None:
        parts.append(f"{bits:.3f} bits/character")
    per_word = reading.perplexity_per_word(total)
    if per_word is not None and total.words != total.token_count:
        parts.append(f"{per_word:.2f} per word")
    return "  ".join(parts) + reading.beside(total)
