"""How often intervals of the instruments hold the truth: probes, gradients through time, bits recalled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rnn_lm.evaluation.intervals import Measurements
from rnn_lm.evaluation.jackknife import mean_interval
from rnn_lm.gradients.by_lag import fitted_slope
from rnn_lm.gradients.lyapunov import LyapunovRun
from rnn_lm.gradients.windows import Windows, spread_windows
from rnn_lm.probes.claims import LONG, SHORT, judged
from rnn_lm.probes.curves import accuracies, fit, half_life
from rnn_lm.stream import EncodedText
from simulate import autoregressive, held, summary

DISTANCES = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96)
LAGS, WARM_UP, POSITIONS, TRAJECTORIES = 100, 50, 64, 4
SENTENCE = 20
"""Tokens."""


def answers(random: np.random.Generator, share_d: np.ndarray, count: int, items: int, spread: float) -> Measurements:
    """Right answers (seeds, items, groups): questions differ in difficulty, and seeds in skill, on a logit scale."""
    logit_d = np.log(share_d / (1 - share_d))
    skill = spread * random.normal(size=(count, 1, 1)) + 0.5 * random.normal(size=(1, items, len(share_d)))
    right = random.random((count, items, len(share_d))) < 1 / (1 + np.exp(-(logit_d + skill)))
    return Measurements(right.astype(np.float64), np.ones((items, len(share_d)), dtype=np.int64))


def true_share(share_d: np.ndarray, spread: float) -> np.ndarray:
    """The mean over seeds and questions."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    logit = np.log(share_d / (1 - share_d))[:, None] + (spread**2 + 0.25) ** 0.5 * nodes
    return (weights / weights.sum() / (1 + np.exp(-logit))).sum(axis=1)


def shares(random: np.random.Generator, count: int, share: float, trials: int) -> dict[str, Any]:
    """The accuracy of ``count`` seeds on 100 questions; with one, that of this very network."""
    share_d, spread = np.array([share]), 0.3 if count > 1 else 0.0
    truth = float(true_share(share_d, spread)[0])
    found = []
    for _ in range(trials):
        facts = accuracies(answers(random, share_d, count, 100, spread))[0]
        low, high = facts["low"], facts["high"]
        assert low is not None
        assert high is not None
        found.append(low <= truth <= high)
    return summary(f"accuracy near {share:.1%}, {count} seeds, 100 questions", found)


def half_lives(random: np.random.Generator, count: int, trials: int) -> dict[str, Any]:
    """The half-life of a forgetting model: 8 tokens, seeds differing by a quarter of a doubling."""
    distances = np.array(DISTANCES)
    found = []
    for _ in range(trials):
        half_k = 8 * 2 ** (0.25 * random.normal(size=(count, 1, 1)))
        share_k1d = 0.5 + 0.49 * 2.0 ** -(distances / half_k)
        right = random.random((count, 100, len(distances))) < share_k1d
        table = Measurements(right.astype(np.float64), np.ones((100, len(distances)), dtype=np.int64))
        one = half_life(table, distances.tolist(), 0.5)
        found.append(None if one.low is None or one.high is None else one.low <= 8 <= one.high)
    return summary(f"half-life, {count} seeds, 100 questions", found)


def forgetting(half_life_k: np.ndarray) -> np.ndarray:
    """Accuracy (seeds, 1, distances) of models with these half-lives."""
    return 0.5 + 0.49 * 2.0 ** -(np.array(DISTANCES) / half_life_k[:, None, None])


def expected(half: float, spread: float) -> np.ndarray:
    """The mean accuracy by distance over all seeds there could be."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return np.einsum("k,kd->d", weights / weights.sum(), forgetting(half * 2 ** (spread * nodes))[:, 0])


def probe_claims(random: np.random.Generator, count: int, trials: int) -> list[dict[str, Any]]:
    """The effects behind the probes' claims: an RNN that forgets within 8 tokens, an LSTM within 24."""
    spread = 0.25 if count > 1 else 0.0
    halves = {"rnn": 8.0, "lstm": 24.0}
    curves = {name: expected(half, spread) for name, half in halves.items()}
    short_d, long_d = np.array(DISTANCES) <= SHORT, np.array(DISTANCES) >= LONG
    fitted = {name: float(fit(curve[None], DISTANCES, 0.5).half_life_r[0]) for name, curve in curves.items()}
    truths = {
        "LSTM > RNN at long range": curves["lstm"][long_d].mean() - curves["rnn"][long_d].mean(),
        "the RNN falls with distance": curves["rnn"][short_d].mean() - curves["rnn"][long_d].mean(),
        "the RNN falls faster than the LSTM": float(np.log2(fitted["lstm"] / fitted["rnn"])),
    }
    found: dict[str, list[bool | None]] = {statement: [] for statement in truths}
    for _ in range(trials):
        tables = {}
        for name, half in halves.items():
            share_k1d = forgetting(half * 2 ** (spread * random.normal(size=count)))
            right = random.random((count, 100, len(DISTANCES))) < share_k1d
            tables[name] = Measurements(right.astype(np.float64), np.ones((100, len(DISTANCES)), dtype=np.int64))
        for claim in judged(tables, DISTANCES, 0.5):
            if claim["statement"] in truths and claim["low"] is not None:
                truth = truths[claim["statement"]]
                found[claim["statement"]].append(claim["low"] <= truth <= claim["high"])
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    return [summary(f"probe: {statement}, {seeds}, 100 questions", kept) for statement, kept in found.items()]


def growth(random: np.random.Generator, tokens: int, trials: int) -> np.ndarray:
    """(trials, tokens) growth of a gradient at each step back: -0.1 nats on average, noise, and topics (18 % of what
    makes sentences differ)."""
    topic = (0.18 / 0.82) ** 0.5 * autoregressive(random, (trials, -(-tokens // SENTENCE)), 0.93)
    noise = random.normal(size=(trials, tokens)) + np.repeat(topic / SENTENCE**0.5, SENTENCE, axis=1)[:, :tokens]
    return -0.1 + 0.3 * noise


def places(tokens: int) -> Windows:
    """The positions that ``rnn-lm gradients`` looks at in a text of this length."""
    ids_n = (torch.arange(1, tokens + 1) % SENTENCE != 0).long()
    return spread_windows(EncodedText(ids_n, 0, tokens), WARM_UP + LAGS + 1, POSITIONS)


def steps_back(tokens: int) -> torch.Tensor:
    """(LAGS, positions) places in the text of the steps that a gradient is followed over, the last first."""
    rows = WARM_UP + LAGS + 1
    last_b = torch.linspace(0, tokens - rows, places(tokens).input_tb.shape[1]).round().long() + rows - 1
    return last_b - torch.arange(LAGS).unsqueeze(1)


def over_texts(
    name: str, tokens: int, trials: int, random: np.random.Generator, one: Callable[[torch.Tensor], bool | None]
) -> dict[str, Any]:
    """A figure of growth rates by step and position, for texts of one length."""
    index_kb = steps_back(tokens)
    found: list[bool | None] = []
    while len(found) < trials:
        for growth_n in torch.from_numpy(growth(random, tokens, min(50, trials - len(found)))):
            found.append(one(growth_n[index_kb]))
    return summary(f"{name}, text of {tokens:,} tokens, worth {places(tokens).apart} positions", found)


def slopes(random: np.random.Generator, tokens: int, trials: int) -> dict[str, Any]:
    """Decay of the gradient per token of lag; positions overlap in short texts."""
    apart = places(tokens).apart

    def one(growth_kb: torch.Tensor) -> bool | None:
        slope = fitted_slope(growth_kb.cumsum(0).exp(), LAGS // 4, apart)
        return None if slope.low is None or slope.high is None else slope.low <= -0.1 <= slope.high

    return over_texts("slope of the gradient", tokens, trials, random, one)


def exponents(random: np.random.Generator, tokens: int, trials: int) -> dict[str, Any]:
    """The largest Lyapunov exponent, from 4 trajectories whose steps hang together."""
    chosen_b = torch.linspace(0, places(tokens).input_tb.shape[1] - 1, TRAJECTORIES + 2).round().long()[1:-1]
    apart = places(tokens).chosen(chosen_b).apart

    def one(growth_kb: torch.Tensor) -> bool | None:
        rates_b = growth_kb[:, chosen_b].mean(0)
        spectrum = LyapunovRun(torch.stack([rates_b - 1, rates_b], dim=1), torch.empty(0)).spectrum(apart)
        low, high = spectrum.low[0], spectrum.high[0]
        return None if low is None or high is None else low <= -0.1 <= high

    return over_texts(f"largest Lyapunov exponent, {TRAJECTORIES} trajectories", tokens, trials, random, one)


def recalled(random: np.random.Generator, trials: int) -> dict[str, Any]:
    """Bits recalled of 1000 lists, summed over the positions whose mean is above 0: mostly right, at times far off."""
    mean_k = np.array([4.9, 4.5, 3.5, 2.0, 1.0, 0.3, -0.2, -1.0])
    found = []
    for _ in range(trials):
        gained_kb = mean_k[:, None] + 2.0 - random.gamma(0.5, 4.0, size=(len(mean_k), 1000))
        counted_k1 = gained_kb.mean(axis=1, keepdims=True) > 0
        found.append(held(mean_interval((gained_kb * counted_k1).sum(axis=0), "lists"), float(mean_k.clip(0).sum())))
    return summary("bits recalled, 1000 lists", found)
