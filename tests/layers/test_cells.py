"""The three implementations of each recurrence agree: by hand, torch's kernel, torch.nn's module."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnn_lm.errors import UserError
from rnn_lm.layers import LSTMCell
from rnn_lm.layers.cells import CELLS, CellParameters, TorchCell, run_auto, run_by_hand, run_fused, run_library
from rnn_lm.testing.cells import check_cell

KERNELS = [name for name in CELLS if getattr(CELLS[name], "kernel", "")]
"""The cells of which torch has a kernel."""
MODULES = {
    "rnn": lambda e, h: nn.RNN(e, h, nonlinearity="tanh"),
    "rnn-relu": lambda e, h: nn.RNN(e, h, nonlinearity="relu"),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
    "mogrifier": nn.LSTM,  # without rounds; test_mogrifier.py tests it with some
}


def random_case(name: str, seed: int, steps: int, batch: int, embedding: int, hidden: int):
    """Parameters, inputs and state of one cell in float64, all requiring gradients."""
    settings = {"engine": "auto", "mogrifier_rounds": 0, "mogrifier_rank": 1}
    cell, source = CELLS[name].of(embedding, hidden, settings), torch.Generator().manual_seed(seed)
    assert isinstance(cell, TorchCell)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source).mul_(0.5).requires_grad_()

    rows = cell.gates * hidden
    parameters = CellParameters(draw(rows, embedding), draw(rows, hidden), draw(rows), draw(rows))
    state = tuple(draw(batch, hidden) for _ in range(cell.state_parts))
    return cell, parameters, draw(steps, batch, embedding), state


def outputs_and_gradients(run, cell, parameters, input_tbe, state):
    """Everything a run produces, and the gradient of a loss in which every output counts differently."""
    output_tbh, last = run(cell, input_tbe, state, parameters)
    produced = [output_tbh, *last]
    weighted = [part * torch.linspace(-1, 1, part.numel(), dtype=part.dtype).view_as(part) for part in produced]
    loss = torch.stack([part.sum() for part in weighted]).sum()
    return produced, torch.autograd.grad(loss, [*parameters, input_tbe, *state])


@pytest.mark.parametrize("name", KERNELS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999), steps=st.integers(1, 7), batch=st.integers(1, 4), hidden=st.integers(1, 6))
def test_all_engines_agree_in_forward_state_and_gradients(name, seed, steps, batch, hidden):
    case = random_case(name, seed, steps, batch, 3, hidden)
    by_hand = outputs_and_gradients(run_by_hand, *case)
    for run in (run_library, run_fused, run_auto):
        other = outputs_and_gradients(run, *case)
        for hand_part, other_part in zip([*by_hand[0], *by_hand[1]], [*other[0], *other[1]], strict=True):
            torch.testing.assert_close(hand_part, other_part, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", KERNELS)
def test_under_autocast_fused_products_are_rounded_and_nothing_else_is(name):
    """They are as far from those of float32 as the equations are, of which autocast rounds the factors of products."""
    cell, parameters, input_tbe, state = random_case(name, 3, 12, 4, 20, 24)

    def single(part: torch.Tensor) -> torch.Tensor:
        return part.detach().float().mul(0.3).requires_grad_()

    case = cell, CellParameters(*map(single, parameters)), single(input_tbe), tuple(map(single, state))

    def of(run, rounded):
        with torch.autocast("cpu", torch.bfloat16, enabled=rounded):
            produced, gradients = outputs_and_gradients(run, *case)
        return [part.detach().float() for part in (*produced, *gradients)]

    for whole, fused, by_hand in zip(of(run_fused, False), of(run_fused, True), of(run_by_hand, True), strict=True):
        error, expected = float((fused - whole).norm()), float((by_hand - whole).norm())
        assert 0.8 * expected < error < 1.25 * expected


def test_without_autocast_fused_products_have_the_digits_of_the_weights():
    """Also where what is read has fewer, as the output of a layer in bfloat16 has."""
    cell, parameters, input_tbe, state = random_case("gru", 3, 5, 2, 4, 6)
    weights, state = CellParameters(*(part.detach().float() for part in parameters)), (state[0].detach().float(),)
    coarse_tbe = input_tbe.detach().bfloat16()
    found, _ = run_fused(cell, coarse_tbe, state, weights)
    expected, _ = run_fused(cell, coarse_tbe.float(), state, weights)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", KERNELS)
def test_hand_agrees_with_the_module_of_torch_nn(name):
    cell, parameters, input_tbe, state = random_case(name, 5, 8, 3, 4, 6)
    module = MODULES[name](4, 6).double()
    own = dict(zip(["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"], parameters, strict=True))
    module.load_state_dict({key: value.detach() for key, value in own.items()})
    initial = tuple(part.unsqueeze(0) for part in state)
    expected, _ = module(input_tbe, initial if len(initial) == 2 else initial[0])
    found, _ = run_by_hand(cell, input_tbe, state, parameters)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    expected.sum().backward()
    found.sum().backward()
    for key, parameter in own.items():
        torch.testing.assert_close(parameter.grad, module.get_parameter(key).grad, rtol=0, atol=1e-10)


def test_gates_of_a_known_lstm_step():
    """With zero weights the gates are sigmoid and tanh of their biases, so one step can be done on paper."""
    zeros = torch.zeros(4, 1, dtype=torch.float64)
    bias = torch.tensor([0.0, 100.0, 0.5, 0.0], dtype=torch.float64)  # i = 1/2, f = 1, g = tanh(1/2), o = 1/2
    parameters = CellParameters(zeros, zeros, bias, torch.zeros(4, dtype=torch.float64))
    cell_before = torch.full((1, 1), 2.0, dtype=torch.float64)
    hidden, cell = LSTMCell.equations(
        torch.zeros(1, 1, dtype=torch.float64), (torch.zeros_like(cell_before), cell_before), parameters
    )
    expected_cell = 2.0 + 0.5 * torch.tanh(torch.tensor(0.5, dtype=torch.float64))
    torch.testing.assert_close(cell.squeeze(), expected_cell)
    torch.testing.assert_close(hidden.squeeze(), 0.5 * torch.tanh(expected_cell))


@pytest.mark.parametrize("name", ["lstm", "mogrifier"])
def test_a_capped_input_gate_writes_no_more_than_is_forgotten(name):
    settings = {"engine": "auto", "mogrifier_rounds": 2, "mogrifier_rank": 1, "cap_input_gate": True}
    cell, source = CELLS[name].of(3, 4, settings).double(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(generator=source)
    input_be, *state = (torch.randn(5, size, dtype=torch.float64, generator=source) for size in (3, 4, 4))
    gates = cell.gate_values(input_be, tuple(state))
    plain = CELLS[name].of(3, 4, {**settings, "cap_input_gate": False}).double()
    plain.load_state_dict(cell.state_dict())
    free = plain.gate_values(input_be, tuple(state))
    torch.testing.assert_close(gates["input"], torch.minimum(free["input"], 1 - free["forget"]))
    assert (gates["input"] < free["input"]).any()
    assert (gates["input"] == free["input"]).any()
    expected = gates["forget"] * state[1] + gates["input"] * gates["candidate"]
    hidden, after = cell.step(input_be, tuple(state))
    torch.testing.assert_close(after, expected)
    torch.testing.assert_close(hidden, gates["output"] * torch.tanh(expected))
    run = cell(input_be.unsqueeze(0), tuple(state))[1]
    torch.testing.assert_close(run[1], expected)
    check_cell(name, cap_input_gate=True, mogrifier_rounds=2, mogrifier_rank=1)


def test_misspelt_cell_is_answered_with_the_closest():
    with pytest.raises(UserError, match="did you mean 'lstm'"):
        CELLS["lsmt"]
