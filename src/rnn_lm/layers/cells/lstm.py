"""The long short-term memory with a forget gate (Hochreiter and Schmidhuber 1997; Gers et al. 2000)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.labels import ModelStyle
from rnn_lm.layers.cells.base import Cell, CellParameters, Start, TorchCell, register_cell
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

    Capped, i is min(i, 1 - f), so that |c'| is at most the larger of |c| and 1 (Melis, Dyer and Blunsom 2018).

    Args:
        input_size, hidden_size, engine: see ``TorchCell``.
        cap_input_gate: whether it is; then it is run by its equations.
    """

    gates = 4
    state_parts = 2
    kernel = "lstm"
    settings = TorchCell.settings | {"forget_bias", "cap_input_gate", "dropout_state"}

    def __init__(
        self, input_size: int, hidden_size: int, engine: str = "auto", *, cap_input_gate: bool = False
    ) -> None:
        self.cap_input_gate = cap_input_gate
        if cap_input_gate:
            self.kernel = ""
        super().__init__(input_size, hidden_size, engine)

    @classmethod
    def of(cls, input_size: int, hidden_size: int, settings: Mapping[str, Any]) -> Cell:
        return cls(input_size, hidden_size, settings["engine"], cap_input_gate=settings.get("cap_input_gate", False))

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
        return _state_after(LSTMCell.gate_equations(input_be, state, parameters), state)

    def step(self, input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters | None = None) -> State:
        return _state_after(self._gates(input_be, state, parameters), state)

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:
        """Return input, forget, candidate and output; input as it acts, capped or not."""
        return self._gates(input_be, state)._asdict()

    def _gates(self, input_be: Tensor, state: State, parameters: CellParameters | None = None) -> LSTMGates:
        gates = self.gate_equations(input_be, state, parameters or self.cell_parameters())
        if self.cap_input_gate:
            gates = gates._replace(input=torch.minimum(gates.input, 1 - gates.forget))
        return gates

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gate by the start's bias."""
        super().reset_parameters(generator, start)
        self.bias_ih[self.hidden_size : 2 * self.hidden_size] += (start or Start()).forget_bias


def _state_after(gates: LSTMGates, state: State) -> State:
    """h' and c', given the gates."""
    i, f, g, o = gates
    cell_bh = f * state[1] + i * g
    return o * torch.tanh(cell_bh), cell_bh
