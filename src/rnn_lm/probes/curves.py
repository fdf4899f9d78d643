"""Accuracy by distance with its interval, and the half-life fitted to it.

The half-life of a model is the distance at which it has lost half of what it had over chance:

    accuracy(d) = chance + a 2^-((d / h)^s)          a: what it had at distance 0;  h: the half-life

The shape s is 1 for exponential forgetting, below 1 where a fast loss is followed by a slow one, above 1 where a model
holds on and then lets go. h and s are found on a grid by least squares, with a in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from rnn_lm.evaluation.bootstrap import Measurements, interval_of
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.outcomes import Outcome

SHAPES = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
"""Shapes s that are tried."""
LEARNED = 0.2
"""Share of the way from chance to 1 that a model must have at distance 0 for a half-life to mean anything."""


def measured(outcomes: Sequence[Outcome], suite: Suite, name: str, *factors: str) -> Measurements:
    """Right answers of one model, by seed, item and combination of ``factors`` (by default the distance).

    Groups have equally many items, and the i-th of each are resampled together: every resample then has as many items
    of each group as the suite.
    """
    groups = suite.groups(*factors or ("distance",)).values()
    right = [outcome.right_n(name) for outcome in outcomes]
    sums_ksg = np.stack([np.stack([right_n[items.numpy()] for items in groups], axis=1) for right_n in right])
    return Measurements(sums_ksg, np.ones(sums_ksg.shape[1:], dtype=np.int64))


def curve(
    measurements: Measurements, resampled_rd: Float[np.ndarray, "R D"], distances: Sequence[int]
) -> list[dict[str, Any]]:
    """One point per distance: accuracy, its interval over items and seeds, and each seed's own."""
    per_seed_kd = measurements.sums_ksg.mean(axis=1)
    points = []
    for index, distance in enumerate(distances):
        interval = interval_of(float(measurements.mean_g[index]), resampled_rd[:, index], measurements.units)
        point = {"distance": distance, "accuracy": interval.value, "low": interval.low, "high": interval.high}
        points.append({**point, "per_seed": per_seed_kd[:, index].tolist()})
    return points


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
    half_lives = np.geomspace(0.25, 4 * longest, 160)
    h_c, s_c = (grid.ravel() for grid in np.meshgrid(half_lives, np.array(SHAPES)))
    phi_cd = 2.0 ** -((np.array(distances, dtype=np.float64)[None] / h_c[:, None]) ** s_c[:, None])
    norm_c = (phi_cd**2).sum(axis=1)
    product_rc = (accuracy_rd - chance) @ phi_cd.T
    best_r = (np.maximum(product_rc, 0) ** 2 / norm_c).argmax(axis=1)
    start_r = product_rc[np.arange(len(best_r)), best_r] / norm_c[best_r]
    return Fit(np.maximum(start_r, 0), h_c[best_r], s_c[best_r])


def half_life(
    measurements: Measurements, resampled_rd: Float[np.ndarray, "R D"], distances: Sequence[int], chance: float
) -> HalfLife:
    """The half-life of the mean curve, with the interval that the resampled curves give."""
    best = fit(measurements.mean_g[None], distances, chance)
    longest, start = max(distances), float(best.start_r[0])
    shape = float(best.shape_r[0])
    if start < LEARNED * (1 - chance):
        return HalfLife(None, None, None, longest, chance + start, shape)
    interval = interval_of(
        float(best.half_life_r[0]), fit(resampled_rd, distances, chance).half_life_r, measurements.units
    )
    return HalfLife(interval.value, interval.low, interval.high, longest, chance + start, shape)
