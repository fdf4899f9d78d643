"""Student's t and the beta distribution, as far as intervals need them: nothing beyond the standard library."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

_STEPS = 400
"""Terms of the continued fraction at most; a few dozen are enough for any interval."""
_EXACT = 1e-12
"""Relative width at which a solution is narrow enough."""


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # Lentz's method: numerator and denominator of the fraction are carried as ratios of successive convergents.
    tiny = 1e-300
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(_STEPS):
        m = step // 2
        if step == 0:
            term = 1.0
        elif step % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        lower = 1 / (1 + term * lower or tiny)
        upper = 1 + term / upper or tiny
        value *= upper * lower
        if abs(1 - upper * lower) < 1e-14:
            break
    return math.exp(log_front) * (value - 1) / a


def two_sided_p(t: float, freedom: int) -> float:
    """P(|T| >= |t|) for Student's t with ``freedom`` degrees of freedom."""
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) if math.isfinite(t) else 0.0


@lru_cache(maxsize=100_000)
def critical(level: float, freedom: int) -> float:
    """The t with ``two_sided_p(t) = level``."""
    return _solved(lambda t: two_sided_p(t, freedom), level, 0.0, 2.0)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = ``share``."""
    return 1 - _solved(lambda rest: incomplete_beta(a, b, 1 - rest), share, 0.0, 1.0)


def _solved(falling: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a falling function of x >= 0 has the value ``target``, by bisection."""
    while falling(high) > target and high < 1e12:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > target else (low, middle)
        if high - low <= _EXACT * high:
            break
    return (low + high) / 2
