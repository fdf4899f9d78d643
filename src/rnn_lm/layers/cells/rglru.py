"""The real-gated linear recurrent unit of Griffin and Hawk (De et al. 2024, arXiv 2402.19427, equations 1 to 4)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.layers.cells.base import Start, register_cell
from rnn_lm.layers.cells.linear import LinearCell
from rnn_lm.layers.scan import linear_scan
from rnn_lm.layers.state import State

SHARPNESS = 8.0
"""c in the paper."""
SLOWEST = (0.9, 0.999)
"""Between these a^c is drawn: the share that a unit keeps where its recurrence gate is open."""


@register_cell("rg-lru", "RG-LRU")
class RGLRUCell(LinearCell):
    """Gate order r (recurrence), i (input).

    u  = W x + b                                    the projection in front of it, from E to H
    r  = sigmoid(W_r u + b_r)                       equation 1
    i  = sigmoid(W_i u + b_i)                       equation 2
    a  = sigmoid(L) ^ (8 r)                         equation 3, L learned
    h' = a * h + sqrt(1 - a^2) * (i * u)            equation 4

    The recurrence alone: left out is what Griffin's block has around it, the convolution over four inputs, the GeLU
    branch, the output projection, norm and MLP; and gates of several blocks on the diagonal, one block here.
    """

    learning_rate = 2e-3

    def add_parameters(self) -> None:
        """Make the gates' matrices, which read u, and L."""
        size = self.hidden_size
        self.gate_weight = nn.Parameter(torch.empty(2 * size, size))
        self.gate_bias = nn.Parameter(torch.empty(2 * size))
        self.decay = nn.Parameter(torch.empty(size))

    def gates_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return u, r and i."""
        (projected,) = self.project(input)
        recurrence, gate = functional.linear(projected, self.gate_weight, self.gate_bias).chunk(2, dim=-1)
        return projected, torch.sigmoid(recurrence), torch.sigmoid(gate)

    def coefficients(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor]:
        """Return a and sqrt(1 - a^2) * (i * u)."""
        projected, recurrence, gate = self.gates_of(input)
        log_decay = -SHARPNESS * functional.softplus(-self.decay) * recurrence
        # 1 - a^2 where a is near 1; at 1 itself the root would have no slope.
        room = -torch.expm1(2 * log_decay)
        return log_decay.exp(), room.clamp_min(torch.finfo(room.dtype).tiny).sqrt() * (gate * projected)

    def keep(self, input_be: Float[Tensor, "B E"], state: State) -> Float[Tensor, "B H"]:  # noqa: ARG002
        """Return a."""
        return self.coefficients(input_be)[0]

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        (hidden_bh,) = state
        decay, entering = self.coefficients(input_be)
        return (decay * hidden_bh + entering,)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        hidden_tbh = linear_scan(*self.coefficients(input_tbe), state[0])
        return hidden_tbh, (hidden_tbh[-1],)

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:  # noqa: ARG002
        """Return recurrence and input."""
        _, recurrence, gate = self.gates_of(input_be)
        return {"recurrence": recurrence, "input": gate}

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw matrices as other cells do, and L such that sigmoid(L)^8 is uniform between 0.9 and 0.999."""
        super().reset_parameters(generator, start)
        slowest_h = torch.empty_like(self.decay).uniform_(*SLOWEST, generator=generator)
        self.decay.copy_(torch.logit(slowest_h ** (1 / SHARPNESS)))
