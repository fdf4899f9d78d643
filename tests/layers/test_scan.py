"""The scan is its recurrence, forward and backward, whichever way it takes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.layers import gated_layer as layer_in_one_piece
from rnn_lm.layers import gated_scan, linear_scan
from rnn_lm.layers.cells import CELLS
from rnn_lm.layers.gated_layer import gated_layer
from rnn_lm.layers.scan import LEAST_STEPS, SMALL_STEP, by_equation, in_blocks, run_blocks


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_definition(decay_tbh: torch.Tensor, input_tbh: torch.Tensor, start_bh: torch.Tensor) -> torch.Tensor:
    hidden, hiddens = start_bh, []
    for decay, entering in zip(decay_tbh, input_tbh, strict=True):
        hidden = decay * hidden + entering
        hiddens.append(hidden)
    return torch.stack(hiddens)


@pytest.mark.parametrize("steps", [1, 2, 5, LEAST_STEPS - 1, LEAST_STEPS, 65, 100, 256, 347])
@pytest.mark.parametrize("width", [3, SMALL_STEP])
def test_values_and_gradients_are_those_of_the_recurrence(steps, width):
    if steps > LEAST_STEPS + 1 and width > 3:
        pytest.skip("the way is the same")
    given = [torch.sigmoid(2 * draw(steps, 2, width, seed=2)), draw(steps, 2, width), draw(2, width, seed=3)]
    for one in given:
        one.requires_grad_()
    weight = draw(steps, 2, width, seed=4)
    wanted = by_definition(*given)
    expected = torch.autograd.grad((weight * wanted).sum(), given)
    found = linear_scan(*given)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(by_equation(*given), wanted)  # what compilers see
    for one, other in zip(torch.autograd.grad((weight * found).sum(), given), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("steps", [1, 4, LEAST_STEPS])
def test_finite_differences_confirm_the_gradients(steps):
    given = [draw(steps, 1, 2, seed=seed) * 0.8 for seed in (1, 2)] + [draw(1, 2, seed=3)]
    assert in_blocks(given[0]) == (steps == LEAST_STEPS)
    torch.autograd.gradcheck(linear_scan, [one.requires_grad_() for one in given])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 11])
def test_blocks_of_any_size_are_one_step_after_another(size):
    decay, values = draw(10, 2, 3), draw(10, 2, 3, seed=2)
    wanted = by_definition(decay[1:], values[1:], values[0])
    if size > len(values):
        size = len(values)
    run_blocks(decay, values, size)
    torch.testing.assert_close(values[1:], wanted)


def test_what_is_forgotten_altogether_leaves_no_nan():
    decay = torch.zeros(100, 1, 2)
    decay[::2] = 1
    input_tbh = torch.ones(100, 1, 2, requires_grad=True)
    hidden = linear_scan(decay, input_tbh, torch.full((1, 2), 3.0))
    assert hidden[0].eq(4).all()
    assert hidden[1].eq(1).all()
    hidden.sum().backward()
    assert input_tbh.grad is not None
    assert set(input_tbh.grad.flatten().tolist()) == {1.0, 2.0}


def test_gates_that_share_memory_and_gradients_that_are_one_number_are_read_right():
    both = torch.sigmoid(draw(70, 2, 6)).requires_grad_()
    decay, entering = both.chunk(2, dim=-1)
    start = draw(2, 3)
    (found,) = torch.autograd.grad(linear_scan(decay, entering, start).sum(), both)
    (wanted,) = torch.autograd.grad(by_definition(decay, entering, start).sum(), both)
    torch.testing.assert_close(found, wanted)


def test_half_precision_coefficients_do_not_make_a_half_precision_state():
    decay = torch.full((3, 1, 2), 0.5, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert linear_scan(decay, decay, torch.zeros(1, 2)).dtype == torch.float32


@pytest.mark.parametrize("steps", [1, 2, LEAST_STEPS - 1, LEAST_STEPS, 347])
@pytest.mark.parametrize("width", [3, SMALL_STEP])
def test_the_gated_scan_is_its_recurrence(steps, width):
    if steps > LEAST_STEPS and width > 3:
        pytest.skip("the way is the same")
    given = [3 * draw(steps, 2, width, seed=2), draw(steps, 2, width), draw(2, width, seed=3)]
    for one in given:
        one.requires_grad_()
    weight = draw(steps, 2, width, seed=4)
    keep = torch.sigmoid(given[0])
    wanted = by_definition(keep, (1 - keep) * given[1], given[2])
    expected = torch.autograd.grad((weight * wanted).sum(), given)
    found = gated_scan(*given)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    for one, other in zip(torch.autograd.grad((weight * found).sum(), given), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


@pytest.mark.parametrize("steps", [2, LEAST_STEPS])
def test_gates_that_are_altogether_open_or_closed_leave_finite_gradients(steps):
    logit = torch.tensor([200.0, -200.0]).repeat(steps).view(steps, 1, 2)[:, :, :1].requires_grad_()
    candidate = torch.ones(steps, 1, 1, requires_grad=True)
    hidden = gated_scan(logit, candidate, torch.full((1, 1), 3.0))
    hidden.sum().backward()
    for one in (hidden, logit.grad, candidate.grad):
        assert one is not None
        assert torch.isfinite(one).all()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert gated_scan(logit.bfloat16(), candidate.bfloat16(), torch.zeros(1, 1)).dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(steps=st.integers(1, 9), batch=st.integers(1, 3), size=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_a_layer_in_one_piece_is_its_product_and_the_gated_scan(steps, batch, size, seed) -> None:
    source = torch.Generator().manual_seed(seed)
    shapes = (steps, batch, 3), (2 * size, 3), (2 * size,), (batch, size)
    given_ = [torch.randn(*shape, dtype=torch.float64, generator=source, requires_grad=True) for shape in shapes]
    input_tbe, weight, bias, start_bh = given_
    update, new = torch.nn.functional.linear(input_tbe, weight, bias).chunk(2, dim=-1)
    expected, found = gated_scan(-update, new, start_bh), gated_layer(input_tbe, weight, bias, start_bh)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=0)
    weights = torch.randn(steps, batch, size, dtype=torch.float64, generator=source)
    wanted = torch.autograd.grad((expected * weights).sum(), given_)
    for name, one, other in zip("xWbh", torch.autograd.grad((found * weights).sum(), given_), wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=0, msg=name)


def test_pieces_of_a_layer_join(monkeypatch: pytest.MonkeyPatch) -> None:
    input_tbe, (weight, bias) = torch.randn(7, 2, 3), CELLS["mingru"].of(3, 5, {}).parameters()
    whole = gated_layer(input_tbe, weight, bias, torch.ones(2, 5))
    expected = torch.autograd.grad(whole.square().sum(), [weight, bias])
    monkeypatch.setattr(layer_in_one_piece, "PIECE", 2 * 2 * 5)
    pieces = gated_layer(input_tbe, weight, bias, torch.ones(2, 5))
    torch.testing.assert_close(pieces, whole)
    torch.testing.assert_close(torch.autograd.grad(pieces.square().sum(), [weight, bias]), expected)


def test_a_mingru_in_bfloat16_is_near_that_in_float32_and_takes_the_layer_in_one_piece() -> None:
    cell, input_tbe = CELLS["mingru"].of(16, 32, {}), torch.randn(12, 2, 16)
    state = cell.initial_state(2)
    exact = torch.autograd.grad(cell.run(input_tbe, state)[0].square().sum(), list(cell.parameters()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden_tbh, _ = cell.run(input_tbe, state)
    assert hidden_tbh.dtype == torch.float32
    assert "GatedLayer" in type(hidden_tbh.grad_fn).__name__
    for one, other in zip(torch.autograd.grad(hidden_tbh.square().sum(), list(cell.parameters())), exact, strict=True):
        assert float((one - other).norm() / other.norm()) < 0.02
