"""The Mogrifier LSTM (Melis et al. 2020): input and hidden state gate each other before the LSTM's step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnn_lm.layers.cells.base import Cell, CellParameters, register_cell
from rnn_lm.layers.cells.lstm import LSTMCell
from rnn_lm.layers.state import State


@register_cell("mogrifier", "Mogrifier")
class MogrifierCell(LSTMCell):
    """With x the input, h the hidden state before the step, and r rounds (Melis et al. 2020, equations 1 and 2):

    x_i = 2 sigmoid(Q_i h_{i-1}) * x_{i-2}      for odd i in 1..r
    h_i = 2 sigmoid(R_i x_{i-1}) * h_{i-2}      for even i in 1..r

    then the LSTM's step from the last x and the last h. At zero matrices every gate is 1, and the cell is the LSTM; at
    no rounds as well. Each Q_i and R_i is the product of two matrices: (E, k) (k, H) and (H, k) (k, E) at rank k.

    Args:
        input_size: E.
        hidden_size: H.
        engine: see ``TorchCell``.
        rounds: r.
        rank: k.
        cap_input_gate: see ``LSTMCell``.
    """

    settings = LSTMCell.settings | {"mogrifier_rounds", "mogrifier_rank"}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        engine: str = "auto",
        rounds: int = 5,
        rank: int = 90,
        *,
        cap_input_gate: bool = False,
    ) -> None:
        self.rounds, self.rank = rounds, rank
        self.kernel = "" if rounds else LSTMCell.kernel
        super().__init__(input_size, hidden_size, engine, cap_input_gate=cap_input_gate)

    @classmethod
    def of(cls, input_size: int, hidden_size: int, settings: Mapping[str, Any]) -> Cell:
        rounds, rank = settings["mogrifier_rounds"], settings["mogrifier_rank"]
        capped = settings.get("cap_input_gate", False)
        return cls(input_size, hidden_size, settings["engine"], rounds, rank, cap_input_gate=capped)

    def add_parameters(self) -> None:
        """Make the gating matrices, those of all rounds in one tensor."""
        if self.rounds:
            to_input, to_hidden = self.rounds - self.rounds // 2, self.rounds // 2
            self.q_left = nn.Parameter(torch.empty(to_input, self.input_size, self.rank))
            self.q_right = nn.Parameter(torch.empty(to_input, self.rank, self.hidden_size))
            self.r_left = nn.Parameter(torch.empty(to_hidden, self.hidden_size, self.rank))
            self.r_right = nn.Parameter(torch.empty(to_hidden, self.rank, self.input_size))

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:
        """Return the LSTM's gates, after input and hidden state have gated each other."""
        hidden_bh, cell_bh = state
        if self.rounds:
            input_be, hidden_bh = self.mogrify(input_be, hidden_bh)
        return super().gate_values(input_be, (hidden_bh, cell_bh))

    def step(self, input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters | None = None) -> State:
        hidden_bh, cell_bh = state
        if self.rounds:
            input_be, hidden_bh = self.mogrify(input_be, hidden_bh)
        return super().step(input_be, (hidden_bh, cell_bh), parameters)

    def mogrify(
        self, input_be: Float[Tensor, "B E"], hidden_bh: Float[Tensor, "B H"]
    ) -> tuple[Float[Tensor, "B E"], Float[Tensor, "B H"]]:
        """Return the input and the hidden state after all rounds."""
        for index, (left_ek, right_kh) in enumerate(zip(self.q_left, self.q_right, strict=True)):
            input_be = 2 * torch.sigmoid(hidden_bh @ right_kh.T @ left_ek.T) * input_be
            if index < len(self.r_left):
                left_hk, right_ke = self.r_left[index], self.r_right[index]
                hidden_bh = 2 * torch.sigmoid(input_be @ right_ke.T @ left_hk.T) * hidden_bh
        return input_be, hidden_bh
