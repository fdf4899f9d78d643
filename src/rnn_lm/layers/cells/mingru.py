"""The minimal GRU (Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201, section 3.1)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear

from rnn_lm.layers.cells.base import register_cell
from rnn_lm.layers.cells.linear import LinearCell
from rnn_lm.layers.gated_layer import gated_layer, pays
from rnn_lm.layers.scan import gated_scan
from rnn_lm.layers.state import State


@register_cell("mingru", "minGRU")
class MinGRUCell(LinearCell):
    """Gate order z (update), n (candidate).

    z  = sigmoid(W_z x + b_z)
    n  = W_n x + b_n
    h' = (1 - z) * h + z * n

    The linear form: neither tanh nor the paper's g, which its log-space scan needs positive, is on the candidate.
    """

    gates = 2

    def gates_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor]:
        """Return z and n."""
        update, candidate = self.project(input)
        return torch.sigmoid(update), candidate

    def keep(self, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B H"]:  # noqa: ARG002
        """Return 1 - z."""
        return 1 - self.gates_of(input_be)[0]

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        (hidden_bh,) = state
        update, candidate = self.gates_of(input_be)
        return ((1 - update) * hidden_bh + update * candidate,)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        if pays(input_tbe):
            hidden_tbh = gated_layer(input_tbe, self.weight, self.bias, state[0])
            return hidden_tbh, (hidden_tbh[-1],)
        # 1 - z = sigmoid(-(W_z x + b_z)): a matrix is turned around sooner than all that it gives.
        weight_z, weight_n = self.weight.chunk(2)
        bias_z, bias_n = self.bias.chunk(2)
        hidden_tbh = gated_scan(linear(input_tbe, -weight_z, -bias_z), linear(input_tbe, weight_n, bias_n), state[0])
        return hidden_tbh, (hidden_tbh[-1],)

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:  # noqa: ARG002
        """Return update and candidate."""
        return dict(zip(("update", "candidate"), self.gates_of(input_be), strict=True))
