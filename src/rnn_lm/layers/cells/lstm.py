"""The long short-term memory with a forget gate (Hochreiter and Schmidhuber 1997; Gers et al. 2000)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.labels import ModelStyle
from rnn_lm.layers.cells.base import CellParameters, Start, TorchCell, register_cell
from rnn_lm.layers.state import State


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
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        hidden_bh, cell_bh = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        gates = input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
        cell_bh = torch.sigmoid(f) * cell_bh + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(cell_bh), cell_bh

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gate by the start's bias."""
        super().reset_parameters(generator, start)
        self.bias_ih[self.hidden_size : 2 * self.hidden_size] += (start or Start()).forget_bias
