"""Long curves drawn with few points, so that no peak is lost."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from rnn_lm.report.numbers import Number

Point = tuple[Number, Number]

FIGURE_POINTS = 600
"""About the most points that a curve in a figure is worth: one per pixel of its width."""


def thin(x: Sequence[Number], y: Sequence[Number | None], limit: int = FIGURE_POINTS) -> list[Point]:
    """The finite points of a curve, or where there are more than ``limit``, the lowest and highest of each of
    ``limit / 2`` equal stretches, in order.

    Args:
        x: positions, increasing.
        y: values; None and values that are not finite are left out.
        limit: the most points to keep, at least 2.
    """
    points = _finite(x, y)
    if len(points) <= limit:
        return points
    stretches = [(min(part, key=_value), max(part, key=_value)) for part in _stretches(points, limit // 2)]
    return [point for pair in stretches for point in sorted(set(pair))]


def upper_envelope(x: Sequence[Number], y: Sequence[Number | None], stretches: int = FIGURE_POINTS // 4) -> list[Point]:
    """The highest finite point of each of at most ``stretches`` equal stretches of a curve, in order."""
    points = _finite(x, y)
    return [max(part, key=_value) for part in _stretches(points, min(stretches, len(points)))]


def _finite(x: Sequence[Number], y: Sequence[Number | None]) -> list[Point]:
    return [(at, value) for at, value in zip(x, y, strict=True) if value is not None and math.isfinite(value)]


def _stretches(points: list[Point], count: int) -> list[list[Point]]:
    cuts = [round(i * len(points) / count) for i in range(count + 1)] if count else []
    return [points[first:last] for first, last in itertools.pairwise(cuts)]


def _value(point: Point) -> Number:
    return point[1]
