"""The hierarchically gated recurrent network (Qin et al. 2023, arXiv 2311.04823), its real-valued recurrence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.layers.cells.base import register_cell
from rnn_lm.layers.cells.linear import LinearCell
from rnn_lm.layers.scan import linear_scan
from rnn_lm.layers.state import State


@register_cell("hgrn", "HGRN")
class HGRNCell(LinearCell):
    """Gate order c (candidate), f (forget), o (output).

    c  = silu(W_c x + b_c)
    f  = y + (1 - y) * sigmoid(W_f x + b_f)         y = sigmoid(b): what a unit keeps at least, learned
    o  = sigmoid(W_o x + b_o)
    s' = f * s + (1 - f) * c
    h' = o * s'

    In the paper the bounds rise from layer to layer, as a cumulative softmax over all layers; here each layer learns
    its own, half at the start. Left out besides: the rotation by a learned phase (the state is real), and what stands
    around the recurrence, norm, output projection and the gated linear unit.
    """

    gates = 3
    state_parts = 2
    carried = 1

    def add_parameters(self) -> None:
        """Make the bounds of the forget gate."""
        self.lower_bound = nn.Parameter(torch.empty(self.hidden_size))

    def gates_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return c, f and o."""
        candidate, forget, output = self.project(input)
        least_h = torch.sigmoid(self.lower_bound)
        return functional.silu(candidate), least_h + (1 - least_h) * torch.sigmoid(forget), torch.sigmoid(output)

    def keep(self, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B H"]:  # noqa: ARG002
        """Return f."""
        return self.gates_of(input_be)[1]

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        _, cell_bh = state
        candidate, forget, output = self.gates_of(input_be)
        cell_bh = forget * cell_bh + (1 - forget) * candidate
        return output * cell_bh, cell_bh

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        candidate, forget, output = self.gates_of(input_tbe)
        cell_tbh = linear_scan(forget, (1 - forget) * candidate, state[1])
        output_tbh = output * cell_tbh
        return output_tbh, (output_tbh[-1], cell_tbh[-1])

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:  # noqa: ARG002
        """Return candidate, forget and output."""
        return dict(zip(("candidate", "forget", "output"), self.gates_of(input_be), strict=True))
