"""A minGRU's layer in one piece: its product, its gate, its scan and all their gradients, without a detour over memory.

    p = W x + b                                  one product for all steps, of two gates z and n: (T, B, 2H)
    h_t = f_t h_{t-1} + (1 - f_t) n_t            f = sigmoid(-z)

Beside the product a layer's time is reading and writing memory: a minGRU of as many parameters as an LSTM has several
times its units, and its (T, B, H) fit into no cache. Operation by operation each of a dozen goes over them once more,
and in half precision they are copied from type to type besides. Here a few steps are taken through all of it while
they are in the cache: of (T, B, H) only p, h and the gradient of p are ever written. f is computed again for the
backward pass (``layers.scan`` has its equations), where

    dL/dn_t = g_t - f_t g_t          dL/dz_t = g_t f_t (h_t - h_{t-1})

``benchmarks/recurrences.py --batches`` measures what that is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

PIECE = 2**16
"""Numbers of (T, B, H) that are taken together: four such pieces of float32 are in a core's cache at once."""


def pays(input_tbe: Float[Tensor, "T B E"]) -> bool:
    """Whether a layer that reads this is faster in one piece: where products are in half precision on the CPU.

    In float32 the products are most of the time, and it makes no difference.
    """
    return input_tbe.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


def gated_layer(
    input_tbe: Float[Tensor, "T B E"],
    weight: Float[Tensor, "G E"],
    bias: Float[Tensor, " G"],
    start_bh: Float[Tensor, "B H"],
) -> Float[Tensor, "T B H"]:
    """Return every h_t, in the type of ``start_bh``; products are in autocast's type where that is on.

    It can be differentiated once, by all four.

    Args:
        input_tbe: x.
        weight: W, the rows of z before those of n: G = 2 H.
        bias: b.
        start_bh: h_0.
    """
    return _GatedLayer.apply(input_tbe, weight, bias, start_bh)  # pyright: ignore[reportReturnType]


class _GatedLayer(torch.autograd.Function):
    """The layer, differentiated as the module says."""

    @staticmethod
    def forward(ctx: Any, input_tbe: Tensor, weight: Tensor, bias: Tensor, start_bh: Tensor) -> Tensor:
        kind, device = input_tbe.dtype, start_bh.device.type
        if torch.is_autocast_enabled(device):
            kind = torch.get_autocast_dtype(device)
        with torch.autocast(device, enabled=False):
            rows_ne, weight = input_tbe.to(kind).flatten(0, 1), weight.to(kind)
            gates_tbg = torch.addmm(bias.to(kind), rows_ne, weight.t()).view(*input_tbe.shape[:2], -1)
        hidden_tbh = start_bh.new_empty(len(gates_tbg), *start_bh.shape)
        keep, candidate = _piece(start_bh), _piece(start_bh)
        before_bh = start_bh
        for steps in _pieces(len(gates_tbg), len(keep)):
            update_tbh, new_tbh = gates_tbg[steps].chunk(2, dim=-1)
            keep_tbh, candidate_tbh = _kept(update_tbh, keep), candidate[: len(new_tbh)].copy_(new_tbh)
            for keep_bh, new_bh, after_bh in zip(keep_tbh, candidate_tbh, hidden_tbh[steps], strict=True):
                before_bh = torch.lerp(new_bh, before_bh, keep_bh, out=after_bh)
        ctx.save_for_backward(rows_ne, weight, gates_tbg, hidden_tbh, start_bh)
        ctx.input = input_tbe.shape, input_tbe.dtype
        return hidden_tbh

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows_ne, weight, gates_tbg, hidden_tbh, start_bh = ctx.saved_tensors
        shape, dtype = ctx.input
        with torch.autocast(start_bh.device.type, enabled=False):
            grads_tbg, grad_start_bh = _through_the_scan(grad_outputs[0], gates_tbg, hidden_tbh, start_bh)
            grads_ng = grads_tbg.flatten(0, 1)
            grad_input = (grads_ng @ weight).view(shape).to(dtype)
            grad_weight = (grads_ng.t() @ rows_ne).to(start_bh.dtype)
            # As a product: sums over rows are slow in half precision.
            grad_bias = (grads_ng.new_ones(1, len(grads_ng)) @ grads_ng)[0].to(start_bh.dtype)
        return grad_input, grad_weight, grad_bias, grad_start_bh


def _through_the_scan(
    grad_output_tbh: Tensor, gates_tbg: Tensor, hidden_tbh: Tensor, start_bh: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients of p, in its type, and of h_0."""
    grads_tbg = torch.empty_like(gates_tbg)
    keep, flowing, through = (_piece(start_bh) for _ in range(3))
    entering_bh = torch.zeros_like(start_bh)
    for steps in reversed(list(_pieces(len(gates_tbg), len(keep)))):
        update_tbh, _ = gates_tbg[steps].chunk(2, dim=-1)
        grad_update_tbh, grad_new_tbh = grads_tbg[steps].chunk(2, dim=-1)
        keep_tbh, count = _kept(update_tbh, keep), len(update_tbh)
        given_tbh, grad_tbh, through_tbh = grad_output_tbh[steps], flowing[:count], through[:count]
        torch.add(given_tbh[-1], entering_bh, out=grad_tbh[-1])
        for t in range(count - 1, 0, -1):
            torch.addcmul(given_tbh[t - 1], grad_tbh[t], keep_tbh[t], out=grad_tbh[t - 1])
        torch.mul(grad_tbh, keep_tbh, out=through_tbh)
        entering_bh.copy_(through_tbh[0])
        grad_new_tbh.copy_(grad_tbh.sub_(through_tbh))
        change_tbh = grad_tbh  # its numbers are no longer needed
        torch.sub(hidden_tbh[steps][0], hidden_tbh[steps.start - 1] if steps.start else start_bh, out=change_tbh[0])
        torch.sub(hidden_tbh[steps][1:], hidden_tbh[steps][:-1], out=change_tbh[1:])
        grad_update_tbh.copy_(change_tbh.mul_(through_tbh))
    return grads_tbg, entering_bh


def _piece(like_bh: Tensor) -> Tensor:
    """Room for as many steps as are taken together."""
    return like_bh.new_empty(max(1, PIECE // max(1, like_bh.numel())), *like_bh.shape)


def _pieces(steps: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` steps."""
    for begin in range(0, steps, size):
        yield slice(begin, min(begin + size, steps))


def _kept(update_tbh: Tensor, room: Tensor) -> Tensor:
    """Return f = sigmoid(-z), written into ``room``."""
    return room[: len(update_tbh)].copy_(update_tbh).neg_().sigmoid_()
