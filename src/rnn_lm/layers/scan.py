"""The linear recurrence h_t = a_t * h_{t-1} + b_t over time, elementwise, with its backward pass written out.

What a cell of this kind computes from its inputs, a_t and b_t, is known before any state is: for T steps together, in
large products. What is left has no matrix in it:

    forward     h_t = a_t h_{t-1} + b_t                              from the first step to the last
    backward    g_t = dL/dh_t + a_{t+1} g_{t+1}                      the same, from the last step to the first
                dL/db_t = g_t,  dL/da_t = g_t h_{t-1},  dL/dh_0 = a_1 g_1

Both are the same loop, in place: v_t += a_t v_{t-1}. Where a step is so small that calling it costs more than computing
it, blocks of consecutive steps go side by side. This is three times the arithmetic in far fewer calls::

    v_1 .. v_c | v_{c+1} .. v_2c | ...    each block's end, as if it began at zero, and the product of its a's
             -> end            -> end     the same recurrence from block to block
    v_1 .. v_c | v_{c+1} .. v_2c | ...    each block again, from what the one before it hands on

``benchmarks/recurrences.py`` measures where that pays.

Where a gate divides between what is kept and what is new, h_t = f_t h_{t-1} + (1 - f_t) n_t with f_t = sigmoid(a_t),
``gated_scan`` does the gate as well. A layer's time beside its products is reading and writing memory, so what counts
is how often it goes over (T, B, H): once for f and once for h there; and of the backward pass, after the same loop for
g, three times for both gradients, which need neither n nor 1 - f::

    dL/dn_t = g_t - f_t g_t          dL/da_t = g_t f_t (1 - f_t) (h_{t-1} - n_t) = g_t f_t (h_{t-1} - h_t)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

SMALL_STEP = 1024
"""Numbers in a step, up to which blocks are faster on the CPU."""
LEAST_STEPS = 64
"""Steps below which there is nothing to gain from blocks."""


def linear_scan(
    decay_tbh: Float[Tensor, "T B H"], input_tbh: Float[Tensor, "T B H"], start_bh: Float[Tensor, "B H"]
) -> Float[Tensor, "T B H"]:
    """Return every h_t = a_t * h_{t-1} + b_t, in the type of ``start_bh``.

    It can be differentiated once, by all three.

    Args:
        decay_tbh: a.
        input_tbh: b.
        start_bh: h_0.
    """
    # Under autocast coefficients may come in half precision; the state is carried in its own.
    decay_tbh, input_tbh = decay_tbh.to(start_bh.dtype), input_tbh.to(start_bh.dtype)
    if torch.compiler.is_compiling():
        return by_equation(decay_tbh, input_tbh, start_bh)
    with torch.autocast(start_bh.device.type, enabled=False):
        return _Scan.apply(decay_tbh, input_tbh, start_bh)  # pyright: ignore[reportReturnType]


def gated_scan(
    logit_tbh: Float[Tensor, "T B H"], candidate_tbh: Float[Tensor, "T B H"], start_bh: Float[Tensor, "B H"]
) -> Float[Tensor, "T B H"]:
    """Return every h_t = f_t * h_{t-1} + (1 - f_t) * n_t with f_t = sigmoid(a_t), in the type of ``start_bh``.

    It can be differentiated once, by all three. Where f_t is so near 1 that h_t - h_{t-1} is mostly rounding, so is the
    gradient by a_t; it is then next to nothing.

    Args:
        logit_tbh: a.
        candidate_tbh: n.
        start_bh: h_0.
    """
    logit_tbh, candidate_tbh = logit_tbh.to(start_bh.dtype), candidate_tbh.to(start_bh.dtype)
    if torch.compiler.is_compiling():
        keep_tbh = torch.sigmoid(logit_tbh)
        return by_equation(keep_tbh, (1 - keep_tbh) * candidate_tbh, start_bh)
    with torch.autocast(start_bh.device.type, enabled=False):
        return _GatedScan.apply(logit_tbh, candidate_tbh, start_bh)  # pyright: ignore[reportReturnType]


def by_equation(decay_tbh: Tensor, input_tbh: Tensor, start_bh: Tensor) -> Tensor:
    """The same as it is written, for ``torch.compile`` and exporters, which do not read what is done in place."""
    hidden_bh, outputs = start_bh, []
    for decay_bh, entering_bh in zip(decay_tbh, input_tbh, strict=True):
        hidden_bh = decay_bh * hidden_bh + entering_bh
        outputs.append(hidden_bh)
    return torch.stack(outputs)


class _Scan(torch.autograd.Function):
    """The recurrence, differentiated as the module says."""

    @staticmethod
    def forward(ctx: Any, decay_tbh: Tensor, input_tbh: Tensor, start_bh: Tensor) -> Tensor:
        hidden_tbh = input_tbh.clone(memory_format=torch.contiguous_format)
        hidden_tbh[0].addcmul_(decay_tbh[0], start_bh)
        if in_blocks(hidden_tbh):
            run_blocks(decay_tbh, hidden_tbh)
        else:
            run_steps(decay_tbh.unbind()[1:], hidden_tbh.unbind())
        ctx.save_for_backward(decay_tbh, start_bh, hidden_tbh)
        return hidden_tbh

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        decay_tbh, start_bh, hidden_tbh = ctx.saved_tensors
        grad_tbh = _flowing_back(decay_tbh, grad_outputs[0])
        grad_decay_tbh = torch.empty_like(grad_tbh)
        torch.mul(grad_tbh[0], start_bh, out=grad_decay_tbh[0])
        torch.mul(grad_tbh[1:], hidden_tbh[:-1], out=grad_decay_tbh[1:])
        return grad_decay_tbh, grad_tbh, decay_tbh[0] * grad_tbh[0]


class _GatedScan(torch.autograd.Function):
    """The gated recurrence, differentiated as the module says."""

    @staticmethod
    def forward(ctx: Any, logit_tbh: Tensor, candidate_tbh: Tensor, start_bh: Tensor) -> Tensor:
        keep_tbh = torch.sigmoid(logit_tbh)
        if in_blocks(candidate_tbh):
            hidden_tbh = torch.addcmul(candidate_tbh, keep_tbh, candidate_tbh, value=-1)
            hidden_tbh[0].addcmul_(keep_tbh[0], start_bh)
            run_blocks(keep_tbh, hidden_tbh)
        else:
            hidden_tbh = torch.empty_like(keep_tbh)
            before_bh = start_bh
            for keep_bh, new_bh, after_bh in zip(keep_tbh, candidate_tbh, hidden_tbh, strict=True):
                torch.lerp(new_bh, before_bh, keep_bh, out=after_bh)
                before_bh = after_bh
        ctx.save_for_backward(keep_tbh, start_bh, hidden_tbh)
        return hidden_tbh

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        keep_tbh, start_bh, hidden_tbh = ctx.saved_tensors
        grad_tbh = _flowing_back(keep_tbh, grad_outputs[0])
        grad_logit_tbh = torch.empty_like(grad_tbh)
        torch.sub(start_bh, hidden_tbh[0], out=grad_logit_tbh[0])
        torch.sub(hidden_tbh[:-1], hidden_tbh[1:], out=grad_logit_tbh[1:])
        kept_tbh = keep_tbh * grad_tbh
        return grad_logit_tbh.mul_(kept_tbh), grad_tbh.sub_(kept_tbh), kept_tbh[0].clone()


def _flowing_back(decay_tbh: Tensor, grad_output_tbh: Tensor) -> Tensor:
    """Return every g_t = dL/dh_t + a_{t+1} g_{t+1}."""
    if in_blocks(decay_tbh):
        backwards_tbh = grad_output_tbh.flip(0)
        run_blocks(decay_tbh.flip(0).roll(1, 0), backwards_tbh)  # v_t is multiplied by a_{t+1}
        return backwards_tbh.flip(0)
    grad_tbh = grad_output_tbh.clone(memory_format=torch.contiguous_format)
    run_steps(decay_tbh.unbind()[:0:-1], grad_tbh.unbind()[::-1])
    return grad_tbh


def in_blocks(values_tbh: Tensor) -> bool:
    """Whether blocks are the faster way for values of this shape."""
    if len(values_tbh) < LEAST_STEPS:
        return False
    return values_tbh.device.type != "cpu" or values_tbh[0].numel() <= SMALL_STEP


def run_steps(decays: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Add ``decays[t - 1] * values[t - 1]`` to ``values[t]``, from t = 1 on."""
    for decay, before, after in zip(decays, values[:-1], values[1:], strict=True):
        after.addcmul_(decay, before)


def run_blocks(decay_tbh: Tensor, values_tbh: Tensor, size: int = 0) -> None:
    """Add ``decay_tbh[t] * values_tbh[t - 1]`` to ``values_tbh[t]``, from t = 1 on, by blocks.

    Args:
        decay_tbh: the first one is not used.
        values_tbh: written over.
        size: steps of a block; 0: so that calls are fewest. Steps that fill no block are done one after another.
    """
    size = size or max(1, math.isqrt(len(values_tbh) // 3))
    whole = len(values_tbh) // size * size
    # By place in the block, what all blocks have there: (blocks, B, H).
    decays = decay_tbh[:whole].unflatten(0, (-1, size)).unbind(1)
    values = values_tbh[:whole].unflatten(0, (-1, size)).unbind(1)
    end_nbh, kept_nbh = values[0].clone(), decays[0].clone()
    for decay_nbh, value_nbh in zip(decays[1:], values[1:], strict=True):
        torch.addcmul(value_nbh, decay_nbh, end_nbh, out=end_nbh)
        kept_nbh.mul_(decay_nbh)
    run_steps(kept_nbh.unbind()[1:], end_nbh.unbind())
    values[0][1:].addcmul_(decays[0][1:], end_nbh[:-1])
    run_steps(decays[1:], values)
    run_steps(decay_tbh[whole:].unbind(), values_tbh[whole - 1 :].unbind())
