"""Simulated texts and scores whose truth is known, and how often a test finds a difference that is not there.

Sentences hang together in one of three ways: not at all; by a topic that is kept from one sentence to the next (0.93 of
it, 18 % of the variance of a sentence's difference, as measured on the Penn Treebank); or each is correlated by 0.5
with the one before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_lm.evaluation.intervals import Effect, Interval
from rnn_lm.evaluation.perplexity import SentenceScores
from rnn_lm.evaluation.significance import RUNS, gain

OLD_BLOCK = 20
AT_ONCE = 500
"""Texts that are held in memory together."""


def autoregressive(random: np.random.Generator, shape: tuple[int, int], kept: float) -> np.ndarray:
    """Rows of unit variance, each value correlated by ``kept`` with the one before."""
    values = random.normal(size=shape)
    for index in range(1, shape[1]):
        values[:, index] = kept * values[:, index - 1] + (1 - kept**2) ** 0.5 * values[:, index]
    return values


def lengths(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Tokens per sentence: about 20, from 1 to 100."""
    return np.clip(np.round(random.lognormal(3.0, 0.6, size=shape)), 1, 100).astype(np.int64)


def differences(random: np.random.Generator, trials: int, sentences: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """(trials, S) sums of NLL differences whose expectation is 0, and the tokens they are of."""
    tokens = lengths(random, (trials, sentences))
    noise = random.standard_t(3, size=tokens.shape) / (3 * tokens) ** 0.5
    scale = float(np.mean(1 / tokens)) ** 0.5
    if kind == "topics":
        noise = noise + scale * (0.18 / 0.82) ** 0.5 * autoregressive(random, tokens.shape, 0.93)
    elif kind == "neighbors":
        noise = scale * autoregressive(random, tokens.shape, 0.5)
    return 0.1 * noise * tokens, tokens


def scores(nll_s: np.ndarray, tokens_s: np.ndarray) -> SentenceScores:
    """As the commands hold them."""
    return SentenceScores(nll_s, tokens_s.cumsum(), characters=int(tokens_s.sum()) * 5, policy="stream")


def percentile_p(random: np.random.Generator, sums_s: np.ndarray, tokens_s: np.ndarray, resamples: int = 1000) -> float:
    """Two-sided p of the percentile bootstrap over blocks of 20 sentences."""
    starts = np.arange(0, len(sums_s), OLD_BLOCK)
    x_b, n_b = np.add.reduceat(sums_s, starts), np.add.reduceat(tokens_s, starts)
    weights = random.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=resamples)
    ratio_r = (weights @ x_b) / (weights @ n_b)
    return min(1.0, 2 * (min((ratio_r <= 0).sum(), (ratio_r >= 0).sum()) + 1) / (resamples + 1))


def false_positives(
    random: np.random.Generator, sentences: int, kind: str, trials: int, before_trials: int = 0
) -> dict[str, Any]:
    """Of the test between two equally good models, by today's method and, so many times, by the earlier one."""
    now: list[float | None] = []
    before: list[float] = []
    for start in range(0, trials, AT_ONCE):
        for sums_s, tokens_s in zip(*differences(random, min(AT_ONCE, trials - start), sentences, kind), strict=True):
            base = tokens_s * 5.0
            now.append(gain([scores(base - sums_s, tokens_s)], [scores(base, tokens_s)]).p_value)
            if len(before) < before_trials:
                before.append(percentile_p(random, sums_s, tokens_s))
    tested = [1.0 if p is None else p for p in now]
    return {
        "sentences": sentences,
        "kind": kind,
        "units": RUNS.units(sentences),
        "tested": all(p is not None for p in now),
        "at_5": float(np.mean([p < 0.05 for p in tested])),
        "at_1": float(np.mean([p < 0.01 for p in tested])),
        "before_at_5": float(np.mean([p < 0.05 for p in before])) if before else None,
        "before_at_1": float(np.mean([p < 0.01 for p in before])) if before else None,
        "trials": trials,
        "before_trials": len(before),
    }


def held(interval: Interval | Effect | None, truth: float) -> bool | None:
    """Whether an interval holds the truth; None where there is none."""
    if interval is None or interval.low is None or interval.high is None:
        return None
    return interval.low <= truth <= interval.high


def summary(name: str, found: list[bool | None]) -> dict[str, Any]:
    """The share that held among the intervals that there were."""
    there = [one for one in found if one is not None]
    coverage = float(np.mean(there)) if there else None
    return {"figure": name, "coverage": coverage, "without": len(found) - len(there), "trials": len(found)}
