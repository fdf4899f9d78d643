"""Clipping by norm keeps the direction, clipping by value turns it by no more than it must."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import TrainingConfig
from rnn_lm.theory import clipping
from rnn_lm.theory.exercises.clipping import clipped, descend

seeds = st.integers(0, 2**31)
sizes = st.integers(1, 40)


def gradient(size: int, seed: int, scale: float) -> torch.Tensor:
    return scale * torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=30)
@given(size=sizes, seed=seeds, scale=st.floats(1e-6, 1e6), threshold=st.floats(1e-3, 1e3))
def test_norm_clipping(size: int, seed: int, scale: float, threshold: float) -> None:
    gradient_n = gradient(size, seed, scale)
    norm = float(torch.linalg.vector_norm(gradient_n))
    found_n = clipped(gradient_n, "norm", threshold)
    assert torch.allclose(found_n, clipping.norm_factor(norm, threshold) * gradient_n, rtol=1e-12, atol=0)
    assert clipping.cosine(found_n, gradient_n) == pytest.approx(1, abs=1e-12)
    assert float(torch.linalg.vector_norm(found_n)) <= threshold * (1 + 1e-12)
    if norm <= threshold:
        assert torch.equal(found_n, gradient_n)
    again_n = clipped(found_n, "norm", threshold * (1 + 1e-12))
    assert torch.equal(again_n, found_n)


@settings(deadline=None, max_examples=40)
@given(size=sizes, seed=seeds, power=st.floats(1, 6), threshold=st.floats(1e-4, 10))
def test_value_clipping_turns_no_further_than_the_bound(size: int, seed: int, power: float, threshold: float) -> None:
    gradient_n = gradient(size, seed, 1.0)
    heavy_n = gradient_n.sign() * gradient_n.abs() ** power  # from normal to very heavy tails
    found = clipping.cosine(clipped(heavy_n, "value", threshold), heavy_n)
    assert found >= 1 / math.sqrt(size) - 1e-12


@given(size=st.integers(2, 200), spike=st.floats(1, 1e5))
def test_a_spike_is_the_worst_case(size: int, spike: float) -> None:
    gradient_n = torch.ones(size, dtype=torch.float64)
    gradient_n[0] = spike
    found = clipping.cosine(clipped(gradient_n, "value", 1.0), gradient_n)
    assert found == pytest.approx(clipping.spike_cosine(spike, size), rel=1e-12)
    assert clipping.spike_cosine(1e12, size) == pytest.approx(1 / math.sqrt(size), rel=1e-6)


def test_angle_of_a_normal_gradient_at_both_ends() -> None:
    assert clipping.gaussian_cosine(1e-4) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-3)  # its signs
    assert clipping.gaussian_cosine(10.0) == pytest.approx(1.0, abs=1e-12)


def test_angle_of_a_normal_gradient_against_quadrature() -> None:
    grid = torch.linspace(-12, 12, 400_001, dtype=torch.float64)
    weight = torch.exp(-grid.square() / 2)
    limited = grid.clamp(-0.7, 0.7)
    cosine = (weight * grid * limited).sum() / torch.sqrt((weight * grid**2).sum() * (weight * limited**2).sum())
    assert clipping.gaussian_cosine(0.7) == pytest.approx(float(cosine), rel=1e-9)


@settings(deadline=None, max_examples=15)
@given(weight=st.floats(0.5, 2.5), bias=st.floats(-1, 0.5), steps=st.integers(1, 12))
def test_gradient_of_the_cliff(weight: float, bias: float, steps: int) -> None:
    cliff = clipping.Cliff(steps=steps)
    point = torch.tensor([weight, bias], dtype=torch.float64, requires_grad=True)
    (measured,) = torch.autograd.grad(cliff.loss(point), point)
    assert cliff.gradient(weight, bias) == pytest.approx(tuple(measured.tolist()), rel=1e-9, abs=1e-13)


def test_descent_where_nothing_is_clipped_does_not_depend_on_clipping() -> None:
    start_sn = torch.tensor([[0.5, 0.1], [0.6, -0.1]], dtype=torch.float64)
    cliff = clipping.Cliff()
    free = descend(cliff, start_sn, 0.1, TrainingConfig(clip="none"), 10)
    kept = descend(cliff, start_sn, 0.1, TrainingConfig(clip="norm", clip_threshold=10.0), 10)
    assert float(free.norm_us.max()) < 10
    assert torch.equal(free.path_usn, kept.path_usn)
