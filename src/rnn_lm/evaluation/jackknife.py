"""How far a figure would move on other units and with other seeds: the jackknife, with Student's t.

A figure is any smooth function of the systems' group means: a mean, a difference, a difference of differences. It is
computed anew with one unit left out, for every unit in turn, all systems losing the same one, so that a difference is a
paired one; and, where a system has two seeds or more, with one of its seeds left out. From how far the figure moves
follows its variance, a part for the units and one for the seeds of each system (Tukey 1958; Miller 1974):

    V_c = (m - 1) / m  sum over the m left-out units (seeds) of (figure without j - mean of those figures)^2

For means this is the usual squared standard error, for ratios of sums the one that does not come out too small where
units differ in length. A part known from m units has m - 1 degrees of freedom, and the interval is

    figure +- sqrt(sum over c of t_c^2 V_c),    t_c: Student's t for m_c - 1 degrees of freedom

which never holds the truth less often than it says where the parts are normal (Banerjee 1961). Two seeds therefore
count for what they are: one degree of freedom, t = 12.7.

The percentile bootstrap, the custom of the field, takes the few units at hand for the whole world: from 10 units its
intervals hold the truth 90 % of the time instead of 95 %, and from 2 half of the time (``benchmarks/coverage.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from rnn_lm.evaluation.intervals import (
    CONFIDENCE,
    FEWEST,
    Effect,
    Interval,
    Measurements,
    Over,
    divided,
    generalizes_over,
)
from rnn_lm.evaluation.student import beta_quantile, critical, two_sided_p

_LEAST_P = 1e-15
"""No p-value is below: no finite number of units shows that there is no chance at all."""


@dataclass(frozen=True)
class Part:
    """A part of a figure's variance.

    Attributes:
        variance: of the figure, from this source alone.
        freedom: degrees of freedom with which it is known.
    """

    variance: float
    freedom: int


@dataclass(frozen=True)
class LeftOut:
    """The group means of systems as measured, and without each unit and seed in turn.

    Attributes:
        means: per system (rows, G); row 0 as measured. Any function of the rows is a figure with its jackknife.
        sources: the rows of each source of variance, the units first.
        units: of the test set.
        over: whether there are sources besides the units.
    """

    means: list[Float64[np.ndarray, "R _"]]
    sources: list[slice]
    units: int
    over: Over

    def parts(self, figure_r: Float64[np.ndarray, "R"], units: float | None = None) -> list[Part]:
        """The parts of a figure's variance.

        Args:
            figure_r: the figure in every row.
            units: how many units it really rests on, where that is fewer than all (``effective_units``).
        """
        found = []
        for index, rows in enumerate(self.sources):
            values_m = figure_r[rows]
            m = len(values_m)
            variance = (m - 1) / m * float(((values_m - values_m.mean()) ** 2).sum())
            known_from = m if units is None or index > 0 else min(m, round(units))
            found.append(Part(variance, max(known_from - 1, 1)))
        return found


def left_out(systems: Sequence[Measurements]) -> LeftOut:
    """Group means without each unit and each seed in turn.

    Args:
        systems: measured on the same units in the same order.

    Raises:
        ValueError: the systems differ in how many units there are.
    """
    units = {system.units for system in systems}
    if len(units) != 1:
        raise ValueError(f"systems must share the same units; they have {sorted(units)}")
    sources, rows = [slice(1, 1 + min(units))], 1 + min(units)
    for system in systems:
        if system.seeds > 1:
            sources.append(slice(rows, rows + system.seeds))
            rows += system.seeds
    seed_sources = iter(sources[1:])
    means = []
    for system in systems:
        means_rg = np.tile(system.mean_g, (rows, 1))
        totals_sg = system.sums_ksg.mean(axis=0)
        counts_sg = system.counts_sg.astype(np.float64)
        means_rg[sources[0]] = divided(totals_sg.sum(axis=0) - totals_sg, counts_sg.sum(axis=0) - counts_sg)
        if system.seeds > 1:
            totals_kg = system.sums_ksg.sum(axis=1)
            others_kg = (totals_kg.sum(axis=0) - totals_kg) / (system.seeds - 1)
            means_rg[next(seed_sources)] = divided(others_kg, np.broadcast_to(counts_sg.sum(axis=0), others_kg.shape))
        means.append(means_rg)
    return LeftOut(means, sources, min(units), generalizes_over(systems))


def effective_units(system: Measurements, group: int = 0) -> float:
    """How many equally large units would say as much of a group as its own, of which some hold little (Kish 1965)."""
    counts_s = system.counts_sg[:, group].astype(np.float64)
    total = float((counts_s**2).sum())
    return float(counts_s.sum()) ** 2 / total if total else 0.0


def half_width(parts: Sequence[Part], level: float) -> float:
    """Half of the interval that leaves out the truth with probability ``level`` at most."""
    return math.sqrt(sum(critical(level, part.freedom) ** 2 * part.variance for part in parts))


def p_value(effect: float, parts: Sequence[Part]) -> float:
    """Two-sided: the level at which the interval would just touch zero."""
    varying = [part for part in parts if part.variance > 0]
    if effect == 0 or not varying:
        return 1.0 if effect == 0 else _LEAST_P
    if len(varying) == 1:
        return max(two_sided_p(effect / math.sqrt(varying[0].variance), varying[0].freedom), _LEAST_P)
    low, high = math.log(_LEAST_P), 0.0
    # The ends lie on a grid that all calls share, so that most critical values are known; between them the logarithms
    # are as good as straight.
    for _ in range(14):
        middle = (low + high) / 2
        wide = half_width(varying, math.exp(middle)) > abs(effect)
        low, high = (middle, high) if wide else (low, middle)
    wider, narrower = (math.log(half_width(varying, math.exp(end))) if end < 0 else -math.inf for end in (low, high))
    share = (wider - math.log(abs(effect))) / (wider - narrower) if math.isfinite(narrower) else 0.5
    return math.exp(low + min(max(share, 0.0), 1.0) * (high - low))


def interval_of(value: float, parts: Sequence[Part], units: int, note: str = "") -> Interval:
    """A single figure with its interval.

    Args:
        value: as measured.
        parts: of its variance.
        units: of the test set.
        note: why there is no interval; empty where there is one.
    """
    if note:
        return Interval(float(value), None, None, units, note)
    value, half = float(value), half_width(parts, 1 - CONFIDENCE)
    return Interval(value, value - half, value + half, units)


def effect_of(effect: float, parts: Sequence[Part], found: LeftOut, note: str = "", resolution: float = 0.0) -> Effect:
    """A difference with its interval and p-value.

    Args:
        effect: as measured.
        parts: of its variance.
        found: what it was computed from.
        note: why it cannot be tested; empty where it can.
        resolution: a difference up to this is rounding, and no difference.
    """
    if note:
        return Effect(float(effect), None, None, None, found.over, found.units, note)
    effect, half = float(effect), max(half_width(parts, 1 - CONFIDENCE), resolution)
    p = 1.0 if abs(effect) <= resolution else p_value(effect, parts)
    return Effect(effect, effect - half, effect + half, p, found.over, found.units)


def mean_interval(values_n: Float64[np.ndarray, "N"], counted: str, independent: int | None = None) -> Interval:
    """The mean of values measured at N places, with its interval over places.

    Args:
        values_n: in the order of the places.
        counted: what the places are, in the plural.
        independent: how many observations of their own there are, where neighbors are alike; they are then put together
            in so many blocks.
    """
    system = Measurements(values_n[None, :, None], np.ones((len(values_n), 1), dtype=np.int64))
    if independent is not None:
        system = system.merged(max(independent, 1))
    found = left_out([system])
    note = too_few(found.units, counted) if found.units < FEWEST else ""
    rows_r = found.means[0][:, 0]
    return interval_of(rows_r[0], [] if note else found.parts(rows_r), found.units, note)


def share_interval(value: float, parts: Sequence[Part], observations: int, seeds: int = 1) -> Interval:
    """A share of right answers with its interval, which never leaves 0 to 1 and is no point where all are right.

    The parts of the variance say how many independent answers the share is worth; the interval is the exact one
    (Clopper and Pearson 1934) for that many (Korn and Graubard 1998). Where all answers are right or all wrong there is
    no variance to go by: each question counts once, whatever the number of seeds, less what few seeds leave open.

    Args:
        value: the share.
        parts: of its variance.
        observations: questions.
        seeds: that answered each.
    """
    if observations < FEWEST:
        return Interval(float(value), None, None, observations, too_few(observations, "questions"))
    level = 1 - CONFIDENCE
    widest = max(critical(level, part.freedom) for part in parts)
    unchecked = observations * (critical(level, observations - 1) / widest) ** 2
    half = half_width(parts, level)
    worth = unchecked
    if half > 0:
        worth = min(value * (1 - value) * (critical(level, observations - 1) / half) ** 2, observations * seeds)
    worth = max(worth, 1.0)
    right = value * worth
    low = beta_quantile(level / 2, right, worth - right + 1) if value > 0 else 0.0
    high = beta_quantile(1 - level / 2, right + 1, worth - right) if value < 1 else 1.0
    return Interval(float(value), min(low, value), max(high, value), observations)


def too_few(units: int, counted: str, needed: int = FEWEST) -> str:
    """Why so few units give no interval, in words."""
    return f"no interval: {units} {counted[:-1] if units == 1 else counted}, {needed} are needed"
