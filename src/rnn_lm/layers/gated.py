"""A whole layer of h_t = (1 - z_t) h_{t-1} + z_t n_t, z and n from one matrix, forward and backward in one function.

``layers.scan`` computes the recurrence; here are the products around it as well, for what autograd cannot see. Both
gates are one product, and so is each gradient of it, since what they are made of lies side by side:

    forward     [a_t, n_t] = W x_t + b                 one product for all steps; z_t = sigmoid(a_t), in place
                h_t = h_{t-1} + z_t (n_t - h_{t-1})
    backward    g_t = dL/dh_t + (1 - z_{t+1}) g_{t+1}
                dL/dn_t = z_t g_t,  dL/da_t = (1 - z_t) g_t (h_t - h_{t-1})      side by side
                dL/dx, dL/dW: one product each; dL/db: one with ones

Beside the products a layer's time is reading and writing memory. So what the backward pass does number by number, it does
for a few steps at a time, as many as stay in a core's cache until all of it is done (``IN_CACHE``).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear

from rnn_lm.layers.scan import gated_scan, in_blocks, run_blocks, run_steps

IN_CACHE = 65_536
"""Numbers of each tensor that are worked on before going on to the next steps."""


def gated_layer(
    input_tbe: Float[Tensor, "T B E"], weight: Float[Tensor, "G E"], bias: Float[Tensor, "G"], start: Tensor
) -> Float[Tensor, "T B H"]:
    """Return every h_t, in the type of ``start``; it can be differentiated once, by all four.

    Args:
        input_tbe: x.
        weight, bias: W and b, first the H rows of a, then those of n.
        start: h_0, (B, H).
    """
    kind = input_tbe.device.type
    given = (input_tbe, weight, bias)
    if kind == "cpu" and not (torch.compiler.is_compiling() or torch.is_autocast_enabled(kind)):
        return _GatedLayer.apply(*(part.to(start.dtype) for part in given), start)  # pyright: ignore[reportReturnType]
    # 1 - z = sigmoid(-a): a matrix is turned around sooner than all that it gives.
    (weight_z, weight_n), (bias_z, bias_n) = weight.chunk(2), bias.chunk(2)
    return gated_scan(linear(input_tbe, -weight_z, -bias_z), linear(input_tbe, weight_n, bias_n), start)


class _GatedLayer(torch.autograd.Function):
    """The layer, differentiated as the module says."""

    @staticmethod
    def forward(ctx: Any, input_tbe: Tensor, weight: Tensor, bias: Tensor, start_bh: Tensor) -> Tensor:
        steps, batch, _ = input_tbe.shape
        gates_tbg = torch.addmm(bias, input_tbe.flatten(0, 1), weight.t()).view(steps, batch, -1)
        update_tbh, candidate_tbh = gates_tbg.chunk(2, dim=-1)
        update_tbh.sigmoid_()
        if in_blocks(update_tbh):
            hidden_tbh = update_tbh * candidate_tbh
            keep_tbh = 1 - update_tbh
            hidden_tbh[0].addcmul_(keep_tbh[0], start_bh)
            run_blocks(keep_tbh, hidden_tbh)
        else:
            hidden_tbh = start_bh.new_empty(update_tbh.shape)
            before_bh = start_bh
            for update_bh, new_bh, after_bh in zip(update_tbh, candidate_tbh, hidden_tbh, strict=True):
                torch.lerp(before_bh, new_bh, update_bh, out=after_bh)
                before_bh = after_bh
        ctx.save_for_backward(input_tbe, weight, start_bh, update_tbh, hidden_tbh)
        return hidden_tbh

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        input_tbe, weight, start_bh, update_tbh, hidden_tbh = ctx.saved_tensors
        gates_tbg, grad_start_bh = _gradients(update_tbh, hidden_tbh, start_bh, grad_outputs[0])
        gates_ng = gates_tbg.flatten(0, 1)
        return (
            (gates_ng @ weight).view_as(input_tbe) if ctx.needs_input_grad[0] else None,
            gates_ng.t() @ input_tbe.flatten(0, 1),
            gates_ng.new_ones(len(gates_ng)) @ gates_ng,
            grad_start_bh,
        )


def _gradients(
    update_tbh: Tensor, hidden_tbh: Tensor, start_bh: Tensor, grad_output_tbh: Tensor
) -> tuple[Tensor, Tensor]:
    """Return dL/da and dL/dn side by side, (T, B, 2 H), and dL/dh_0."""
    steps, batch, size = hidden_tbh.shape
    gates_tbg = hidden_tbh.new_empty(steps, batch, 2 * size)
    together = steps if in_blocks(hidden_tbh) else max(1, IN_CACHE // (batch * size))
    flowing_bh = torch.zeros_like(start_bh)
    for end in range(steps, 0, -together):
        rows = slice(max(0, end - together), end)
        update, hidden, grad_logit, grad_candidate = (
            part[rows] for part in (update_tbh, hidden_tbh, *gates_tbg.chunk(2, dim=-1))
        )
        keep, grad = 1 - update, grad_output_tbh[rows].clone(memory_format=torch.contiguous_format)
        grad[-1] += flowing_bh
        if in_blocks(hidden_tbh):
            grad = grad.flip(0)
            run_blocks(keep.flip(0).roll(1, 0), grad)  # v_t is multiplied by 1 - z_{t+1}
            grad = grad.flip(0)
        else:
            run_steps(keep.unbind()[:0:-1], grad.unbind()[::-1])
        torch.mul(update, grad, out=grad_candidate)
        kept = keep.mul_(grad)
        flowing_bh = kept[0].clone()
        before_bh = start_bh if rows.start == 0 else hidden_tbh[rows.start - 1]
        torch.sub(hidden[0], before_bh, out=grad_logit[0])
        torch.sub(hidden[1:], hidden[:-1], out=grad_logit[1:])
        grad_logit.mul_(kept)
    return gates_tbg, flowing_bh
