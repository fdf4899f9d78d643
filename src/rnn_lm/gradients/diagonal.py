"""Linear cells: the one-step Jacobian is their gate, so all that is asked of Jacobians is known from gates alone.

With h' = a * h + b, and a and b from inputs,

    J_t = diag(a_t)                            eigenvalues and singular values are the gates themselves
    J_T ... J_{T-k+1} = diag(their product)    in any order: diagonal matrices commute
    exponents                                  the means of log a, unit by unit
    d loss(T) / d h(T-k) = g * a_T * ... * a_{T-k+1},  g = d loss(T) / d h(T)

The last line is an equation and not a limit: what it predicts is what autograd measures, to rounding.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.gradients.lyapunov import LyapunovRun
from rnn_lm.gradients.unroll import LayerTrace
from rnn_lm.layers.cells import LinearCell

TINY = torch.finfo(torch.float64).tiny


@torch.no_grad()
def gates_along(trace: LayerTrace) -> Float[Tensor, "T B H"]:
    """Return a at every step of a layer's run."""
    cell = trace.layer
    assert isinstance(cell, LinearCell)
    return torch.stack([cell.keep(one, state) for one, state in zip(trace.input_tbe, trace.states[:-1], strict=True)])


def gated_run(gates_tbh: Float[Tensor, "T B H"], count: int, settle: int) -> LyapunovRun:
    """Return the ``count`` largest exponents of each trajectory, over the steps after the first ``settle``.

    The directions are the units' own, in the order of the exponents, as columns.
    """
    mean_bh = gates_tbh[settle:].clamp_min(TINY).log().mean(0)
    exponents_bq, unit_bq = (found[:, :count] for found in mean_bh.sort(dim=1, descending=True, stable=True))
    directions_bqn = torch.nn.functional.one_hot(unit_bq, mean_bh.shape[1]).to(mean_bh.dtype)
    return LyapunovRun(exponents_bq, directions_bqn.mT)


def gated_norms(gates_tbh: Float[Tensor, "T B H"], gradient_bh: Float[Tensor, "B H"], lags: int) -> Tensor:
    """Return the norm (K, B) of the gradient k = 0...``lags`` steps back, from the gates and the gradient at lag 0."""
    back_kbh = gates_tbh.flip(0)[:lags].cumprod(0)
    whole_kbh = torch.cat([torch.ones_like(back_kbh[:1]), back_kbh]) * gradient_bh
    return torch.linalg.vector_norm(whole_kbh, dim=-1)


def gated_product(gates_th: Float[Tensor, "T H"], steps: list[int]) -> list[float]:
    """Return log of the norm of the product of the first k Jacobians, at each k in ``steps``."""
    log_kh = gates_th.clamp_min(TINY).log().cumsum(0)
    return [float(log_kh[k - 1].max()) for k in steps]


def gate_error(trace: LayerTrace) -> float:
    """Return the largest difference between the gate and autograd in J^T v of the last step, for a v without zeros.

    An entry off the diagonal would show as well: it would add another unit's v.
    """
    cell, last = trace.layer, len(trace.input_tbe) - 1
    assert isinstance(cell, LinearCell)
    before = [part.detach() for part in trace.states[last]]
    before[cell.carried] = before[cell.carried].clone().requires_grad_()
    like_bh = before[cell.carried]
    vector_h = torch.linspace(1, 2, like_bh.shape[1], dtype=like_bh.dtype, device=like_bh.device)
    with torch.enable_grad():
        after = cell.step(trace.input_tbe[last].detach(), tuple(before))[cell.carried]
    (back_bh,) = torch.autograd.grad(after, before[cell.carried], vector_h.expand_as(like_bh))
    gate_bh = cell.keep(trace.input_tbe[last], tuple(before)).detach()
    return float((back_bh - gate_bh * vector_h).abs().max())
