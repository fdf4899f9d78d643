"""The figures of ``rnn-lm evaluate --adapt`` as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.adaptation.figures import AdaptedFigures, AdaptingModel, EvaluatedAdapting, Settings
from rnn_lm.evaluation.intervals import number_text
from rnn_lm.limits import flag
from rnn_lm.report.evaluation import figures_text, p_value_text

HEADER = "context policy stream, adapting to the text while reading it (not comparable with static figures)"


def newest_adapted(figures: EvaluatedAdapting) -> Iterator[str]:
    """The lines of what was scored last: a static model, below the header where it is the first, or one adapting."""
    model = figures.models[-1]
    if model.adapted:
        yield from _adapted(model, model.adapted[-1], tuned=figures.tuned_tokens is not None)
    else:
        if len(figures.models) == 1:
            yield HEADER
        yield f"  {model.name}, static: {figures_text(model.static)}"


def _adapted(model: AdaptingModel, adapted: AdaptedFigures, *, tuned: bool) -> Iterator[str]:
    ratio = adapted.ratio
    yield f"  {model.name} {adapted.label}: {figures_text(adapted.perplexity)}"
    yield (
        f"    perplexity x {number_text(ratio.value)} {ratio.text('.3f')} "
        f"of its static one{p_value_text(adapted.effect.p_value)}; {adapted.tokens_per_second:,.0f} tokens/s"
    )
    yield f"    {'chosen on valid' if tuned else 'settings'}: {as_flags(adapted.settings)}"


def as_flags(settings: Settings) -> str:
    """What gives the same settings again."""
    return " ".join(f"{flag(name)} {value}" for name, value in settings.items())
