"""What cells share whose gates do not look at the state: h_t = a_t * h_{t-1} + b_t.

All of a_t and b_t are then products of inputs, for many steps at once, and ``layers.scan`` does the rest. A cell says
its gates once, for one input or for many, its equation in ``step``, and in ``run`` what a and b are in it::

    def step(self, input_be, state):
        forget, candidate = self.gates_of(input_be)
        return (forget * state[0] + (1 - forget) * candidate,)

    def run(self, input_tbe, state):
        forget, candidate = self.gates_of(input_tbe)
        hidden_tbh = linear_scan(forget, (1 - forget) * candidate, state[0])
        return hidden_tbh, (hidden_tbh[-1],)

Where a is a sigmoid and b is 1 - a times a candidate, ``gated_scan`` does the gate too, over memory less often.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.layers.cells.base import Cell
from rnn_lm.layers.state import State


class LinearCell(Cell):
    """A cell that reads its input through one matrix, the blocks of its G gates stacked, and has none for its state.

    Args:
        input_size, hidden_size: see ``Cell``.

    Attributes:
        gates: G, blocks of H rows.
        carried: which part of the state the recurrence is of; the others are made of it, or of inputs.
    """

    gates: ClassVar[int] = 1
    carried: ClassVar[int] = 0

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(self.gates * hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(self.gates * hidden_size))
        self.add_parameters()
        self.reset_parameters()

    def add_parameters(self) -> None:
        """Make the parameters that a cell has besides; most have none."""

    def keep(self, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B H"]:
        """Return a when ``input_be`` is read in ``state``: all there is of the step's Jacobian, on its diagonal."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it keeps")

    def project(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, ...]:
        """Return W x + b, gate by gate, each (..., H).

        Of one input, in one product. Of many, in one for each gate: the gradients of parts of one tensor would have to
        be put together again.
        """
        if input.dim() == 2:
            return functional.linear(input, self.weight, self.bias).chunk(self.gates, dim=-1)
        blocks = zip(self.weight.chunk(self.gates), self.bias.chunk(self.gates), strict=True)
        return tuple(functional.linear(input, weight, bias) for weight, bias in blocks)
