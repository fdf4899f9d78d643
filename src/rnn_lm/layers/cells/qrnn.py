"""The quasi-recurrent network (Bradbury et al. 2017, arXiv 1611.01576): a filter over two inputs, and fo-pooling."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.layers.cells.base import Start, register_cell
from rnn_lm.layers.cells.linear import LinearCell
from rnn_lm.layers.scan import gated_scan
from rnn_lm.layers.state import State


@register_cell("qrnn", "QRNN")
class QRNNCell(LinearCell):
    """Gate order z (candidate), f (forget), o (output); x- is the input before x, zero at the start.

    z    = tanh(V_z x- + W_z x + b_z)               equation 2: the filters' width is 2
    f, o = sigmoid(V_f x- + W_f x + b_f), sigmoid(V_o x- + W_o x + b_o)
    c'   = f * c + (1 - f) * z                      equation 4: fo-pooling
    h'   = o * c'

    The state is h, c, and V_z x, V_f x, V_o x for the step to come: x itself may be of another size than H.
    """

    gates = 3
    state_parts = 5
    carried = 1
    settings = frozenset({"forget_bias"})

    def add_parameters(self) -> None:
        """Make the filters' other half."""
        self.weight_before = nn.Parameter(torch.empty_like(self.weight))

    def gates_of(self, input: Float[Tensor, "*times E"], before: Float[Tensor, "*times GH"]) -> tuple[Tensor, ...]:
        """Return z, f and o; ``before`` is V x-."""
        z, f, o = (functional.linear(input, self.weight, self.bias) + before).chunk(3, dim=-1)
        return torch.tanh(z), torch.sigmoid(f), torch.sigmoid(o)

    def keep(self, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B H"]:
        """Return f."""
        return self.gates_of(input_be, torch.cat(state[2:], dim=-1))[1]

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        _, cell_bh, *before = state
        z, f, o = self.gates_of(input_be, torch.cat(before, dim=-1))
        cell_bh = f * cell_bh + (1 - f) * z
        return o * cell_bh, cell_bh, *functional.linear(input_be, self.weight_before).chunk(3, dim=-1)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        _, cell_bh, *before = state
        ahead = [functional.linear(input_tbe, block).to(cell_bh.dtype) for block in self.weight_before.chunk(3)]
        z, f, o = (
            own_tbh + torch.cat([before_bh.unsqueeze(0), ahead_tbh[:-1]])
            for own_tbh, before_bh, ahead_tbh in zip(self.project(input_tbe), before, ahead, strict=True)
        )
        cell_tbh = gated_scan(f, torch.tanh(z), cell_bh)
        output_tbh = torch.sigmoid(o) * cell_tbh
        return output_tbh, (output_tbh[-1], cell_tbh[-1], *(ahead_tbh[-1] for ahead_tbh in ahead))

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:
        """Return candidate, forget and output."""
        _, _, *before = state
        gates = self.gates_of(input_be, torch.cat(before, dim=-1))
        return dict(zip(("candidate", "forget", "output"), gates, strict=True))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gate by the start's bias."""
        super().reset_parameters(generator, start)
        self.bias[self.hidden_size : 2 * self.hidden_size] += (start or Start()).forget_bias
