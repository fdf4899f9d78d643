"""The simple recurrent network (Elman 1990), with tanh or with relu."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.labels import ModelStyle
from rnn_lm.layers.cells.base import CellParameters, TorchCell, register_cell
from rnn_lm.layers.state import State


@register_cell("rnn", "RNN", ModelStyle("#d55e00", (7, 3), "triangle-up"))
class ElmanCell(TorchCell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    kernel = "rnn_tanh"
    settings = TorchCell.settings | {"dropout_state"}

    @staticmethod
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        (hidden_bh,) = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        return (torch.tanh(input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh),)


@register_cell("rnn-relu", "RNN (relu)")
class ReluElmanCell(TorchCell):
    """h' = max(0, W_ih x + b_ih + W_hh h + b_hh)."""

    kernel = "rnn_relu"
    settings = TorchCell.settings | {"dropout_state"}

    @staticmethod
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        (hidden_bh,) = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        return (torch.relu(input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh),)
