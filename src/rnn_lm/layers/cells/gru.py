"""The gated recurrent unit (Cho et al. 2014), in the variant that torch and cuDNN compute."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.labels import ModelStyle
from rnn_lm.layers.cells.base import CellParameters, TorchCell, register_cell
from rnn_lm.layers.state import State


class GRUGates(NamedTuple):
    """r, z and n of one step."""

    reset: Float[Tensor, "B H"]
    update: Float[Tensor, "B H"]
    candidate: Float[Tensor, "B H"]


@register_cell("gru", "GRU", ModelStyle("#009e73", (9, 3, 2, 3), "diamond"))
class GRUCell(TorchCell):
    """Gate order r (reset), z (update), n (candidate).

    r  = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
    z  = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n  = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    h' = (1 - z) * n + z * h

    The reset gate multiplies after the recurrent matrix, where Cho et al. multiply before it: all of W_hh h is then
    one product.
    """

    gates = 3
    kernel = "gru"

    @staticmethod
    def gate_equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> GRUGates:
        """Return r, z and n."""
        (hidden_bh,) = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        input_r, input_z, input_n = (input_be @ weight_ih.T + bias_ih).chunk(3, dim=1)
        hidden_r, hidden_z, hidden_n = (hidden_bh @ weight_hh.T + bias_hh).chunk(3, dim=1)
        reset = torch.sigmoid(input_r + hidden_r)
        update = torch.sigmoid(input_z + hidden_z)
        return GRUGates(reset, update, torch.tanh(input_n + reset * hidden_n))

    @staticmethod
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        (hidden_bh,) = state
        _, update, candidate = GRUCell.gate_equations(input_be, state, parameters)
        return ((1 - update) * candidate + update * hidden_bh,)

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:
        """Return reset, update and candidate."""
        return self.gate_equations(input_be, state, self.cell_parameters())._asdict()
