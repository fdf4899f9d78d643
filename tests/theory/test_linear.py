"""The identities of exercise 6 for every size, and its limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.layers import linear_scan
from rnn_lm.theory.exercises import linear as exercise
from rnn_lm.theory.linear import after, by_doubling, flowing_back, gate_products, sign_changes, swap

seeds = st.integers(0, 2**31)


def drawn(steps: int, size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    decay, entering = (torch.randn(steps, size, generator=random, dtype=torch.float64) for _ in range(2))
    return torch.sigmoid(decay), entering, torch.randn(size, generator=random, dtype=torch.float64)


@settings(deadline=None, max_examples=25)
@given(steps=st.integers(1, 40), size=st.integers(1, 5), seed=seeds)
def test_rounds_and_the_reverse_recurrence_are_the_scan(steps: int, size: int, seed: int) -> None:
    decay, entering, start = drawn(steps, size, seed)
    decay_t1h, entering_t1h = (one.unsqueeze(1).requires_grad_() for one in (decay, entering))
    start.requires_grad_()
    hidden = linear_scan(decay_t1h, entering_t1h, start.unsqueeze(0)).squeeze(1)
    (whole, gathered), rounds = by_doubling(decay.detach(), entering.detach())
    assert rounds == math.ceil(math.log2(steps))
    torch.testing.assert_close(whole * start + gathered, hidden, rtol=1e-10, atol=1e-12)
    read = torch.randn(steps, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    by_entering, by_start = torch.autograd.grad((read * hidden).sum(), (entering_t1h, start), retain_graph=True)
    torch.testing.assert_close(flowing_back(decay.detach(), read), by_entering.squeeze(1), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(by_start, decay.detach()[0] * by_entering[0, 0], rtol=1e-10, atol=1e-12)
    (last_by_start,) = torch.autograd.grad(hidden[-1].sum(), start)
    torch.testing.assert_close(last_by_start, gate_products(decay.detach())[-1], rtol=1e-10, atol=1e-14)


@settings(deadline=None, max_examples=25)
@given(size=st.integers(1, 5), seed=seeds)
def test_composition_is_associative(size: int, seed: int) -> None:
    decay, entering, _ = drawn(3, size, seed)
    one, two, three = ((decay[t], entering[t]) for t in range(3))
    for left, right in zip(after(three, after(two, one)), after(after(three, two), one), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-14)


@settings(deadline=None, max_examples=10)
@given(size=st.integers(1, 4), seed=seeds)
def test_readers_of_positive_gates_change_their_sign_no_more_often_than_there_are_units(size: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    gates = torch.rand(size, generator=random, dtype=torch.float64) * 0.9 + 0.05
    weights = torch.randn(300, size + 1, generator=random, dtype=torch.float64)
    k = torch.arange(30, dtype=torch.float64).unsqueeze(1)
    seen = torch.cat([gates**k, torch.ones(30, 1, dtype=torch.float64)], dim=1)
    assert sign_changes(weights @ seen.T) <= size


def test_the_bound_is_reached_and_an_exchange_of_signs_breaks_it() -> None:
    """(0.9^k - 0.75^k - c): one unit each way makes two changes; one negative gate makes any number."""
    k = torch.arange(40, dtype=torch.float64)
    assert sign_changes(0.9**k - 0.75**k - 0.1) == 2
    assert sign_changes((-1.0) ** k) == 39


def test_exchanges_make_the_cycles_of_three_things() -> None:
    there, back = swap(3, 0, 1), swap(3, 1, 2)
    things = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    torch.testing.assert_close(there @ back @ things, torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64))
    torch.testing.assert_close(back @ there @ things, torch.tensor([2.0, 3.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(there @ there, torch.eye(3, dtype=torch.float64))


def test_a_best_reader_gives_parity_up() -> None:
    points = exercise._parity(24)
    far = [point for point in points if point["ones"] > 12]
    assert max(abs(point["positive"]) for point in far) < 0.7
    assert all(point["negative"] == point["parity"] for point in points)


@pytest.mark.parametrize("bias", exercise.BIASES)
def test_the_figure_s_points_lie_on_its_lines(bias: float) -> None:
    random = torch.Generator().manual_seed(1)
    cell = exercise.minimal(3, bias, random)
    for point in exercise._kept(bias, cell, torch.randn(9, 3, generator=random, dtype=torch.float64)):
        assert point["measured"] == pytest.approx(point["predicted"], rel=1e-10)
