"""Thinned curves keep their peaks."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.report.thinning import thin, upper_envelope

VALUES = st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)), max_size=300)
LIMITS = st.integers(2, 50)


def _finite(values: list[float | None]) -> list[tuple[float, float]]:
    return [(float(i), v) for i, v in enumerate(values) if v is not None and math.isfinite(v)]


@given(VALUES, LIMITS)
@settings(deadline=None, max_examples=100)
def test_thin_keeps_extremes_order_and_limit(values: list[float | None], limit: int) -> None:
    steps, finite = [float(i) for i in range(len(values))], _finite(values)
    kept = thin(steps, values, limit)
    assert set(kept) <= set(finite)
    assert kept == sorted(set(kept))
    assert len(kept) <= max(limit, 2)
    if len(finite) <= limit:
        assert kept == finite
    if finite:
        heights = [height for _, height in finite]
        assert {min(heights), max(heights)} <= {height for _, height in kept}


@given(VALUES, LIMITS)
@settings(deadline=None, max_examples=100)
def test_upper_envelope_holds_the_highest_of_each_stretch(values: list[float | None], stretches: int) -> None:
    finite = _finite(values)
    kept = upper_envelope([float(i) for i in range(len(values))], values, stretches)
    assert len(kept) == min(stretches, len(finite))
    assert kept == sorted(kept)
    assert set(kept) <= set(finite)
    if finite:
        assert max(height for _, height in kept) == max(height for _, height in finite)


def test_a_spike_survives() -> None:
    values = [1.0] * 5000
    values[3217] = 99.0
    assert (3217, 99.0) in thin(range(5000), values)
