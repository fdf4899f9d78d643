"""Gated Jacobians equal autograd's for every size, and the direct path is the product of the gates."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.layers.cells import CellParameters
from rnn_lm.theory import gating
from rnn_lm.theory.exercises.gating import DIRECT_PATH, random_parameters
from rnn_lm.theory.measure import EQUATIONS, jacobians_by_lag

names = st.sampled_from(["lstm", "gru"])
seeds = st.integers(0, 2**31)


def setting(name: str, size: int, inputs: int, steps: int, seed: int):
    random = torch.Generator().manual_seed(seed)
    parameters = random_parameters(name, inputs, size, 1.0, random)
    input_te = 2 * torch.randn(steps, inputs, generator=random, dtype=torch.float64)
    start = tuple(
        torch.randn(size, generator=random, dtype=torch.float64).tanh() for _ in range(EQUATIONS[name].state_parts)
    )
    return parameters, input_te, start


@settings(deadline=None, max_examples=20)
@given(name=names, size=st.integers(1, 6), inputs=st.integers(1, 4), steps=st.integers(1, 10), seed=seeds)
def test_products_equal_autograd(name: str, size: int, inputs: int, steps: int, seed: int) -> None:
    parameters, input_te, start = setting(name, size, inputs, steps, seed)
    jacobians = gating.by_hand(name, parameters, input_te, start)
    measured = jacobians_by_lag(EQUATIONS[name], parameters, input_te.unsqueeze(1), start)
    predicted = gating.products([gated + mixed for gated, mixed in jacobians])
    assert torch.allclose(predicted, measured, rtol=1e-10, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(name=names, size=st.integers(1, 6), inputs=st.integers(1, 4), steps=st.integers(1, 10), seed=seeds)
def test_direct_path_is_the_product_of_the_keeping_gates(
    name: str, size: int, inputs: int, steps: int, seed: int
) -> None:
    parameters, input_te, start = setting(name, size, inputs, steps, seed)
    jacobians = gating.by_hand(name, parameters, input_te, start)
    gates_h = torch.stack([gated[-size:, -size:].diagonal() for gated, _ in jacobians]).prod(0)
    measured = DIRECT_PATH[name](parameters, input_te.unsqueeze(1), start)[-1, -size:, -size:]
    assert torch.allclose(torch.diag(gates_h), measured, rtol=1e-10, atol=1e-14)


@settings(deadline=None, max_examples=10)
@given(name=names, size=st.integers(1, 5), steps=st.integers(1, 8), seed=seeds)
def test_paths_add_up(name: str, size: int, steps: int, seed: int) -> None:
    parameters, input_te, start = setting(name, size, 3, steps, seed)
    jacobians = gating.by_hand(name, parameters, input_te, start)
    total = gating.products([gated + mixed for gated, mixed in jacobians])[-1]
    direct = gating.products([gated for gated, _ in jacobians])[-1]
    assert torch.allclose(direct + gating.mixed_paths(jacobians), total, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_hand_written_steps_are_the_cells_that_train(name: str) -> None:
    parameters, input_te, start = setting(name, 5, 3, 1, 7)
    after, _ = gating.STEPS[name](input_te[0], start, parameters)
    expected = EQUATIONS[name].equations(input_te, tuple(part.unsqueeze(0) for part in start), parameters)
    for left, right in zip(after, expected, strict=True):
        assert torch.allclose(left, right.squeeze(0), rtol=1e-14, atol=1e-14)


def test_the_other_convention_of_the_gru_is_found_out() -> None:
    """With the roles of z and 1 - z exchanged (Chung et al. 2014), the direct path is another one."""
    parameters, input_te, start = setting("gru", 5, 3, 6, 7)
    jacobians = gating.by_hand("gru", parameters, input_te, start)
    swapped = torch.stack([1 - gated.diagonal() for gated, _ in jacobians]).prod(0)
    measured = DIRECT_PATH["gru"](parameters, input_te.unsqueeze(1), start)[-1]
    assert not torch.allclose(torch.diag(swapped), measured, rtol=1e-3)


@given(bias=st.floats(-5, 8))
def test_half_life_halves(bias: float) -> None:
    kept = 1 / (1 + math.exp(-bias))
    assert kept ** gating.half_life(bias) == pytest.approx(0.5, rel=1e-9)


def test_without_recurrent_weights_nothing_but_the_direct_path_is_left() -> None:
    parameters, input_te, start = setting("lstm", 4, 3, 6, 9)
    bare = CellParameters(
        parameters.weight_ih, torch.zeros_like(parameters.weight_hh), parameters.bias_ih, parameters.bias_hh
    )
    total = jacobians_by_lag(EQUATIONS["lstm"], bare, input_te.unsqueeze(1), start)[-1, -4:, -4:]
    direct = DIRECT_PATH["lstm"](bare, input_te.unsqueeze(1), start)[-1, -4:, -4:]
    assert torch.allclose(total, direct, rtol=1e-12, atol=1e-15)
    assert torch.count_nonzero(total - torch.diag(total.diagonal())) == 0
