"""Radius, norm and growth: what holds for every matrix, and the exceptions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.theory import spectral
from rnn_lm.theory.exercises.spectral import follow, gaussian, orthogonal

sizes = st.integers(2, 7)
seeds = st.integers(0, 2**31)


def norm(matrix: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(matrix, 2))


@settings(deadline=None, max_examples=15)
@given(size=sizes, seed=seeds, radius=st.floats(0.5, 1.5), steps=st.integers(1, 20))
def test_a_normal_matrix_grows_by_its_radius_exactly(size: int, seed: int, radius: float, steps: int) -> None:
    weight_hh = radius * orthogonal(size, torch.Generator().manual_seed(seed))
    measured = follow(weight_hh, torch.zeros(steps, size, dtype=torch.float64)).largest_rate()
    assert measured == pytest.approx(math.log(radius), abs=1e-10)


@settings(deadline=None, max_examples=15)
@given(size=sizes, seed=seeds, doublings=st.integers(1, 10))
def test_every_matrix_stays_in_the_band_around_its_radius(size: int, seed: int, doublings: int) -> None:
    weight_hh = gaussian(size, torch.Generator().manual_seed(seed))
    rate = spectral.power_rate(weight_hh, doublings)
    assert -1e-9 <= rate <= math.log(spectral.eigenvector_condition(weight_hh)) / 2**doublings + 1e-9


def test_repeated_squaring_gives_the_power_itself() -> None:
    weight_hh = gaussian(5, torch.Generator().manual_seed(1))
    direct = math.log(norm(torch.linalg.matrix_power(weight_hh, 16))) / 16
    assert spectral.power_rate(weight_hh, 4) == pytest.approx(direct, abs=1e-12)


@settings(deadline=None, max_examples=15)
@given(size=sizes, radius=st.floats(0.1, 1.2), forward=st.floats(0, 2), power=st.integers(0, 12))
def test_powers_of_a_chain(size: int, radius: float, forward: float, power: int) -> None:
    weight_hh = spectral.chain(size, radius, forward)
    expected = torch.linalg.matrix_power(weight_hh, power)
    assert torch.allclose(spectral.chain_power(size, radius, forward, power), expected, rtol=1e-10, atol=1e-10)
    assert torch.equal(weight_hh.diagonal(), torch.full((size,), radius, dtype=torch.float64))  # its eigenvalues


@settings(deadline=None, max_examples=10)
@given(size=sizes, seed=seeds, radius=st.floats(0.5, 1.5), scale=st.floats(0, 2))
def test_the_share_of_tanh(size: int, seed: int, radius: float, scale: float) -> None:
    random = torch.Generator().manual_seed(seed)
    weight_hh = radius * orthogonal(size, random)
    trajectory = follow(weight_hh, scale * torch.randn(12, size, generator=random, dtype=torch.float64))
    share = float(trajectory.slope_th.log().mean())
    assert share <= 0
    assert trajectory.average_rate() == pytest.approx(math.log(radius) + share, abs=1e-10)
    highest = float(trajectory.slope_th.max(dim=1).values.log().mean())
    assert trajectory.average_rate() - 1e-10 <= trajectory.largest_rate() <= math.log(radius) + highest + 1e-10


def test_leaving_the_tanh_out_is_found_out() -> None:
    random = torch.Generator().manual_seed(1)
    weight_hh = orthogonal(6, random)
    trajectory = follow(weight_hh, torch.randn(12, 6, generator=random, dtype=torch.float64))
    assert abs(trajectory.average_rate() - math.log(1.0)) > 0.05


def test_the_spectral_radius_rule_misses_the_transient() -> None:
    weight_hh = spectral.chain(4, 0.9, 0.4)
    assert spectral.spectral_radius(weight_hh) == pytest.approx(0.9, abs=1e-3)  # a defective matrix: 4th root of eps
    norms = [norm(torch.linalg.matrix_power(weight_hh, power)) for power in range(200)]
    assert max(norms) > 10
    assert norms[-1] < 1e-2
    assert 1 < spectral.kreiss_constant(weight_hh) <= max(norms)


def test_a_normal_matrix_has_no_transient() -> None:
    weight_hh = 0.9 * orthogonal(4, torch.Generator().manual_seed(1))
    assert spectral.kreiss_constant(weight_hh) <= 1
