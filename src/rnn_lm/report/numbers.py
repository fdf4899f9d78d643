"""Numbers as a person reads them. A value that is missing is a dash."""

from __future__ import annotations

import math

Number = float | int
"""JSON does not tell the two apart."""

MISSING = "–"


def perplexity(value: Number | None) -> str:
    """A perplexity: two decimals, none from 1,000 on; three digits and a power of ten where nobody would count them."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value >= 1e9:
        return f"{value:.3g}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def interval(low: Number | None, high: Number | None) -> str:
    """A 95% interval of a perplexity."""
    if low is None or high is None:
        return MISSING
    return f"{perplexity(low)} to {perplexity(high)}"


def bits(value: Number | None) -> str:
    """Bits, with three decimals."""
    return MISSING if value is None else f"{value:.3f}".replace("-", "−")


def signed(*values: Number | None) -> tuple[str, ...]:
    """Differences with their sign, a true minus, all with the decimals that give the largest three digits."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    decimals = 2 - math.floor(math.log10(largest)) if largest > 0 else 2
    shown = f"+,.{min(max(decimals, 0), 6)}f"
    return tuple(MISSING if value is None else f"{value:{shown}}".replace("-", "−") for value in values)


def significant(value: Number | None) -> str:
    """A magnitude to three significant digits."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if 100 <= abs(value) < 1e6 else f"{value:#.3g}".rstrip(".")


def p_value(value: Number | None) -> str:
    """A p-value with three decimals; below those, a bound."""
    if value is None:
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: int) -> str:
    """A count with thousands separated."""
    return f"{value:,}"


def share(value: Number) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * value:.1f}%"


def duration(seconds: Number) -> str:
    """A length of time, to about two units."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
