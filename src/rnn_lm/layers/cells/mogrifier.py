"""The Mogrifier LSTM (Melis et al. 2020): input and hidden state gate each other before the LSTM's step."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnn_lm.config import ModelConfig
from rnn_lm.layers.cells.base import CELLS, Cell, CellParameters
from rnn_lm.layers.cells.lstm import LSTMCell
from rnn_lm.layers.state import State


class MogrifierCell(LSTMCell):
    """As registered, a cell of no rounds, which is the LSTM; ``for_layer`` makes the one that gates."""

    def for_layer(self, input_size: int, hidden_size: int, config: ModelConfig) -> Cell:
        if config.mogrifier_rounds == 0:
            return self
        return GatedMogrifierCell(input_size, hidden_size, config.mogrifier_rounds, config.mogrifier_rank)

    def further_parameters(self, input_size: int, hidden_size: int, config: ModelConfig) -> int:
        return config.mogrifier_rounds * config.mogrifier_rank * (input_size + hidden_size)


class GatedMogrifierCell(nn.Module, MogrifierCell):
    """With x the input, h the hidden state before the step, and r rounds (Melis et al. 2020, equations 1 and 2):

    x_i = 2 sigmoid(Q_i h_{i-1}) * x_{i-2}      for odd i in 1..r
    h_i = 2 sigmoid(R_i x_{i-1}) * h_{i-2}      for even i in 1..r

    then the LSTM's step from the last x and the last h. At zero matrices every gate is 1, and the cell is the LSTM.
    Each Q_i and R_i is the product of two matrices: (E, k) (k, H) and (H, k) (k, E) at rank k.

    Args:
        input_size: E.
        hidden_size: H.
        rounds: r.
        rank: k.
    """

    kernel = ""

    def __init__(self, input_size: int, hidden_size: int, rounds: int, rank: int) -> None:
        super().__init__()
        to_input, to_hidden = rounds - rounds // 2, rounds // 2
        self.q_left_rek = nn.Parameter(torch.empty(to_input, input_size, rank))
        self.q_right_rkh = nn.Parameter(torch.empty(to_input, rank, hidden_size))
        self.r_left_rhk = nn.Parameter(torch.empty(to_hidden, hidden_size, rank))
        self.r_right_rke = nn.Parameter(torch.empty(to_hidden, rank, input_size))

    def step(self, input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        hidden_bh, cell_bh = state
        input_be, hidden_bh = self.mogrify(input_be, hidden_bh)
        return super().step(input_be, (hidden_bh, cell_bh), parameters)

    def mogrify(
        self, input_be: Float[Tensor, "B E"], hidden_bh: Float[Tensor, "B H"]
    ) -> tuple[Float[Tensor, "B E"], Float[Tensor, "B H"]]:
        """The input and the hidden state after all rounds."""
        for index, (left_ek, right_kh) in enumerate(zip(self.q_left_rek, self.q_right_rkh, strict=True)):
            input_be = 2 * torch.sigmoid(hidden_bh @ right_kh.T @ left_ek.T) * input_be
            if index < len(self.r_left_rhk):
                left_hk, right_ke = self.r_left_rhk[index], self.r_right_rke[index]
                hidden_bh = 2 * torch.sigmoid(input_be @ right_ke.T @ left_hk.T) * hidden_bh
        return input_be, hidden_bh


CELLS.register("mogrifier")(MogrifierCell())
