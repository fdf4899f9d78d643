"""What came of scoring a text, typed: a perplexity with all that belongs to it, and several models side by side.

Nothing here is formatted for a page or a terminal: ``report/evaluation.py`` does that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from rnn_lm.evaluation.intervals import Effect, Interval
from rnn_lm.evaluation.perplexity import Perplexity, Policy
from rnn_lm.evaluation.score import Score
from rnn_lm.evaluation.significance import RUNS, Plan, Scores, perplexity_interval
from rnn_lm.evaluation.unknown import Reading

Unit: TypeAlias = Literal["token", "word", "character"]
_IMPOSSIBLE = "a token has the probability 0"


class TextPerplexity(float):
    """A model's perplexity on a text: a number that knows its interval, its counts and what of the text is ``<unk>``.

    It computes and is formatted as any float; where it is printed, what a reader must know stands beside it.

    >>> import rnn_lm
    >>> from pathlib import Path
    >>> perplexity = rnn_lm.load("runs/kn").perplexity(Path("test.txt"))
    >>> perplexity
    2.13 [2.00, 2.28] (sentence, 373 tokens)
    >>> f"{perplexity:.3f}", perplexity / 2 > 1, perplexity.low < perplexity < perplexity.high
    ('2.132', True, True)
    >>> perplexity.to_json()["token_count"]
    373

    Attributes:
        policy: the context policy; figures of different policies are never compared.
        interval: of 95 %, over other texts of this kind (and other trainings, where there were several seeds).
        total: nats and counts that it is made of.
        reading: how the model reads the text: how much is ``<unk>``, and whether figures per word mean something.
        per_seed: the perplexity of each training; one where there is one model.
    """

    policy: Policy
    interval: Interval
    total: Perplexity
    reading: Reading
    per_seed: tuple[float, ...]

    @classmethod
    def of(cls, seeds: Sequence[Scores], reading: Reading, plan: Plan = RUNS) -> TextPerplexity:
        """Return the perplexity of one model.

        Args:
            seeds: its scores of the text, a training each.
            reading: see the class.
            plan: what the interval takes for one observation.

        Raises:
            ValueError: the scores are of different texts or policies, or there are none.
        """
        total = seeds[0].total
        for one in seeds[1:]:
            total = total + one.total
        if math.isfinite(total.nll_sum):
            interval = perplexity_interval(seeds, plan)
        else:
            interval = Interval(math.inf, None, None, 0, _IMPOSSIBLE)
        return cls._made(seeds[0].policy, interval, total, reading, tuple(one.total.perplexity for one in seeds))

    @classmethod
    def _made(
        cls, policy: Policy, interval: Interval, total: Perplexity, reading: Reading, per_seed: tuple[float, ...]
    ) -> TextPerplexity:
        made = cls(interval.value)
        made.policy, made.interval, made.total, made.reading, made.per_seed = policy, interval, total, reading, per_seed
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return self._made, (self.policy, self.interval, self.total, self.reading, self.per_seed)

    @property
    def low(self) -> float | None:
        """The lower end of the interval; None where there is none, and ``note`` says why."""
        return self.interval.low

    @property
    def high(self) -> float | None:
        """The upper end of the interval; None where there is none."""
        return self.interval.high

    @property
    def note(self) -> str:
        """Why there is no interval; empty where there is one."""
        return self.interval.note

    @property
    def token_count(self) -> int:
        """Tokens scored by each training, ``<eos>`` included."""
        return self.total.token_count // len(self.per_seed)

    @property
    def bits_per_token(self) -> float:
        """The mean NLL of a token in bits."""
        return self.total.bits_per_token

    @property
    def bits_per_character(self) -> float | None:
        """The same spread over the characters; None where ``<unk>`` leaves it without meaning."""
        return self.reading.bits_per_character(self.total)

    @property
    def perplexity_per_word(self) -> float | None:
        """Comparable between tokenizations; None where words do not stand apart, or too much is ``<unk>``."""
        return self.reading.perplexity_per_word(self.total)

    @property
    def unk_share(self) -> float:
        """Share of the tokens, ``<eos>`` not among them, that are ``<unk>`` to the model."""
        return self.reading.unk_share

    @property
    def perplexity_without_unk(self) -> float | None:
        """That of the tokens which are not ``<unk>``."""
        return self.total.perplexity_without_unk

    def to_json(self) -> Score:
        """Return it as plain values, by the names that a results file has for them."""
        score: Score = {
            "perplexity": float(self),
            "low": self.low,
            "high": self.high,
            "per_seed": list(self.per_seed),
            "bits_per_token": self.bits_per_token,
            "bits_per_character": self.bits_per_character,
            "perplexity_per_word": self.perplexity_per_word,
            "unk_share": self.unk_share,
            "perplexity_without_unk": self.perplexity_without_unk,
            "token_count": self.token_count,
        }
        if self.note:
            score["note"] = self.note
        return score

    def __repr__(self) -> str:
        shown = "" if self.low is None else f" {self.interval.text()}"
        unknown = f", {self.unk_share:.2%} <unk>" if self.unk_share else ""
        return f"{float(self):.2f}{shown} ({self.policy}, {self.token_count:,} tokens{unknown})"

    __str__ = __repr__


class DifferenceJson(TypedDict):
    """A ``Difference`` as plain values; ``ratio`` or ``bits`` is there, or ``reason`` says why neither is."""

    baseline: str
    unit: NotRequired[Unit]
    ratio: NotRequired[float]
    bits: NotRequired[float]
    low: float | None
    high: float | None
    p_value: float | None
    reason: str


@dataclass(frozen=True)
class Difference:
    """How one model's figures on a text compare with another's, sentence paired with sentence.

    >>> import rnn_lm
    >>> difference = rnn_lm.evaluate(["runs/tiny", "runs/kn"], progress=False)["sentence"]["kn"].difference
    >>> difference.baseline, difference.unit, difference.p_value < 0.001
    ('tiny', 'token', True)
    >>> 0 < difference.value.low < difference.value.value < difference.value.high < 1
    True

    Attributes:
        baseline: the other model's name.
        unit: what the two are compared by: the token where they have the same, else the word, or the character where
            words are not set apart; None where they are not compared.
        value: the ratio of the perplexities per ``unit``, below 1 where the system is better; per character the
            difference in bits, below 0 where it is better.
        p_value: two-sided, against no difference; None where it could not be tested.
        reason: why the two are not compared, or why there is neither interval nor p-value.
    """

    baseline: str
    unit: Unit | None
    value: Interval | None
    p_value: float | None
    reason: str = ""

    @classmethod
    def tested(cls, baseline: str, unit: Unit, value: Interval, effect: Effect) -> Difference:
        """Return a difference that was measured."""
        return cls(baseline, unit, value, effect.p_value, effect.note)

    @classmethod
    def untested(cls, baseline: str, reason: str) -> Difference:
        """Return that two models are not compared, and why."""
        return cls(baseline, None, None, None, reason)

    def to_json(self) -> DifferenceJson:
        """Return it as plain values."""
        if self.value is None or self.unit is None:
            return {"baseline": self.baseline, "low": None, "high": None, "p_value": None, "reason": self.reason}
        found: DifferenceJson = {
            "baseline": self.baseline,
            "unit": self.unit,
            "low": self.value.low,
            "high": self.value.high,
            "p_value": self.p_value,
            "reason": self.reason,
        }
        found["bits" if self.unit == "character" else "ratio"] = self.value.value
        return found


@dataclass(frozen=True)
class ModelFigures:
    """One model's perplexity on the text.

    >>> import rnn_lm
    >>> figures = rnn_lm.evaluate("runs/kn", progress=False)["stream"]["kn"]
    >>> f"{figures.perplexity:.2f}", figures.difference
    ('2.12', None)

    Attributes:
        name: of the model.
        perplexity: with its interval and counts.
        difference: from the first model; None for the first itself.
    """

    name: str
    perplexity: TextPerplexity
    difference: Difference | None = None


@dataclass(frozen=True)
class PolicyFigures:
    """All models on the text under one context policy.

    >>> import rnn_lm
    >>> stream = rnn_lm.evaluate(["runs/tiny", "runs/kn"], progress=False)["stream"]
    >>> [model.name for model in stream.models], stream.tokens, stream.words
    (['tiny', 'kn'], (387, 387), 387)

    Attributes:
        policy: "stream" or "sentence".
        words: of the text, ``<eos>`` counted, the same for every model.
        tokens: of the text to each model.
        models: in the order in which they were given.
    """

    policy: Policy
    words: int
    tokens: tuple[int, ...]
    models: tuple[ModelFigures, ...]

    def __getitem__(self, name: str) -> ModelFigures:
        """The figures of the model called ``name``; raises ``KeyError`` where there is none."""
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)


class ModelFiguresJson(TypedDict):
    """A ``ModelFigures`` as plain values."""

    name: str
    score: Score
    difference: DifferenceJson | None


class PolicyFiguresJson(TypedDict):
    """A ``PolicyFigures`` as plain values."""

    words: int
    models: list[ModelFiguresJson]


class EvaluationJson(TypedDict):
    """What ``rnn-lm evaluate --json`` writes; see ``docs/formats.md``. A perplexity that is infinite is None."""

    format: str
    version: int
    policies: dict[Policy, PolicyFiguresJson]
    notes: list[str]


@dataclass(frozen=True)
class Evaluated:
    """Several models on one text, under both context policies.

    Attributes:
        policies: by name of the policy.
        notes: what a person must know before believing the figures.
    """

    policies: dict[Policy, PolicyFigures]
    notes: tuple[str, ...] = ()

    def __getitem__(self, policy: Policy) -> PolicyFigures:
        """The figures under ``policy``."""
        return self.policies[policy]

    def to_json(self) -> EvaluationJson:
        """Return it as plain values, which ``json.dumps`` takes."""
        return {
            "format": "rnn_lm evaluation",
            "version": 1,
            "policies": {
                policy: {
                    "words": figures.words,
                    "models": [
                        {
                            "name": model.name,
                            "score": _finite(model.perplexity.to_json()),
                            "difference": None if model.difference is None else model.difference.to_json(),
                        }
                        for model in figures.models
                    ],
                }
                for policy, figures in self.policies.items()
            },
            "notes": list(self.notes),
        }


def _finite(score: Score) -> Any:
    """``score`` with None for what is infinite: JSON has no such number."""

    def shown(value: Any) -> Any:
        if isinstance(value, list):
            return [shown(one) for one in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {name: shown(value) for name, value in score.items()}
