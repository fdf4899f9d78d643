"""The same recurrences through torch's own kernels: what torch.nn.RNN, GRU and LSTM call, with our parameters."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.cells.base import CellParameters, TorchCell
from rnn_lm.layers.state import State


def run_library(
    cell: TorchCell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """Run one layer over time in one call; returns every hidden state and the last state, as ``run_by_hand`` does."""
    kernel = getattr(torch, cell.kernel)
    parts = [part.unsqueeze(0) for part in state]
    initial = parts[0] if cell.state_parts == 1 else parts
    # cuDNN keeps what a backward pass needs only if it is told that there will be one.
    training = input_tbe.device.type != "cpu" and torch.is_grad_enabled()
    # (input, state, weights, has_biases, layers, dropout, training, bidirectional, batch_first)
    output_tbh, *last = kernel(input_tbe, initial, list(parameters), True, 1, 0.0, training, False, False)
    return output_tbh, tuple(part.squeeze(0) for part in last)
