"""A statement must be able to fail: that is what makes it worth printing."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.theory.statement import EXACT, at_least, at_most, equal

sizes = st.integers(1, 5)


@settings(deadline=None, max_examples=25)
@given(rows=sizes, columns=sizes, seed=st.integers(0, 2**31), off=st.floats(1e-7, 10))
def test_equality_holds_of_equals_and_of_nothing_else(rows: int, columns: int, seed: int, off: float) -> None:
    value = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert equal("same", "a = a", value, value.clone(), "").holds
    assert not equal("scaled", "a = b", value, value * (1 + off), "").holds
    one_wrong = value.clone()
    one_wrong[0, 0] += off * torch.linalg.vector_norm(value)
    assert not equal("one element", "a = b", value, one_wrong, "").holds


def test_equality_is_judged_by_every_element_and_not_by_the_norm() -> None:
    value = torch.tensor([3.0, 4.0], dtype=torch.float64)
    statement = equal("swapped", "a = b", value, value.flip(0), "")
    assert statement.predicted == statement.measured == 5.0
    assert not statement.holds


def test_a_prediction_of_zero_is_compared_absolutely() -> None:
    assert equal("zero", "a = 0", 0.0, EXACT / 2, "").holds
    assert not equal("zero", "a = 0", 0.0, 1e-6, "").holds


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        equal("broadcast", "a = b", torch.ones(3), torch.ones(1, 3), "")


@pytest.mark.parametrize("nan", [math.nan, torch.tensor([1.0, math.nan])])
def test_nan_never_holds(nan: float | torch.Tensor) -> None:
    good = torch.ones_like(nan) if isinstance(nan, torch.Tensor) else 1.0
    assert not equal("nan", "a = b", good, nan, "").holds
    assert not equal("nan", "a = b", nan, nan, "").holds


@given(bound=st.floats(-100, 100), gap=st.floats(1e-3, 10))
def test_bounds_are_one_sided(bound: float, gap: float) -> None:
    assert at_most("under", "a ≤ b", bound, bound - gap, "").holds
    assert not at_most("over", "a ≤ b", bound, bound + gap, "").holds
    assert at_least("over", "a ≥ b", bound, bound + gap, "").holds
    assert not at_least("under", "a ≥ b", bound, bound - gap, "").holds
    assert not at_most("nan", "a ≤ b", bound, math.nan, "").holds
    assert not at_least("nan", "a ≥ b", bound, math.nan, "").holds


def test_json_is_plain_and_says_whether_it_holds() -> None:
    plain = equal("infinite", "a = {1}//{0}", math.inf, 1.0, "a detail").to_json()
    assert plain == json.loads(json.dumps(plain, allow_nan=False))
    assert plain["holds"] is False
    assert plain["predicted"] == "inf"
    assert "<mfrac>" in plain["mathml"]
