"""Accuracy by distance with its interval, and the half-life fitted to it.

The half-life of a model is the distance at which it has lost half of what it had over chance:

    accuracy(d) = chance + a 2^-((d / h)^s)          a: what it had at distance 0;  h: the half-life

The shape s is 1 for exponential forgetting, below 1 where a fast loss is followed by a slow one, above 1 where a model
holds on and then lets go. h and s are found on a grid by least squares, with a in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rnn_lm.evaluation.intervals import CONFIDENCE, FEWEST, Measurements
from rnn_lm.evaluation.jackknife import effective_units, half_width, left_out, share_interval
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.outcomes import Outcome
from rnn_lm.probes.results import Accuracy, DistancePoint, HalfLifeJson

SHAPES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
"""Shapes s that are tried."""
LEARNED = 0.2
"""Share of the way from chance to 1 that a model must have at distance 0 for a half-life to mean anything."""


SHORTEST = 0.25
"""Tokens: no half-life is below, none above four times the longest distance asked."""
MERGED = 20
"""Runs of questions that are left out in turn where a curve is fitted: a fit on a grid does not feel a single one."""


def measured(outcomes: Sequence[Outcome], suite: Suite, name: str, *factors: str) -> Measurements:
    """Right answers of one model, by seed, item and combination of ``factors`` (by default the distance).

    Groups have equally many items, and the i-th of each are left out together.
    """
    groups = suite.groups(*factors or ("distance",)).values()
    right = [outcome.right_n(name) for outcome in outcomes]
    sums_ksg = np.stack([np.stack([right_n[items.numpy()] for items in groups], axis=1) for right_n in right])
    return Measurements(sums_ksg, np.ones(sums_ksg.shape[1:], dtype=np.int64))


def curve(measurements: Measurements, distances: Sequence[int]) -> list[DistancePoint]:
    """One point per distance: accuracy, its interval over items and seeds, and each seed's own."""
    per_seed_kd = measurements.sums_ksg.mean(axis=1)
    return [
        {"distance": distance, **facts, "per_seed": per_seed_kd[:, index].tolist()}
        for index, (distance, facts) in enumerate(zip(distances, accuracies(measurements), strict=True))
    ]


def accuracies(measurements: Measurements) -> list[Accuracy]:
    """Per group, the share of right answers with its interval over questions and seeds."""
    found, questions_g = left_out([measurements]), measurements.counts_sg.sum(axis=0)
    facts: list[Accuracy] = []
    for group, questions in enumerate(questions_g.tolist()):
        rows_r = found.means[0][:, group]
        parts = found.parts(rows_r, effective_units(measurements, group)) if questions >= FEWEST else []
        interval = share_interval(float(rows_r[0]), parts, questions, measurements.seeds)
        fact: Accuracy = {"accuracy": interval.value, "low": interval.low, "high": interval.high}
        if interval.note:
            fact["note"] = interval.note
        facts.append(fact)
    return facts


@dataclass(frozen=True)
class HalfLife:
    """A fitted half-life in tokens.

    Attributes:
        value: None where the model never learned the task: there is nothing to lose.
        low, high: interval.
        longest: the longest distance asked; a value above it says only "longer than asked".
        start: accuracy at distance 0 as fitted.
        shape: s.
    """

    value: float | None
    low: float | None
    high: float | None
    longest: int
    start: float
    shape: float

    @property
    def text(self) -> str:
        """As a person reads it: "9.1", "> 96", "not learned"."""
        if self.value is None:
            return "not learned"
        return f"> {self.longest}" if self.value > self.longest else f"{self.value:.2g}"

    def to_json(self) -> HalfLifeJson:
        """Return it as plain values."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "longest": self.longest,
            "start": self.start,
            "shape": self.shape,
            "text": self.text,
        }


@dataclass(frozen=True)
class Fit:
    """The best curve for each of R accuracy curves: ``start_r`` is a, over chance; ``half_life_r`` is h."""

    start_r: Float[np.ndarray, "R"]
    half_life_r: Float[np.ndarray, "R"]
    shape_r: Float[np.ndarray, "R"]


def fit(accuracy_rd: Float[np.ndarray, "R D"], distances: Sequence[int], chance: float) -> Fit:
    """Least squares over a grid of half-lives (up to four times the longest distance) and ``SHAPES``.

    For given h and s the best a is <y, phi> / <phi, phi> with y = accuracy - chance, and the squared error it leaves is
    |y|^2 - <y, phi>^2 / |phi|^2: the best pair maximises the last term.
    """
    longest = max(distances)
    half_lives = np.geomspace(SHORTEST, 4 * longest, 160)
    h_c, s_c = (grid.ravel() for grid in np.meshgrid(half_lives, np.array(SHAPES)))
    phi_cd = 2.0 ** -((np.array(distances, dtype=np.float64)[None] / h_c[:, None]) ** s_c[:, None])
    norm_c = (phi_cd**2).sum(axis=1)
    product_rc = (accuracy_rd - chance) @ phi_cd.T
    best_r = (np.maximum(product_rc, 0) ** 2 / norm_c).argmax(axis=1)
    start_r = product_rc[np.arange(len(best_r)), best_r] / norm_c[best_r]
    return Fit(np.maximum(start_r, 0), h_c[best_r], s_c[best_r])


def half_life(measurements: Measurements, distances: Sequence[int], chance: float) -> HalfLife:
    """The half-life of the mean curve, with an interval made of its logarithm."""
    found = left_out([measurements.merged(MERGED)])
    best = fit(found.means[0], distances, chance)
    longest, start = max(distances), float(best.start_r[0])
    shape = float(best.shape_r[0])
    if start < LEARNED * (1 - chance):
        return HalfLife(None, None, None, longest, chance + start, shape)
    value = float(best.half_life_r[0])
    if found.units < FEWEST:
        return HalfLife(value, None, None, longest, chance + start, shape)
    half = min(half_width(found.parts(np.log2(best.half_life_r)), 1 - CONFIDENCE), 1000.0)
    low, high = (float(np.clip(value * 2.0**by, SHORTEST, 4 * longest)) for by in (-half, half))
    return HalfLife(value, low, high, longest, chance + start, shape)
