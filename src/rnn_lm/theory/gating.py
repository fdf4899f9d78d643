"""Exercise 3: what gates do to the gradient, for the LSTM and the GRU.

The derivation is ``docs/theory/3-gating.md``. Gates and one-step Jacobians are written out by hand here;
``theory/exercises/gating.py`` compares them with autograd through the cells of ``layers/cells/``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.cells import CellParameters


class StepJacobian(NamedTuple):
    """One step's Jacobian in two parts that add up to the whole.

    Attributes:
        gated_nn: the direct path: diagonal, made of the gate that keeps the old value.
        mixed_nn: every path through a recurrent matrix or through the hidden state.
    """

    gated_nn: Tensor
    mixed_nn: Tensor


def lstm_step(
    input_e: Float[Tensor, " E"], state: tuple[Tensor, Tensor], parameters: CellParameters
) -> tuple[tuple[Tensor, Tensor], StepJacobian]:
    """One LSTM step and its Jacobian d (h', c') / d (h, c), (2 H, 2 H) in blocks::

    dc'/dc = diag(f)                          the cell path: no matrix, no squashing
    dc'/dh = A                                A = diag(c f (1-f)) W_hf + diag(g i (1-i)) W_hi + diag(i (1-g^2)) W_hg
    dh'/dc = diag(o (1 - tanh(c')^2) f)
    dh'/dh = diag(o (1 - tanh(c')^2)) A + diag(tanh(c') o (1-o)) W_ho
    """
    hidden_h, cell_h = state
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    pre_i, pre_f, pre_g, pre_o = (weight_ih @ input_e + bias_ih + weight_hh @ hidden_h + bias_hh).chunk(4)
    weight_hi, weight_hf, weight_hg, weight_ho = weight_hh.chunk(4)
    i, f, o = (torch.sigmoid(pre) for pre in (pre_i, pre_f, pre_o))
    g = torch.tanh(pre_g)
    new_cell_h = f * cell_h + i * g
    squashed_h = torch.tanh(new_cell_h)
    cell_by_hidden = (
        scale_rows(cell_h * f * (1 - f), weight_hf)
        + scale_rows(g * i * (1 - i), weight_hi)
        + scale_rows(i * (1 - g**2), weight_hg)
    )
    outward_h = o * (1 - squashed_h**2)
    hidden_by_hidden = scale_rows(outward_h, cell_by_hidden) + scale_rows(squashed_h * o * (1 - o), weight_ho)
    zero = torch.zeros_like(cell_by_hidden)
    jacobian = StepJacobian(
        _blocks(zero, zero, zero, torch.diag(f)),
        _blocks(hidden_by_hidden, torch.diag(outward_h * f), cell_by_hidden, zero),
    )
    return (o * squashed_h, new_cell_h), jacobian


def gru_step(
    input_e: Float[Tensor, " E"], state: tuple[Tensor], parameters: CellParameters
) -> tuple[tuple[Tensor], StepJacobian]:
    """One GRU step h' = (1-z) n + z h and its Jacobian, (H, H)::

    dh'/dh = diag(z) + diag((h - n) z (1-z)) W_hz
           + diag((1-z) (1-n^2)) [diag(r) W_hn + diag((W_hn h + b_hn) r (1-r)) W_hr]
    """
    (hidden_h,) = state
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    input_r, input_z, input_n = (weight_ih @ input_e + bias_ih).chunk(3)
    hidden_r, hidden_z, hidden_n = (weight_hh @ hidden_h + bias_hh).chunk(3)
    weight_hr, weight_hz, weight_hn = weight_hh.chunk(3)
    r, z = torch.sigmoid(input_r + hidden_r), torch.sigmoid(input_z + hidden_z)
    n = torch.tanh(input_n + r * hidden_n)
    candidate_by_hidden = scale_rows(r, weight_hn) + scale_rows(hidden_n * r * (1 - r), weight_hr)
    mixed = scale_rows((hidden_h - n) * z * (1 - z), weight_hz) + scale_rows((1 - z) * (1 - n**2), candidate_by_hidden)
    return ((1 - z) * n + z * hidden_h,), StepJacobian(torch.diag(z), mixed)


def scale_rows(scale_h: Tensor, matrix_hg: Tensor) -> Tensor:
    """diag(scale) @ matrix."""
    return scale_h.unsqueeze(1) * matrix_hg


def _blocks(upper_left: Tensor, upper_right: Tensor, lower_left: Tensor, lower_right: Tensor) -> Tensor:
    return torch.cat([torch.cat([upper_left, upper_right], dim=1), torch.cat([lower_left, lower_right], dim=1)])


STEPS: dict[str, Callable[..., tuple[tuple[Tensor, ...], StepJacobian]]] = {"lstm": lstm_step, "gru": gru_step}


def by_hand(
    name: str, parameters: CellParameters, input_te: Float[Tensor, "T E"], start: tuple[Tensor, ...]
) -> list[StepJacobian]:
    """The hand-written one-step Jacobians along one text."""
    state, jacobians = start, []
    for input_e in input_te:
        state, jacobian = STEPS[name](input_e, state, parameters)
        jacobians.append(jacobian)
    return jacobians


def products(matrices: list[Tensor]) -> Float[Tensor, "S N N"]:
    """The product of the last k matrices for k = 0 ... T, the latest on the left."""
    found = [torch.eye(len(matrices[0]), dtype=matrices[0].dtype)]
    for matrix_nn in reversed(matrices):
        found.append(found[-1] @ matrix_nn)
    return torch.stack(found)


def mixed_paths(jacobians: list[StepJacobian]) -> Float[Tensor, "N N"]:
    """All paths from the first state to the last that leave the direct path at least once, by where they first do.

    prod(A_t + B_t) - prod(A_t) = sum over s of (A_T + B_T) ... (A_{s+1} + B_{s+1}) B_s A_{s-1} ... A_1, with A the
    gated and B the mixed part. Uses no difference, and so loses no digits.
    """
    total = torch.zeros_like(jacobians[0].gated_nn)
    direct = torch.eye(len(total), dtype=total.dtype)
    for gated_nn, mixed_nn in jacobians:
        total = (gated_nn + mixed_nn) @ total + mixed_nn @ direct
        direct = gated_nn @ direct
    return total


def half_life(bias: float) -> float:
    """Steps after which a gate held at sigmoid(bias) has halved what it keeps: ln 2 / -ln sigmoid(bias)."""
    return math.log(2) / math.log1p(math.exp(-bias))
