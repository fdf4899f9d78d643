"""The minimal LSTM (Feng et al. 2024, "Were RNNs All We Needed?", arXiv 2410.01201, section 3.2)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from rnn_lm.layers.cells.base import Start, register_cell
from rnn_lm.layers.cells.linear import LinearCell
from rnn_lm.layers.scan import gated_scan
from rnn_lm.layers.state import State


@register_cell("minlstm", "minLSTM")
class MinLSTMCell(LinearCell):
    """Gate order i (input), f (forget), g (candidate).

    i, f = sigmoid(W_i x + b_i), sigmoid(W_f x + b_f)
    g    = W_g x + b_g
    h'   = f / (f + i) * h + i / (f + i) * g

    The linear form, without tanh or the paper's g on the candidate. f / (f + i) is computed as
    sigmoid(log f - log i), which holds where both gates are too near 0 for a float.
    """

    gates = 3
    settings = frozenset({"forget_bias"})

    def gates_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return i / (f + i), f / (f + i) and g."""
        odds, candidate = self.odds_of(input)
        return torch.sigmoid(-odds), torch.sigmoid(odds), candidate

    def odds_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor]:
        """Return log(f / i) and g."""
        i, f, candidate = self.project(input)
        return logsigmoid(f) - logsigmoid(i), candidate

    def keep(self, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B H"]:  # noqa: ARG002
        """Return f / (f + i)."""
        return self.gates_of(input_be)[1]

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        (hidden_bh,) = state
        share_i, share_f, candidate = self.gates_of(input_be)
        return (share_f * hidden_bh + share_i * candidate,)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        hidden_tbh = gated_scan(*self.odds_of(input_tbe), state[0])
        return hidden_tbh, (hidden_tbh[-1],)

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:  # noqa: ARG002
        """Return input and forget, which together are 1, and candidate."""
        return dict(zip(("input", "forget", "candidate"), self.gates_of(input_be), strict=True))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gate by the start's bias."""
        super().reset_parameters(generator, start)
        self.bias[self.hidden_size : 2 * self.hidden_size] += (start or Start()).forget_bias
