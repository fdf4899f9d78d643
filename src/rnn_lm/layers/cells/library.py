"""The same recurrences through torch's own kernels: what torch.nn.RNN, GRU and LSTM call, with our parameters."""

from __future__ import annotations

from collections.abc import Sequence

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
    """The same as an accelerator's kernel wants it: see ``run_packed_layers``."""
    of_all = tuple(part.unsqueeze(0) for part in state)
    output_tbh, of_all = run_packed_layers([cell], input_tbe, of_all, [parameters])
    return output_tbh, tuple(part.squeeze(0) for part in of_all)


def run_packed_layers(
    cells: Sequence[TorchCell], input_tbe: Float[Tensor, "T B E"], state: State, parameters: Sequence[CellParameters]
) -> tuple[Float[Tensor, "T B H"], State]:
    """Run layers of one size on top of each other in one call, their weights in one piece, in the products' digits.

    A kernel that knows of all of them reads step t in one layer while it reads step t + 1 in the layer below.

    Under autocast that is bfloat16 inside, and outputs and states in the parameters' precision outside. Autocast itself
    would run cuDNN's kernels in float16, whatever it is set to.

    Args:
        cells: from input to output, all of one kind.
        input_tbe: what is read.
        state: of all layers, parts (L, B, H).
        parameters: of each layer.

    Returns:
        The last layer's output, and the state of all of them.
    """
    digits, own, gates = product_dtype(input_tbe), parameters[0].weight_ih.dtype, cells[0].gates
    size = cells[0].hidden_size
    units, inputs = wider(size, digits), wider(cells[0].input_size, digits)
    matrices: list[Tensor] = []
    biases: list[Tensor] = []
    for weight_ih, weight_hh, *both in parameters:
        matrices.append(padded(weight_ih, gates, units, units if matrices else inputs))
        matrices.append(padded(weight_hh, gates, units, units))
        biases += [padded(bias, gates, units) for bias in both]
    # cuDNN's block has the matrices of all layers before the biases of all; its arguments go layer by layer.
    placed, count = packed([*matrices, *biases], digits), len(matrices)
    weights = [placed[start + part] for start in range(0, count, 2) for part in (0, 1, count, count + 1)]
    input_tbe = _lengthened(input_tbe.to(digits), inputs)
    parts = [_lengthened(part.to(digits), units).contiguous() for part in state]
    initial = parts[0] if cells[0].state_parts == 1 else parts
    with torch.autocast(input_tbe.device.type, enabled=False):
        # cuDNN keeps what a backward pass needs only if it is told that there will be one.
        output_tbh, *last = getattr(torch, cells[0].kernel)(
            input_tbe.contiguous(), initial, weights, True, len(cells), 0.0, torch.is_grad_enabled(), False, False
        )
    if units > size:
        output_tbh, *last = (whole[..., :size] for whole in (output_tbh, *last))
    return output_tbh.to(own), tuple(part.to(own) for part in last)


def _lengthened(signal: Tensor, size: int) -> Tensor:
    """Append zeros to the last dimension until there are ``size``; the same tensor where there are."""
    extra = size - signal.shape[-1]
    return functional.pad(signal, (0, extra)) if extra else signal
