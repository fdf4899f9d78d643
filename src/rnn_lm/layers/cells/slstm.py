"""The sLSTM of xLSTM (Beck et al. 2024, arXiv 2405.04517, equations 8 to 17): exponential gates and a normalizer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from rnn_lm.layers.cells.base import Cell, Start, register_cell, run_dropping
from rnn_lm.layers.state import State

NOTHING = -1e4
"""m before any input: so far below any i that the first step's m' is its i. (At 0, an i of -100 would leave n' = 0.)"""


@register_cell("slstm", "sLSTM")
class SLSTMCell(Cell):
    """Gate order i (input), f (forget), z (candidate), o (output), each W x + R h + b before its activation.

    m' = max(log sigmoid(f) + m, i)                 equation 15: the stabilizer, which keeps both exponents at most 0
    I  = exp(i - m')                                equation 16
    F  = exp(log sigmoid(f) + m - m')               equation 17
    c' = F * c + I * tanh(z)                        equation 8
    n' = F * n + I                                  equation 9
    h' = sigmoid(o) * c' / n'                       equation 10

    The forget gate is the paper's sigmoid one. Left out: heads (one, so that R has no blocks), and the block around it
    with its convolution, norm and projections. It has a recurrent matrix, so it runs one step after another.
    """

    state_parts = 4
    settings = frozenset({"forget_bias", "recurrent_init", "recurrent_gain", "dropout_state"})

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.recurrent_shape = (4 * hidden_size, hidden_size)
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(self.recurrent_shape))
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))
        self.reset_parameters()

    def initial_state(self, batch: int) -> State:
        """Return the state before any input: zeros, but for the stabilizer."""
        *zeros, stabilizer_bh = super().initial_state(batch)
        return *zeros, torch.full_like(stabilizer_bh, NOTHING)

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        return _equations(linear(input_be, self.weight_ih, self.bias), state, self.weight_hh)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        return self.forward(input_tbe, state)

    def forward(
        self,
        input_tbe: Float[Tensor, "T B E"],
        state: State,
        recurrent_mask: Tensor | None = None,
        state_mask: Tensor | None = None,
    ) -> tuple[Float[Tensor, "T B H"], State]:
        weight_hh = self.weight_hh if recurrent_mask is None else self.weight_hh * recurrent_mask
        if state_mask is not None:
            return run_dropping(
                lambda input_be, before: _equations(linear(input_be, self.weight_ih, self.bias), before, weight_hh),
                input_tbe,
                state,
                state_mask,
            )
        outputs = []
        for projected_bg in linear(input_tbe, self.weight_ih, self.bias):
            state = _equations(projected_bg, state, weight_hh)
            outputs.append(state[0])
        return torch.stack(outputs), state

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw matrices uniform, R's blocks as the start asks for; then open the forget gate by the start's bias."""
        start = start or Start()
        super().reset_parameters(generator, start)
        if start.recurrent == "orthogonal" and start.bound is None:
            for block in self.weight_hh.chunk(4):
                nn.init.orthogonal_(block, start.gain, generator=generator)
        self.bias[self.hidden_size : 2 * self.hidden_size] += start.forget_bias


def exponential_gates(i: Tensor, log_forget: Tensor, stabilizer: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return I, F and m' (equations 15 to 17), of any one shape."""
    kept = log_forget + stabilizer
    after = torch.maximum(kept, i)
    return torch.exp(i - after), torch.exp(kept - after), after


def _equations(projected_bg: Float[Tensor, "B GH"], state: State, weight_hh: Float[Tensor, "GH H"]) -> State:
    """Return the state after one more input, of which ``projected_bg`` is W x + b."""
    hidden_bh, cell_bh, normalizer_bh, stabilizer_bh = state
    i, f, z, o = (projected_bg + linear(hidden_bh, weight_hh)).chunk(4, dim=1)
    write, keep, stabilizer_bh = exponential_gates(i, logsigmoid(f), stabilizer_bh)
    cell_bh = keep * cell_bh + write * torch.tanh(z)
    normalizer_bh = keep * normalizer_bh + write
    return torch.sigmoid(o) * cell_bh / normalizer_bh, cell_bh, normalizer_bh, stabilizer_bh
