"""The bootstrap: how far a measured mean, or a difference of means, would move on other text and with other seeds.

A measurement is a table: seeds of a system by units of the test set (sentences, minimal pairs), split into groups where
means of several kinds of observation are wanted (tokens by length of context, pairs by distance). Resampling draws
units with replacement, the same ones for every system, so that a difference is a paired one (Efron and Tibshirani 1993;
Koehn 2004), and, where a system has two seeds or more, its seeds as well, independently of the units (the "pigeonhole"
bootstrap of crossed factors, Owen 2007).

Of K seeds K - 1 are drawn: resampling K of few observations gives a variance that is too small by the factor
(K - 1) / K, and drawing one fewer makes up for it (Hesterberg 2015).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

Resampled: TypeAlias = Literal["units", "units and seeds"]
Verdict: TypeAlias = Literal["supported", "not supported", "undecided"]

CONFIDENCE = 0.95
"""Coverage that every interval aims at."""
_BLOCK = 1 << 18
"""Resampling weights that exist at a time."""


@dataclass(frozen=True)
class Measurements:
    """What one system scored on every unit of a test set.

    Attributes:
        sums_ksg: per seed, unit and group, the sum of what was measured (nats, right answers).
        counts_sg: how many observations each of those sums holds (tokens, questions); may be 0.
    """

    sums_ksg: Float64[np.ndarray, "K S G"]
    counts_sg: Int64[np.ndarray, "S G"]

    @property
    def seeds(self) -> int:
        """K."""
        return len(self.sums_ksg)

    @property
    def units(self) -> int:
        """S."""
        return len(self.counts_sg)

    @property
    def mean_g(self) -> Float64[np.ndarray, "G"]:
        """Each group's mean over all observations and seeds, a ratio of sums; nan where a group has none."""
        return _divide(self.sums_ksg.sum(axis=1).mean(axis=0), self.counts_sg.sum(axis=0))


@dataclass(frozen=True)
class Interval:
    """A figure and how far it reaches: ``low`` to ``high`` at the level ``CONFIDENCE``.

    Attributes:
        value: as measured.
        low: lower end; None where there is no interval.
        high: upper end; None where there is no interval.
        units: how many the figure was measured on.
        note: why there is no interval, in words.
    """

    value: float
    low: float | None
    high: float | None
    units: int
    note: str = ""

    def text(self, spec: str = ".2f") -> str:
        """The ends in brackets, or in parentheses why there are none."""
        return range_text(self, spec)


@dataclass(frozen=True)
class Effect:
    """A difference, oriented so that a claim says it is above zero, and what resampling makes of it.

    Attributes:
        effect: as measured.
        low: lower end of the interval; None where there is none.
        high: upper end; None where there is none.
        p_value: two-sided, against no difference; never 0, since no finite number of resamples shows that. None where
            the difference could not be tested.
        resampled: over what the interval generalizes: units of the test set alone, or seeds too.
        resamples: how many were drawn.
        units: of the test set.
        note: why the difference could not be tested, in words.
    """

    effect: float
    low: float | None
    high: float | None
    p_value: float | None
    resampled: Resampled
    resamples: int
    units: int
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the whole interval lies on the claimed side of zero, on the other side, on both, or is missing."""
        if self.low is None or self.high is None:
            return "undecided"
        if self.low > 0:
            return "supported"
        return "not supported" if self.high < 0 else "undecided"

    def text(self, spec: str = ".3f") -> str:
        """The ends in brackets, or in parentheses why there are none."""
        return range_text(self, spec)


def range_text(found: Interval | Effect, spec: str) -> str:
    """``[low, high]``, formatted, or in parentheses why there are no such ends."""
    if found.low is None or found.high is None:
        return f"({found.note or 'no interval'})"
    return f"[{found.low:{spec}}, {found.high:{spec}}]"


def resampled_means(
    systems: Sequence[Measurements], generator: np.random.Generator, resamples: int = 10_000
) -> list[Float64[np.ndarray, "R _"]]:
    """The group means of each system, over resamples that all systems share.

    Any function of the rows (a difference, a ratio, a difference of differences) is then a bootstrap sample of that
    function: see ``effect_of`` and ``interval_of``.

    Args:
        systems: measured on the same units in the same order.
        generator: draws units and seeds.
        resamples: R.

    Returns:
        (R, G) per system; nan where no observation of a group was drawn.

    Raises:
        ValueError: there are fewer than two units, or the systems differ in how many.
    """
    units = {system.units for system in systems}
    if len(units) != 1 or min(units) < 2:
        raise ValueError(f"systems must share the same units, two at least; they have {sorted(units)}")
    columns_sc = np.concatenate([_columns(system) for system in systems], axis=1)
    sums_rc = np.concatenate([weights @ columns_sc for weights in _unit_weights(min(units), generator, resamples)])
    means, first = [], 0
    for system in systems:
        seeds, _, groups = system.sums_ksg.shape
        last = first + (seeds + 1) * groups
        table_rkg = sums_rc[:, first:last].reshape(resamples, seeds + 1, groups)
        sums_rg = np.einsum("rk,rkg->rg", _seed_weights(seeds, generator, resamples), table_rkg[:, :seeds])
        means.append(_divide(sums_rg, table_rkg[:, seeds]))
        first = last
    return means


def effect_of(effect: float, resampled_r: Float64[np.ndarray, "R"], resampled: Resampled, units: int) -> Effect:
    """Interval (percentile method) and two-sided p-value of a difference.

    p = 2 (min(#(resampled <= 0), #(resampled >= 0)) + 1) / (R + 1), at most 1: the level at which the interval would
    just touch zero, with the measured text counted as one more resample (Davison and Hinkley 1997, chapter 4).

    Args:
        effect: the difference as measured.
        resampled_r: the same difference in each resample.
        resampled: what was resampled (``what_was_resampled``).
        units: of the test set.
    """
    low, high = _percentiles(resampled_r)
    tail = min(int((resampled_r <= 0).sum()), int((resampled_r >= 0).sum()))
    p_value = min(1.0, 2 * (tail + 1) / (len(resampled_r) + 1))
    return Effect(float(effect), low, high, p_value, resampled, len(resampled_r), units)


def interval_of(value: float, resampled_r: Float64[np.ndarray, "R"], units: int) -> Interval:
    """Interval (percentile method) of a single figure.

    Args:
        value: as measured.
        resampled_r: the same figure in each resample.
        units: of the test set.
    """
    return Interval(float(value), *_percentiles(resampled_r), units)


def what_was_resampled(systems: Sequence[Measurements]) -> Resampled:
    """Units alone, unless some system was measured with several seeds."""
    return "units and seeds" if any(system.seeds > 1 for system in systems) else "units"


def _percentiles(resampled_r: np.ndarray) -> tuple[float, float]:
    """Resamples in which the figure does not exist (nan: nothing of its group was drawn) are left out."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(resampled_r, [tail, 1 - tail])
    return float(low), float(high)


def _columns(system: Measurements) -> np.ndarray:
    """(S, (K + 1) G): every seed's sums, and the counts, as columns to be summed over units."""
    table_skg = np.concatenate([system.sums_ksg, system.counts_sg[None].astype(np.float64)]).transpose(1, 0, 2)
    return table_skg.reshape(system.units, -1)


def _unit_weights(units: int, generator: np.random.Generator, resamples: int) -> Iterator[np.ndarray]:
    """How often each unit is drawn, (rows, S) at a time: rows of a multinomial of S draws over S equal chances."""
    rows = max(1, _BLOCK // units)
    for first in range(0, resamples, rows):
        block = min(rows, resamples - first)
        drawn = generator.integers(0, units, size=(block, units), dtype=np.int32)
        flat = (drawn + np.arange(block)[:, None] * units).ravel()
        yield np.bincount(flat, minlength=block * units).reshape(block, units).astype(np.float64)


def _seed_weights(seeds: int, generator: np.random.Generator, resamples: int) -> np.ndarray:
    """(R, K): each seed's share of a resample, K - 1 drawn out of K; with one seed, that one."""
    if seeds == 1:
        return np.ones((resamples, 1))
    return generator.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=resamples) / (seeds - 1)


def _divide(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
