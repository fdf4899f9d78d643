"""What came of models that adapt to a text while they read it, typed: each way of adapting beside the static model.

Nothing here is formatted for a terminal: ``report/adaptation.py`` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NotRequired, TypeAlias, TypedDict

from rnn_lm.evaluation.figures import TextPerplexity
from rnn_lm.evaluation.intervals import Effect, Interval, Verdict
from rnn_lm.evaluation.significance import perplexity_ratio

Settings: TypeAlias = dict[str, int | float | str | None]
"""Settings of a temperature, of a cache, of dynamic evaluation, of Monte-Carlo dropout, or of several of them, by
name."""


class IntervalJson(TypedDict):
    """A perplexity and the ends of its interval, which are None where there is none."""

    perplexity: float
    low: float | None
    high: float | None


class AdaptedJson(IntervalJson):
    """An ``AdaptedFigures`` as plain values."""

    label: str
    settings: Settings
    ratio: float
    ratio_low: float | None
    ratio_high: float | None
    p_value: float | None
    verdict: Verdict


class AdaptingModelJson(TypedDict):
    """An ``AdaptingModel`` as plain values."""

    model: str
    tokens: int
    static: IntervalJson
    adapted: list[AdaptedJson]


class AdaptationJson(TypedDict):
    """What ``rnn-lm evaluate --adapt-results`` writes; see ``docs/adaptation.md``."""

    policy: Literal["stream"]
    settings_chosen_on: str | None
    temperature_chosen_on: NotRequired[str | None]
    models: list[AdaptingModelJson]


@dataclass(frozen=True)
class AdaptedFigures:
    """What one way of adapting came to.

    Attributes:
        label: what stands beside the model's name wherever a figure of it is shown.
        settings: of its parts, as the flags name them.
        perplexity: of the model while it adapts.
        effect: what adapting gains on the static model, in nats per token.
        tokens_per_second: of the reading.
    """

    label: str
    settings: Settings
    perplexity: TextPerplexity
    effect: Effect
    tokens_per_second: float

    @property
    def ratio(self) -> Interval:
        """The perplexity divided by the static one, with its interval."""
        return perplexity_ratio(self.effect)

    def to_json(self) -> AdaptedJson:
        """Return it as plain values; the speed, which differs from run to run, is not among them."""
        ratio = self.ratio
        return {
            "label": self.label,
            "settings": self.settings,
            **_interval(self.perplexity),
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "p_value": self.effect.p_value,
            "verdict": self.effect.verdict,
        }


@dataclass(frozen=True)
class AdaptingModel:
    """One model, static and adapting.

    Attributes:
        name: of the model.
        tokens: of the text to it.
        static: its perplexity where it stays as it was trained.
        adapted: each way of adapting, in the order in which they were tried.
    """

    name: str
    tokens: int
    static: TextPerplexity
    adapted: tuple[AdaptedFigures, ...] = ()

    def to_json(self) -> AdaptingModelJson:
        """Return it as plain values."""
        return {
            "model": self.name,
            "tokens": self.tokens,
            "static": _interval(self.static),
            "adapted": [one.to_json() for one in self.adapted],
        }


@dataclass(frozen=True)
class EvaluatedAdapting:
    """Several models adapting to one text, under policy stream.

    Attributes:
        models: in the order in which they were given.
        tuned_tokens: how much of valid their settings were chosen on; None where they were given.
        temperature_tuned: whether the temperature was chosen on valid as well, and not given.
        flags: what was asked for: see ``AdaptationConfig.flags``.
    """

    models: tuple[AdaptingModel, ...]
    tuned_tokens: int | None = None
    temperature_tuned: bool = False
    flags: tuple[str, ...] = ("--adapt",)

    def to_json(self) -> AdaptationJson:
        """Return it as plain values, which ``json.dumps`` takes."""
        chosen_on = None if self.tuned_tokens is None else f"the first {self.tuned_tokens} tokens of valid"
        return {
            "policy": "stream",
            "settings_chosen_on": chosen_on,
            "temperature_chosen_on": "valid" if self.temperature_tuned else None,
            "models": [one.to_json() for one in self.models],
        }


def _interval(perplexity: TextPerplexity) -> IntervalJson:
    return {"perplexity": float(perplexity), "low": perplexity.low, "high": perplexity.high}
