"""The sLSTM of xLSTM (Beck et al. 2024, arXiv 2405.04517, equations 8 to 17): exponential gates and a normalizer."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from rnn_lm.layers.cells.base import CellParameters, Start, TorchCell, register_cell
from rnn_lm.layers.state import State

NOTHING = -1e4
"""m before any input: so far below any i that the first step's m' is its i. (At 0, an i of -100 would leave n' = 0.)"""


@register_cell("slstm", "sLSTM")
class SLSTMCell(TorchCell):
    """Gate order i (input), f (forget), z (candidate), o (output); i, f, z and o before their activations are

    W_i. x + b_i. + W_h. h + b_h., and then

    m' = max(log sigmoid(f) + m, i)                 equation 15: the stabilizer, which keeps both exponents at most 0
    I  = exp(i - m')                                equation 16
    F  = exp(log sigmoid(f) + m - m')               equation 17
    c' = F * c + I * tanh(z)                        equation 8
    n' = F * n + I                                  equation 9
    h' = sigmoid(o) * c' / n'                       equation 10

    The forget gate is the paper's sigmoid one. Left out: heads (one, so that W_h has no blocks), and the block around
    it with its convolution, norm and projections. It has a recurrent matrix, so it runs one step after another.
    """

    gates = 4
    state_parts = 4
    settings = TorchCell.settings | {"forget_bias"}

    def initial_state(self, batch: int) -> State:
        """Return the state before any input: zeros, but for the stabilizer."""
        *zeros, stabilizer_bh = super().initial_state(batch)
        return *zeros, torch.full_like(stabilizer_bh, NOTHING)

    @staticmethod
    def equations(input_be: Float[Tensor, "B E"], state: State, parameters: CellParameters) -> State:
        hidden_bh, cell_bh, normalizer_bh, stabilizer_bh = state
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        gates = input_be @ weight_ih.T + bias_ih + hidden_bh @ weight_hh.T + bias_hh
        i, f, z, o = gates.chunk(4, dim=1)
        kept_bh = logsigmoid(f) + stabilizer_bh
        stabilizer_bh = torch.maximum(kept_bh, i)
        write, keep = torch.exp(i - stabilizer_bh), torch.exp(kept_bh - stabilizer_bh)
        cell_bh = keep * cell_bh + write * torch.tanh(z)
        normalizer_bh = keep * normalizer_bh + write
        return torch.sigmoid(o) * cell_bh / normalizer_bh, cell_bh, normalizer_bh, stabilizer_bh

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gate by the start's bias."""
        super().reset_parameters(generator, start)
        self.bias_ih[self.hidden_size : 2 * self.hidden_size] += (start or Start()).forget_bias
