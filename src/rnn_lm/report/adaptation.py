"""The figures of ``rnn-lm evaluate --adapt`` as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.adaptation.figures import AdaptedFigures, AdaptingModel, EvaluatedAdapting, Settings
from rnn_lm.evaluation.intervals import number_text
from rnn_lm.limits import flag
from rnn_lm.report.evaluation import figures_text, p_value_text

_SAID = {
    "--adapt": "adapting to the text while reading it",
    "--temperature": "with a temperature",
    "--mc-dropout": "with Monte-Carlo dropout",
}
TEMPERATURE = "temperature"
"""The one setting that ``--tune`` does not choose: ``--temperature auto`` does."""
HEADER = "context policy stream, {} (not comparable with static figures)"


def newest_adapted(figures: EvaluatedAdapting) -> Iterator[str]:
    """The lines of what was scored last: a static model, below the header where it is the first, or one adapting."""
    model = figures.models[-1]
    if model.adapted:
        yield from _adapted(model, model.adapted[-1], figures)
    else:
        if len(figures.models) == 1:
            said = [_SAID[flag] for flag in figures.flags if flag == "--adapt" or "--adapt" not in figures.flags]
            yield HEADER.format(" and ".join(said))
        yield f"  {model.name}, static: {figures_text(model.static)}"


def _adapted(model: AdaptingModel, adapted: AdaptedFigures, figures: EvaluatedAdapting) -> Iterator[str]:
    ratio = adapted.ratio
    yield f"  {model.name} {adapted.label}: {figures_text(adapted.perplexity)}"
    yield (
        f"    perplexity x {number_text(ratio.value)} {ratio.text('.3f')} "
        f"of its static one{p_value_text(adapted.effect.p_value)}; {adapted.tokens_per_second:,.0f} tokens/s"
    )
    yield f"    {_origin(adapted.settings, figures)}: {as_flags(adapted.settings)}"


def _origin(settings: Settings, figures: EvaluatedAdapting) -> str:
    """Where settings come from, the temperature perhaps from elsewhere than the others."""
    tuned = {
        name: figures.temperature_tuned if name == TEMPERATURE else figures.tuned_tokens
        for name in settings
        if not name.startswith("mc_")
    }
    if not tuned:
        return "settings"
    if len(set(map(bool, tuned.values()))) == 1:
        return "chosen on valid" if any(tuned.values()) else "settings"
    return f"settings ({TEMPERATURE if tuned[TEMPERATURE] else 'all but the ' + TEMPERATURE} chosen on valid)"


def as_flags(settings: Settings) -> str:
    """What gives the same settings again."""
    return " ".join(f"{flag(name)} {value}" for name, value in settings.items())
