"""How often intervals hold the truth, and how often a test finds a difference that is not there.

Every kind of interval that is printed is simulated where the truth is known, by the code that the commands use, and
beside it the percentile bootstrap over runs of 20 sentences, which was used before.

    python benchmarks/coverage.py --json benchmarks/results/coverage.json

What is simulated:

- two equally good models: per-sentence differences of NLL per token with heavy tails (Student's t, 3 degrees),
  sentences of 1 to 100 tokens; independent; or with a topic that is kept from one sentence to the next (0.93 of it,
  18 % of the variance, as measured on the Penn Treebank); or each sentence correlated by 0.5 with the one before;
- one model's perplexity, whose NLL is skewed and shares topics as well;
- systems of 2, 3 and 5 seeds that differ by nothing but their seeds;
- tokens of a rare kind (one in fifty); the difference of two gains;
- shares of right answers near 100 %, and half-lives.
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path
from typing import Any

import numpy as np

from rnn_lm.evaluation.intervals import Effect, Interval, Measurements
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores
from rnn_lm.evaluation.significance import RUNS, gain, gain_concentration, perplexity_interval
from rnn_lm.files import write_json
from rnn_lm.probes.curves import accuracies, half_life

LENGTHS = (21, 40, 60, 80, 120, 200, 400, 1000, 4000)
"""Sentences of the texts."""
KINDS = ("independent", "topics", "neighbors")
OLD_BLOCK = 20
BEFORE_TRIALS = 500
"""Of the earlier method, which is slow and misses by far."""


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
    """Two-sided p of the percentile bootstrap over runs of 20 sentences."""
    starts = np.arange(0, len(sums_s), OLD_BLOCK)
    x_b, n_b = np.add.reduceat(sums_s, starts), np.add.reduceat(tokens_s, starts)
    weights = random.multinomial(len(starts), np.full(len(starts), 1 / len(starts)), size=resamples)
    ratio_r = (weights @ x_b) / (weights @ n_b)
    return min(1.0, 2 * (min((ratio_r <= 0).sum(), (ratio_r >= 0).sum()) + 1) / (resamples + 1))


def false_positives(random: np.random.Generator, sentences: int, kind: str, trials: int) -> dict[str, Any]:
    """Of the test between two equally good models, by today's method and by the earlier one."""
    sums, tokens = differences(random, trials, sentences, kind)
    now, before = [], []
    for trial, (sums_s, tokens_s) in enumerate(zip(sums, tokens, strict=True)):
        base = tokens_s * 5.0
        now.append(gain([scores(base - sums_s, tokens_s)], [scores(base, tokens_s)]).p_value)
        if trial < BEFORE_TRIALS:
            before.append(percentile_p(random, sums_s, tokens_s))
    tested = [1.0 if p is None else p for p in now]
    return {
        "sentences": sentences,
        "kind": kind,
        "units": RUNS.units(sentences),
        "tested": all(p is not None for p in now),
        "at_5": float(np.mean([p < 0.05 for p in tested])),
        "at_1": float(np.mean([p < 0.01 for p in tested])),
        "before_at_5": float(np.mean([p < 0.05 for p in before])),
        "before_at_1": float(np.mean([p < 0.01 for p in before])),
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


def perplexity(random: np.random.Generator, sentences: int, trials: int) -> dict[str, Any]:
    """One model's perplexity: NLL per token with skewed noise and topics."""
    found = []
    for _ in range(trials):
        tokens = lengths(random, (1, sentences))
        noise = (random.gamma(4, size=tokens.shape) - 4) / 2 * 2.0 / tokens**0.5
        topic = 0.3 * autoregressive(random, tokens.shape, 0.93)
        sums_s = ((4.5 + noise + topic) * tokens)[0]
        found.append(held(perplexity_interval([scores(sums_s, tokens[0])]), float(np.exp(4.5))))
    return summary(f"perplexity, {sentences} sentences", found)


def seeds(random: np.random.Generator, count: int, spread: float, trials: int, sentences: int = 400) -> dict[str, Any]:
    """The gain between two systems of ``count`` seeds that differ by nothing but their seeds."""
    found = []
    for _ in range(trials):
        sums, tokens = differences(random, 2 * count, sentences, "topics")
        tokens_s = tokens[0]
        each = (sums / tokens + spread * random.normal(size=(2 * count, 1))) * tokens_s + 5.0 * tokens_s
        first, second = ([scores(one, tokens_s) for one in half] for half in (each[:count], each[count:]))
        found.append(held(gain(first, second), 0.0))
    return summary(f"difference, {count} seeds each, seeds vary by {spread:g} nats", found)


def token_scores(
    random: np.random.Generator, sentences: int, rare: float
) -> tuple[TokenScores, TokenScores, np.ndarray]:
    """Two equally good models by the token, sentences sharing topics, and which tokens are rare."""
    tokens_s = lengths(random, (sentences,))
    sentence_n = np.repeat(np.arange(sentences), tokens_s)
    topic_s = 0.3 * autoregressive(random, (1, sentences), 0.93)[0]
    base_n = 5 + topic_s[sentence_n] + random.gamma(1.0, 2.0, len(sentence_n)) - 2.0
    other_n = base_n + 0.2 * random.standard_t(3, len(base_n)) + 0.05 * random.normal(size=sentences)[sentence_n]
    rare_n = (random.random(len(base_n)) < rare).astype(np.int64)
    pair = [
        TokenScores(nll_n, tokens_s.cumsum(), characters=5 * len(nll_n), policy="stream") for nll_n in (base_n, other_n)
    ]
    return pair[0], pair[1], rare_n


def kinds_of_token(random: np.random.Generator, sentences: int, trials: int) -> list[dict[str, Any]]:
    """Perplexity of rare tokens, and the difference between the gains on rare and on other tokens."""
    from rnn_lm.evaluation.breakdown import by_context_match

    rare, concentrated = [], []
    for _ in range(trials):
        first, second, rare_n = token_scores(random, sentences, 0.02)
        buckets = by_context_match([first], rare_n * 4)
        rare.append(held(buckets[-1].perplexity, float(np.exp(5.0))) if len(buckets) > 1 else None)
        concentrated.append(held(gain_concentration([second], [first], rare_n * 4), 0.0))
    return [
        summary(f"perplexity of one token in fifty, {sentences} sentences", rare),
        summary(f"difference of gains, {sentences} sentences", concentrated),
    ]


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
        found.append(facts["low"] <= truth <= facts["high"])
    return summary(f"accuracy near {share:.1%}, {count} seeds, 100 questions", found)


def half_lives(random: np.random.Generator, count: int, trials: int) -> dict[str, Any]:
    """The half-life of a forgetting model: 8 tokens, seeds differing by a quarter of a doubling."""
    distances = np.array([0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96])
    found = []
    for _ in range(trials):
        half_k = 8 * 2 ** (0.25 * random.normal(size=(count, 1, 1)))
        share_k1d = 0.5 + 0.49 * 2.0 ** -(distances / half_k)
        right = random.random((count, 100, len(distances))) < share_k1d
        table = Measurements(right.astype(np.float64), np.ones((100, len(distances)), dtype=np.int64))
        one = half_life(table, distances.tolist(), 0.5)
        found.append(None if one.low is None or one.high is None else one.low <= 8 <= one.high)
    return summary(f"half-life, {count} seeds, 100 questions", found)


def everything(random: np.random.Generator, trials: int) -> dict[str, Any]:
    """All simulations; ``trials`` of each test, a tenth and a fortieth of the slower ones."""
    some, few = max(trials // 10, 1), max(trials // 40, 1)
    return {
        "tests": [false_positives(random, n, kind, trials) for n in LENGTHS for kind in KINDS],
        "intervals": [
            *(perplexity(random, n, some) for n in (40, 100, 400)),
            *(seeds(random, count, spread, some) for count in (2, 3, 5) for spread in (0.0, 0.01, 0.1)),
            *(row for n in (60, 200, 800) for row in kinds_of_token(random, n, some)),
            *(shares(random, count, share, some) for count in (1, 2, 3, 5) for share in (0.999, 0.98, 0.8)),
            *(half_lives(random, count, few) for count in (2, 3, 5)),
        ],
    }


def main() -> None:
    """Simulate, print and keep."""
    parser = argparse.ArgumentParser(description="Simulate the coverage of every interval that is printed.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = everything(np.random.default_rng(arguments.seed), arguments.trials)
    for row in found["tests"]:
        print(
            f"{row['sentences']:5d} sentences, {row['kind']:12} {row['units']:3d} units: "
            f"{row['at_5']:6.1%} at 5 %, {row['at_1']:6.1%} at 1 %; before {row['before_at_5']:6.1%}, "
            f"{row['before_at_1']:6.1%}" + ("" if row["tested"] else "  (not tested)")
        )
    for row in found["intervals"]:
        print(f"{row['figure']:62} {row['coverage'] or 0:6.1%}  without: {row['without']} of {row['trials']}")
    if arguments.json:
        made = {
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "seed": arguments.seed,
        }
        write_json(arguments.json, {"made": made, **found})


if __name__ == "__main__":
    main()
