"""The settings of adaptation at test time; their docstrings are the flags' help."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from rnn_lm.conditions import above, either, given, only
from rnn_lm.errors import require
from rnn_lm.limits import check_numbers

_MOST_THETA = 1e4
"""Beyond it the votes would leave the range of single precision; from about 10 on, the likest position has them all."""
_LONGEST_SEGMENT = 10_000
"""The gradient of a segment is kept in memory, activations of all its tokens included."""
_CACHE, _DYNAMIC = only(adapt=("cache", "both")), only(adapt=("dynamic", "both"))
_ADAPTS = only(adapt=("cache", "dynamic", "both"))
_MOST_SAMPLES = 100_000
_HIGHEST = 100.0
"""A temperature at which every model is next to uniform."""


@dataclass(frozen=True)
class CacheSettings:
    """The continuous cache (Grave, Joulin and Usunier 2017)."""

    cache_window: int = field(default=2000, metadata=_CACHE)
    """How many of the last positions are kept."""
    cache_theta: float = field(default=0.3, metadata=_CACHE)
    """How much the likeness of two hidden states counts; 0 makes all kept positions alike."""
    cache_weight: float = field(default=0.1, metadata=_CACHE)
    """Its share of the probability, the lambda of the paper."""

    def __post_init__(self) -> None:
        check_numbers(self)
        require(self.cache_window >= 1, "--cache-window must be at least 1")
        require(0 <= self.cache_theta <= _MOST_THETA, f"--cache-theta must be in [0, {_MOST_THETA:g}]")
        require(0 <= self.cache_weight < 1, f"--cache-weight must be in [0, 1), not {self.cache_weight:g}")


@dataclass(frozen=True)
class DynamicSettings:
    """Dynamic evaluation (Krause, Kahembwe, Murray and Renals 2018)."""

    dynamic_update: Literal["rms", "sgd"] = field(default="rms", metadata=_DYNAMIC)
    """rms divides each parameter's gradient by its root mean square on the train split, and draws parameters back to
    their trained values in proportion to it; sgd does neither by parameter."""
    dynamic_rate: float | None = field(default=None, metadata=_DYNAMIC)
    """Learning rate, of the segment's mean NLL per token. Default: 3e-4 for rms, 0.1 for sgd."""
    dynamic_decay: float = field(default=3e-3, metadata=_DYNAMIC)
    """Share of the way back to the trained weights that is gone after each segment."""
    dynamic_length: int = field(default=5, metadata=_DYNAMIC)
    """Tokens per segment; each is scored first and learned from afterwards."""

    def __post_init__(self) -> None:
        check_numbers(self)
        rate = self.dynamic_rate
        require(rate is None or (math.isfinite(rate) and rate >= 0), "--dynamic-rate must be a number >= 0")
        require(0 <= self.dynamic_decay <= 1, f"--dynamic-decay must be in [0, 1], not {self.dynamic_decay:g}")
        longest = _LONGEST_SEGMENT
        require(1 <= self.dynamic_length <= longest, f"--dynamic-length must be 1 to {longest:,} tokens")

    @property
    def rate(self) -> float:
        """The learning rate, by default that of the update."""
        return {"rms": 3e-4, "sgd": 0.1}[self.dynamic_update] if self.dynamic_rate is None else self.dynamic_rate


@dataclass(frozen=True)
class AdaptationConfig:
    """What may be changed at test time, under policy stream: adaptation, a temperature, dropout."""

    adapt: Literal["none", "cache", "dynamic", "both"] = field(default="none", metadata=only(suite=None))
    """Also score with the model adapting to the text as it reads: with a neural cache, with dynamic evaluation, or both
    (each alone, and the two together). The static figures stay; what adapts is labelled."""
    tune: bool = field(default=False, metadata=_ADAPTS)
    """Choose the settings of --adapt on the valid split, starting from those given, and print them as flags."""
    tune_tokens: int = field(
        default=10_000, metadata=either(only(tune=True), only(temperature="auto", mc_dropout=above(0)))
    )
    """Tokens at the start of valid that --tune reads, again for each setting that it tries; and the temperature of
    --mc-dropout."""
    temperature: str | None = field(default=None, metadata=only(suite=None))
    """Also score with logits divided by this before the softmax, alone and with what --adapt names; auto: by what is
    best on the valid split, printed as a flag. Default: 1, as the model was trained."""
    mc_dropout: int = field(default=0, metadata=only(suite=None))
    """Also score by Monte-Carlo dropout: the mean of the probabilities under this many draws of the dropout masks that
    the model was trained with (Gal and Ghahramani 2016). Does not go together with --adapt in one figure."""
    mc_seed: int = field(default=1, metadata=only(mc_dropout=above(0)))
    """Seeds these masks."""
    adapt_results: str | None = field(
        default=None, metadata=either(_ADAPTS, only(temperature=given), only(mc_dropout=above(0)))
    )
    """Write what --adapt, --temperature and --mc-dropout found to this JSON file: settings, static and other figures,
    differences."""
    cache: CacheSettings = field(default_factory=CacheSettings)
    dynamic: DynamicSettings = field(default_factory=DynamicSettings)

    def __post_init__(self) -> None:
        check_numbers(self)
        require(self.tune_tokens >= 1, "--tune-tokens must be at least 1")
        require(0 <= self.mc_dropout <= _MOST_SAMPLES, f"--mc-dropout must be 0 to {_MOST_SAMPLES:,} samples")
        require(self.mc_seed >= 0, "--mc-seed must not be negative")
        if self.temperature not in (None, "auto"):
            value = number(self.temperature)
            require(
                value is not None and 0 < value <= _HIGHEST,
                f"--temperature {self.temperature}: write auto, or a number above 0 and at most {_HIGHEST:g}",
            )

    @property
    def fixed_temperature(self) -> float | None:
        """The temperature that is given; None: there is none, or it is to be chosen."""
        return None if self.temperature in (None, "auto") else float(self.temperature)

    @property
    def flags(self) -> tuple[str, ...]:
        """What is to be changed at test time, by its flags; none where models are to stay as they are."""
        found = {
            "--adapt": self.adapt != "none",
            "--temperature": self.temperature is not None,
            "--mc-dropout": self.mc_dropout > 0,
        }
        return tuple(flag for flag, is_given in found.items() if is_given)


def number(text: str) -> float | None:
    """What ``text`` says, if it is a number."""
    try:
        return float(text)
    except ValueError:
        return None
