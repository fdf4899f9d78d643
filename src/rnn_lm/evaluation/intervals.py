"""What is measured, and what is said of it: tables of measurements, figures with intervals, effects with p-values.

A measurement is a table: seeds of a system by units of the test set (blocks of sentences, minimal pairs), split into
groups where means of several kinds of observation are wanted (tokens by length of context, pairs by distance). How far
a mean, or a function of several, would move on other units and with other seeds is found in ``jackknife.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float64, Int64

Over: TypeAlias = Literal["units", "units and seeds"]
Verdict: TypeAlias = Literal["supported", "not supported", "undecided"]

CONFIDENCE = 0.95
"""Coverage that every interval aims at."""
LARGEST = 1e300
"""A perplexity or a ratio from here on is "over 1e300"."""
FEWEST = 4
"""Units from which an interval is made: fewer say too little of how much units differ."""


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

    def merged(self, units: int) -> Measurements:
        """The same with neighboring units put together, so that ``units`` are left, or as many as there are."""
        units = min(units, self.units)
        starts = -(-np.arange(units) * self.units // units)
        return Measurements(
            np.add.reduceat(self.sums_ksg, starts, axis=1), np.add.reduceat(self.counts_sg, starts, axis=0)
        )

    @property
    def mean_g(self) -> Float64[np.ndarray, "G"]:
        """Each group's mean over all observations and seeds, a ratio of sums; nan where a group has none."""
        return divided(self.sums_ksg.sum(axis=1).mean(axis=0), self.counts_sg.sum(axis=0))


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
    """A difference, oriented so that a claim says it is above zero, with its interval and whether it could be chance.

    Attributes:
        effect: as measured.
        low: lower end of the interval; None where there is none.
        high: upper end; None where there is none.
        p_value: two-sided, against no difference; never 0. None where the difference could not be tested.
        over: what the interval generalizes over: units of the test set alone, or seeds too.
        units: of the test set.
        note: why the difference could not be tested, in words.
    """

    effect: float
    low: float | None
    high: float | None
    p_value: float | None
    over: Over
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
    return f"[{number_text(found.low, spec)}, {number_text(found.high, spec)}]"


def number_text(value: float, spec: str = ".3f") -> str:
    """A figure as ``spec`` says, or by its power of ten where that would print only zeros or many digits."""
    if abs(value) >= LARGEST:
        return "over 1e300"
    if 0 < abs(value) <= 1 / LARGEST:
        return "under 1e-300"
    shown = f"{value:{spec}}"
    return f"{value:.1e}" if abs(value) >= 1e9 or (value != 0 and float(shown) == 0) else shown


def exponential(nats: float) -> float:
    """exp of a mean NLL or of a difference; from 1 / ``LARGEST`` to ``LARGEST``, beyond which floats end."""
    return min(max(math.exp(min(max(nats, -700.0), 700.0)), 1 / LARGEST), LARGEST)


def generalizes_over(systems: Sequence[Measurements]) -> Over:
    """Units alone, unless some system was measured with several seeds."""
    return "units and seeds" if any(system.seeds > 1 for system in systems) else "units"


def divided(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums by counts; nan where there is nothing to divide by."""
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
