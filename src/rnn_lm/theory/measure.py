"""Autograd's side of the exercises: derivatives of the code that trains, found without any formula of ours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.layers import ElmanCell, GRUCell, LSTMCell
from rnn_lm.layers.cells import CellParameters, TorchCell
from rnn_lm.layers.state import State, detach
from rnn_lm.models.recurrent import RecurrentLanguageModel

Prepare = Callable[[State], State]
"""Done to the state before each step: what is detached here does not carry a gradient any further."""

EQUATIONS: dict[str, type[TorchCell]] = {"rnn": ElmanCell, "gru": GRUCell, "lstm": LSTMCell}
"""The cells that the exercises are about."""


def whole_state(state: State) -> State:
    """Let the gradient pass through every part of the state."""
    return state


def cell_path_only(state: State) -> State:
    """Cut the LSTM's hidden state off, which leaves the additive path from cell state to cell state."""
    hidden, cell = state
    return hidden.detach(), cell


def jacobians_by_lag(
    cell: type[TorchCell],
    parameters: CellParameters,
    input_t1e: Float[Tensor, "T 1 E"],
    start: tuple[Float[Tensor, " H"], ...],
    prepare: Prepare = whole_state,
) -> Float[Tensor, "S N N"]:
    """d state_T / d state_{T-k} for k = 0 ... T along one text: one backward pass per unit of the last state.

    The parts of the state are laid end to end: N = H for Elman and GRU, 2 H (hidden, cell) for the LSTM.
    """
    states = [torch.cat(start).requires_grad_()]
    for input_1e in input_t1e:
        parts = tuple(part.unsqueeze(0) for part in states[-1].chunk(cell.state_parts))
        states.append(torch.cat(cell.equations(input_1e, prepare(parts), parameters), dim=1).squeeze(0))
    every_unit = torch.eye(len(states[-1]), dtype=states[-1].dtype)
    by_state = torch.autograd.grad(states[-1], states, every_unit, is_grads_batched=True, materialize_grads=True)
    return torch.stack(by_state).flip(0)


def step_jacobians(
    cell: type[TorchCell],
    parameters: CellParameters,
    input_te: Float[Tensor, "T E"],
    before: tuple[Float[Tensor, "T H"], ...],
) -> Float[Tensor, "T N N"]:
    """d state_t / d state_{t-1} at each of T steps, given the states before them; N as in ``jacobians_by_lag``."""

    def advance(state_n: Tensor, input_e: Tensor) -> Tensor:
        parts = tuple(part.unsqueeze(0) for part in state_n.chunk(cell.state_parts))
        return torch.cat(cell.equations(input_e.unsqueeze(0), parts, parameters), dim=1).squeeze(0)

    return torch.func.vmap(torch.func.jacrev(advance))(torch.cat(before, dim=1), input_te)


def autograd_gradients(
    model: RecurrentLanguageModel, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], state: State
) -> dict[str, Tensor]:
    """d(sum of NLL) / d parameter by name, and under "initial" that by the initial hidden state."""
    initial_lbh = state[0].clone().requires_grad_()
    nll_tb, _ = model.score(input_tb, target_tb, (initial_lbh,))
    named = {**dict(model.named_parameters()), "initial": initial_lbh}
    return dict(zip(named, torch.autograd.grad(nll_tb.sum(), list(named.values())), strict=True))


def truncated_gradients(
    model: RecurrentLanguageModel, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], bptt_length: int
) -> dict[str, Tensor]:
    """The gradients where the state is carried on but detached every ``bptt_length`` steps, summed over segments."""
    model.zero_grad()
    state = model.initial_state(input_tb.shape[1])
    for inputs, targets in zip(input_tb.split(bptt_length), target_tb.split(bptt_length), strict=True):
        nll_tb, state = model.score(inputs, targets, detach(state))
        nll_tb.sum().backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}
