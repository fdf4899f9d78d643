"""The long short-term memory with a forget gate (Hochreiter and Schmidhuber 1997; Gers et al. 2000)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.labels import ModelStyle
from rnn_lm.layers.cells.base import CellParameters, Start, TorchCell, register_cell
from rnn_lm.layers.state import State


class LSTMGates(NamedTuple):
    """i, f, g and o of one step."""

    input: Float[Tensor, "B H"]
    forget: Float[Tensor, "B H"]
    candidate: Float[Tensor, "B H"]
    output: Float[Tensor, "B H"]


@register_cell("lstm", "LSTM", ModelStyle("#0072b2", (1, 0), "circle"))
class LSTMCell(TorchCell):
    """Gate order i (input), f (forget), g (candidate), o (output).

    i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.)
    g       = tanh(W_ig x + b_ig + W_hg h + b_hg)
    c'      = f * c + i * g        the additive path: dc'/dc = f, with no matrix in between
    h'      = o * tanh(c')
    """

    gates = 4
    state_parts = 2
    kernel = "lstm"
    settings = TorchCell.settings | {"forget_bias"}

    @staticmethod
    def gate_equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> LSTMGates:
        """Return i, f, g and o."""
        hidden_bh, _ = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        gates = input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
        return LSTMGates(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o))

    @staticmethod
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        _, cell_bh = state
        i, f, g, o = LSTMCell.gate_equations(input_be, state, parameters)
        cell_bh = f * cell_bh + i * g
        return o * torch.tanh(cell_bh), cell_bh

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:
        """Return input, forget, candidate and output."""
        return self.gate_equations(input_be, state, self.cell_parameters())._asdict()

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gate by the start's bias."""
        super().reset_parameters(generator, start)
        self.bias_ih[self.hidden_size : 2 * self.hidden_size] += (start or Start()).forget_bias
