"""The simple recurrent network (Elman 1990), with tanh or with relu."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.cells.base import CELLS, CellParameters, PlainCell
from rnn_lm.layers.state import State


class ElmanCell(PlainCell):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        activation: f, tanh or relu.
        kernel: torch's function for the same recurrence.
    """

    gates = 1
    state_parts = 1

    def __init__(self, activation: Callable[[Tensor], Tensor], kernel: str) -> None:
        self.activation = activation
        self.kernel = kernel

    def step(self, input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        (hidden_bh,) = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        return (self.activation(input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh),)


CELLS.register("rnn")(ElmanCell(torch.tanh, "rnn_tanh"))
CELLS.register("rnn-relu")(ElmanCell(torch.relu, "rnn_relu"))
