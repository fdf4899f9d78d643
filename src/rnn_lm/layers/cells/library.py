"""The same recurrences through torch's own kernels: what torch.nn.RNN, GRU and LSTM call, with our parameters."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from rnn_lm.layers.asking import answers_late
from rnn_lm.layers.cells.base import CellParameters, TorchCell
from rnn_lm.layers.packing import packed, padded, product_dtype, wider
from rnn_lm.layers.state import State


def run_library(
    cell: TorchCell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """Run one layer over time in one call; returns every hidden state and the last state, as ``run_by_hand`` does."""
    if answers_late(input_tbe.device):
        return run_packed(cell, input_tbe, state, parameters)
    kernel = getattr(torch, cell.kernel)
    parts = [part.unsqueeze(0) for part in state]
    initial = parts[0] if cell.state_parts == 1 else parts
    # (input, state, weights, has_biases, layers, dropout, training, bidirectional, batch_first)
    output_tbh, *last = kernel(input_tbe, initial, list(parameters), True, 1, 0.0, False, False, False)
    return output_tbh, tuple(part.squeeze(0) for part in last)


def run_packed(
    cell: TorchCell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """The same as an accelerator's kernel wants it: weights in one piece, in the digits of the run's products.

    Under autocast that is bfloat16 inside, and outputs and states in the parameters' precision outside. Autocast itself
    would run cuDNN's kernels in float16, whatever it is set to.
    """
    digits, own = product_dtype(input_tbe), parameters.weight_ih.dtype
    units, inputs = wider(cell.hidden_size, digits), wider(cell.input_size, digits)
    weight_ih, weight_hh, *biases = parameters
    weights = packed(
        [
            padded(weight_ih, cell.gates, units, inputs),
            padded(weight_hh, cell.gates, units, units),
            *(padded(bias, cell.gates, units) for bias in biases),
        ],
        digits,
    )
    input_tbe = _lengthened(input_tbe.to(digits), inputs)
    parts = [_lengthened(part.to(digits), units).contiguous().unsqueeze(0) for part in state]
    initial = parts[0] if cell.state_parts == 1 else parts
    with torch.autocast(input_tbe.device.type, enabled=False):
        # cuDNN keeps what a backward pass needs only if it is told that there will be one.
        output_tbh, *last = getattr(torch, cell.kernel)(
            input_tbe.contiguous(), initial, weights, True, 1, 0.0, torch.is_grad_enabled(), False, False
        )
    if units > cell.hidden_size:
        output_tbh, *last = (whole[..., : cell.hidden_size] for whole in (output_tbh, *last))
    return output_tbh.to(own), tuple(part.squeeze(0).to(own) for part in last)


def _lengthened(signal: Tensor, size: int) -> Tensor:
    """Append zeros to the last dimension until there are ``size``; the same tensor where there are."""
    extra = size - signal.shape[-1]
    return functional.pad(signal, (0, extra)) if extra else signal
