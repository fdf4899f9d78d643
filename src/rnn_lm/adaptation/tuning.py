"""Settings of adaptation, chosen on the valid split: never on the text whose figure is reported.

The cache's are a grid: all windows and thetas look on during one pass, and weights cost nothing once it is done. Those
of dynamic evaluation cost a pass each, so they climb: from the given value in steps of 3 for as long as perplexity
falls.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from rnn_lm.adaptation.config import CacheSettings, DynamicSettings
from rnn_lm.adaptation.dynamic import Dynamic
from rnn_lm.adaptation.reading import Reading, read_adapting
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import Progress
from rnn_lm.stream import EncodedText

_WINDOWS = (200, 1000, 4000)
_THETAS = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
_WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
_STEP = 3.0
_MOST_STEPS = 8


def beginning(text: EncodedText, tokens: int) -> EncodedText:
    """The first sentences of ``text`` that make up ``tokens`` or more; all of it where it is shorter."""
    ends_s = text.sentence_ends
    whole = int(torch.searchsorted(ends_s, min(tokens, len(text))))
    end = int(ends_s[whole])
    return EncodedText(text.at(torch.arange(end)), text.eos_id, text.characters * end // len(text))


def cache_grid(given: CacheSettings) -> list[CacheSettings]:
    """Every window with every theta, the given ones among them."""
    windows, thetas = sorted({*_WINDOWS, given.cache_window}), sorted({*_THETAS, given.cache_theta})
    return [CacheSettings(window, theta, given.cache_weight) for window in windows for theta in thetas]


def best_cache(reading: Reading, grid: Sequence[CacheSettings]) -> CacheSettings:
    """Which of the caches that looked on during ``reading``, and which weight, gives the lowest perplexity."""
    weights = sorted({*_WEIGHTS, grid[0].cache_weight})
    losses = {
        replace(settings, cache_weight=weight): _loss(reading.mixed_nll_n(number, weight).mean())
        for number, settings in enumerate(grid)
        for weight in weights
    }
    return min(losses, key=losses.__getitem__)


def best_dynamic(
    model: NeuralLanguageModel, text: EncodedText, start: Dynamic, progress: Progress, temperature: float = 1.0
) -> DynamicSettings:
    """The learning rate and then the decay of lowest perplexity on ``text``, climbing from ``start``."""

    @functools.cache
    def loss(settings: DynamicSettings) -> float:
        name = f"rate {settings.rate:.1e}, decay {settings.dynamic_decay:.1e}"
        dynamic = Dynamic(settings, start.rms)
        reading = read_adapting(model, text, (), dynamic, temperature=temperature, name=name, progress=progress)
        return _loss(reading.nll_n.mean())

    best = start.settings
    best = replace(best, dynamic_rate=climb(best.rate, lambda rate: loss(replace(best, dynamic_rate=rate))))
    decay = climb(best.dynamic_decay, lambda decay: loss(replace(best, dynamic_decay=decay)), most=1.0)
    return replace(best, dynamic_decay=decay)


def climb(start: float, loss: Callable[[float], float], most: float = math.inf) -> float:
    """From ``start`` upwards in steps of 3 while ``loss`` falls; downwards, if upwards it does not.

    Args:
        start: the first value tried; 0 stays 0.
        loss: to be made small.
        most: no value above it is tried.
    """
    best, lowest = start, loss(start)
    for factor in (_STEP, 1 / _STEP):
        for _ in range(_MOST_STEPS):
            candidate = float(f"{best * factor:.1e}")
            if not 0 < candidate <= most:
                break
            found = loss(candidate)
            if not found < lowest:
                break
            best, lowest = candidate, found
        if best != start:
            break
    return best


def _loss(mean_nll: torch.Tensor) -> float:
    """Settings under which the parameters run away give no number, or none that is finite: the worst of all."""
    value = float(mean_nll)
    return value if math.isfinite(value) else math.inf
