"""The one-step Jacobian d s(t+1) / d s(t) in closed form, and what it does along a real trajectory.

s is all that a layer's next step reads (``coordinates``): h for Elman and GRU, (h, c) laid end to end for the LSTM,
with h and c taken as independent coordinates; of a linear cell one part, whose Jacobian is diagonal (``diagonal``).
In a stack, layer l at t+1 depends on layers 1...l at t: the whole Jacobian is block lower triangular and its
eigenvalues are those of the layers' own Jacobians, which are what is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.gradients.coordinates import coordinates
from rnn_lm.gradients.unroll import LayerTrace
from rnn_lm.layers.cells import Cell, CellParameters, TorchCell
from rnn_lm.layers.state import State
from rnn_lm.registry import Registry

Jacobian = Callable[[Tensor, State, CellParameters], Tensor]
"""(input_be, state with parts (B, H), parameters) -> (B, N, N), N = H times the parts of the state."""

JACOBIANS: Registry[Jacobian] = Registry("cell with a closed-form Jacobian")


def _times_rows(factor_bh: Tensor, matrix_hh: Tensor) -> Tensor:
    """diag(factor) @ matrix, for each of the batch."""
    return factor_bh.unsqueeze(2) * matrix_hh


@JACOBIANS.register("rnn")
def elman_tanh(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> Float[Tensor, "B N N"]:
    """diag(1 - h'^2) W_hh, where h' is the new hidden state (Pascanu et al. 2013, eq. 5 with tanh inside)."""
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    new_bh = torch.tanh(input_be @ weight_ih.T + bias_ih + state[0] @ weight_hh.T + bias_hh)
    return _times_rows(1 - new_bh.square(), weight_hh)


@JACOBIANS.register("rnn-relu")
def elman_relu(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> Float[Tensor, "B N N"]:
    """diag([a > 0]) W_hh, where a is the pre-activation; 0 is taken as the slope at 0, as autograd does."""
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    activation_bh = input_be @ weight_ih.T + bias_ih + state[0] @ weight_hh.T + bias_hh
    return _times_rows((activation_bh > 0).to(weight_hh.dtype), weight_hh)


@JACOBIANS.register("gru")
def gru(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> Float[Tensor, "B N N"]:
    """With h' = (1 - z) n + z h and m = W_hn h + b_hn:

    dh'/dh = diag(z) + diag((h - n) z (1 - z)) W_hz
             + diag((1 - z) (1 - n^2)) (diag(r) W_hn + diag(m r (1 - r)) W_hr)
    """
    (hidden_bh,) = state
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    input_r, input_z, input_n = (input_be @ weight_ih.T + bias_ih).chunk(3, dim=1)
    hidden_r, hidden_z, m = (hidden_bh @ weight_hh.T + bias_hh).chunk(3, dim=1)
    weight_r, weight_z, weight_n = weight_hh.chunk(3)
    r, z = torch.sigmoid(input_r + hidden_r), torch.sigmoid(input_z + hidden_z)
    n = torch.tanh(input_n + r * m)
    through_n = (1 - z) * (1 - n.square())
    return (
        torch.diag_embed(z)
        + _times_rows((hidden_bh - n) * z * (1 - z), weight_z)
        + _times_rows(through_n * r, weight_n)
        + _times_rows(through_n * m * r * (1 - r), weight_r)
    )


@JACOBIANS.register("lstm")
def lstm(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> Float[Tensor, "B N N"]:
    """With c' = f c + i g and h' = o tanh(c'), and u = o (1 - tanh(c')^2) = dh'/dc':

    dc'/dc = diag(f)             dc'/dh = diag(c f (1 - f)) W_hf + diag(g i (1 - i)) W_hi + diag(i (1 - g^2)) W_hg
    dh'/dc = diag(u) dc'/dc      dh'/dh = diag(u) dc'/dh + diag(tanh(c') o (1 - o)) W_ho
    """
    hidden_bh, cell_bh = state
    weight_ih, weight_hh, bias_ih, bias_hh = parameters
    gates = input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh
    weight_i, weight_f, weight_g, weight_o = weight_hh.chunk(4)
    gate_i, gate_f, gate_g, gate_o = gates.chunk(4, dim=1)
    i, f, g, o = torch.sigmoid(gate_i), torch.sigmoid(gate_f), torch.tanh(gate_g), torch.sigmoid(gate_o)
    squashed = torch.tanh(f * cell_bh + i * g)
    u = o * (1 - squashed.square())
    cell_by_hidden = (
        _times_rows(cell_bh * f * (1 - f), weight_f)
        + _times_rows(g * i * (1 - i), weight_i)
        + _times_rows(i * (1 - g.square()), weight_g)
    )
    hidden_by_hidden = _times_rows(u, cell_by_hidden) + _times_rows(squashed * o * (1 - o), weight_o)
    top = torch.cat([hidden_by_hidden, torch.diag_embed(u * f)], dim=2)
    return torch.cat([top, torch.cat([cell_by_hidden, torch.diag_embed(f)], dim=2)], dim=1)


def jacobian_by_autograd(cell: Cell, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B N N"]:
    """The same for any cell, by reverse-mode differentiation of its step: the check on the closed forms."""
    parts = coordinates(cell)

    def step(flat_n: Tensor, input_e: Tensor, *whole: Tensor) -> Tensor:
        before = [part.unsqueeze(0) for part in whole]
        for index, part in zip(parts, flat_n.chunk(len(parts)), strict=True):
            before[index] = part.unsqueeze(0)
        after = cell.step(input_e.unsqueeze(0), tuple(before))
        return torch.cat([after[index] for index in parts], dim=1).squeeze(0)

    flat_bn = torch.cat([state[index] for index in parts], dim=1)
    return torch.func.vmap(torch.func.jacrev(step))(flat_bn, input_be, *state)


def along(trace: LayerTrace, cell_name: str, start: int = 0) -> Iterator[Float[Tensor, "B N N"]]:
    """The Jacobians of steps ``start``... of a layer's run, one after the other; in closed form where there is one."""
    cell = trace.layer
    for row in range(start, len(trace.input_tbe)):
        with torch.no_grad():
            if has_closed_form(cell, cell_name):
                assert isinstance(cell, TorchCell)
                jacobian_bnn = JACOBIANS[cell_name](trace.input_tbe[row], trace.states[row], cell.cell_parameters())
            else:
                jacobian_bnn = jacobian_by_autograd(cell, trace.input_tbe[row], trace.states[row])
        yield jacobian_bnn


def has_closed_form(cell: Cell, cell_name: str) -> bool:
    """Whether the cell's Jacobian stands here as a formula."""
    return cell_name in JACOBIANS and isinstance(cell, TorchCell) and bool(cell.kernel)  # a capped LSTM has another


def spectral_radius(jacobian_bnn: Float[Tensor, "B N N"]) -> Float[Tensor, "B"]:
    """Largest absolute eigenvalue. Found on the CPU: of unsymmetric matrices torch finds it not on every device."""
    return torch.linalg.eigvals(jacobian_bnn.cpu()).abs().amax(dim=-1)


def singular_values(jacobian_bnn: Float[Tensor, "B N N"]) -> Float[Tensor, "B N"]:
    """Singular values, falling: by how much a step stretches each of N orthogonal directions."""
    return torch.linalg.svdvals(jacobian_bnn)


def log_product_norms(jacobians: Iterator[Float[Tensor, "B N N"]], steps: list[int]) -> Float[Tensor, "K B"]:
    """log of the 2-norm of J(t+k) ... J(t+1) at each k in ``steps`` (increasing): the most a gradient can grow.

    The running product is rescaled at every step, so that it neither overflows nor underflows.
    """
    product: Tensor | None = None
    log_scale_b: Tensor | float = 0.0
    norms = []
    for k, jacobian_bnn in enumerate(jacobians, start=1):
        product = jacobian_bnn if product is None else jacobian_bnn @ product
        scale_b = product.abs().amax(dim=(1, 2)).clamp_min(torch.finfo(product.dtype).tiny)
        product, log_scale_b = product / scale_b.view(-1, 1, 1), log_scale_b + scale_b.log()
        if k in steps:
            norms.append(torch.linalg.matrix_norm(product, ord=2).log() + log_scale_b)
        if k == steps[-1]:
            break
    return torch.stack(norms)
