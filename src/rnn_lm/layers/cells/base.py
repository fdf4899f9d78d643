"""What a recurrent cell is, and the loop that runs a hand-written one over time."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import ModelConfig
from rnn_lm.layers.state import State
from rnn_lm.registry import Registry


class CellParameters(NamedTuple):
    """One layer's parameters in torch.nn's layout: the blocks of the G gates stacked along the first dimension."""

    weight_ih: Float[Tensor, "GH E"]
    weight_hh: Float[Tensor, "GH H"]
    bias_ih: Float[Tensor, "GH"]
    bias_hh: Float[Tensor, "GH"]


@runtime_checkable
class Cell(Protocol):
    """The recurrence of one layer, without parameters of its own.

    Attributes:
        gates: G, blocks of H rows in the weights.
        state_parts: tensors that the state is made of; the first is always the hidden state, which is the output.
        kernel: the name of torch's own function for the same recurrence; "" where there is none.
    """

    gates: int
    state_parts: int
    kernel: str

    def step(self, input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        """The state after one more input: the cell's equations. Parts of ``state`` are (B, H)."""
        ...

    def for_layer(self, input_size: int, hidden_size: int, config: ModelConfig) -> Cell:
        """The cell of one layer: itself, or an ``nn.Module`` if it has parameters that ``CellParameters`` does not."""
        ...

    def further_parameters(self, input_size: int, hidden_size: int, config: ModelConfig) -> int:
        """Numbers that those parameters consist of."""
        ...


class PlainCell(Cell):
    """A cell whose parameters are ``CellParameters`` and no others."""

    def for_layer(self, input_size: int, hidden_size: int, config: ModelConfig) -> Cell:  # noqa: ARG002
        return self

    def further_parameters(self, input_size: int, hidden_size: int, config: ModelConfig) -> int:  # noqa: ARG002
        return 0


CELLS: Registry[Cell] = Registry("cell")


def run_by_hand(
    cell: Cell, input_tbe: Float[Tensor, "T B E"], state: State, parameters: CellParameters
) -> tuple[Float[Tensor, "T B H"], State]:
    """Apply ``cell.step`` at each time in turn; returns every hidden state and the last state."""
    outputs = []
    for input_be in input_tbe:
        state = cell.step(input_be, state, parameters)
        outputs.append(state[0])
    return torch.stack(outputs), state
