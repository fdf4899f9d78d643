"""The mLSTM of xLSTM (Beck et al. 2024, arXiv 2405.04517, equations 19 to 27): a memory with exponential gates."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import linear, logsigmoid

from rnn_lm.layers.cells.base import Cell, Start, register_cell
from rnn_lm.layers.cells.slstm import NOTHING, exponential_gates
from rnn_lm.layers.chunks import mlstm_chunks, normalized
from rnn_lm.layers.state import State

HEAD_SIZE = 16
"""Units of a head, which has as many rows and columns of memory."""


@register_cell("mlstm", "mLSTM")
class MLSTMCell(Cell):
    """Heads of d = 16 units, each with a memory C (d x d), a normalizer n (d), a stabilizer m and two gates of its own.

    q, k = W_q x + b_q, (W_k x + b_k) / sqrt(d)     equations 22 and 23
    v, o = W_v x + b_v, sigmoid(W_o x + b_o)        equations 24 and 27
    i, f = w_i x + b_i, w_f x + b_f                 equations 25 and 26, before their activations: numbers, not vectors
    m'   = max(log sigmoid(f) + m, i)               equation 15, as in the sLSTM
    I, F = exp(i - m'), exp(log sigmoid(f) + m - m')
    C'   = F C + I v k^T                            equation 19
    n'   = F n + I k                                equation 20
    h'   = o * C' q / max(|n' q|, exp(-m'))         equation 21, whose 1 is exp(-m') where C and n are scaled by it

    Gate order q, k, v, o, and of the gates i, f. The forget gate is the paper's sigmoid one. The state is h, the 16
    columns of all heads' C on top of each other, n of all heads, and m, once for each unit of its head: parts of H
    numbers like any other. Where H is no multiple of 16, the last head is what is left; where H < 16, there is one head
    of H units, and further columns are 0. Left out is the block around it: convolution, norm of the heads, projections.

    ``step`` is these equations; many steps are computed chunk by chunk (``layers.chunks``).
    """

    state_parts = 3 + HEAD_SIZE
    settings = frozenset({"forget_bias"})

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.head_size = min(HEAD_SIZE, hidden_size)
        self.heads = -(-hidden_size // self.head_size)
        self.weight = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))
        self.gate_weight = nn.Parameter(torch.empty(2 * self.heads, input_size))
        self.gate_bias = nn.Parameter(torch.empty(2 * self.heads))
        self.reset_parameters()

    def initial_state(self, batch: int) -> State:
        """Return the state before any input: zeros, but for the stabilizer."""
        *zeros, stabilizer_bh = super().initial_state(batch)
        return *zeros, torch.full_like(stabilizer_bh, NOTHING)

    def parts_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, ...]:
        """Return q, k and v by heads, sigmoid(o), and i and log sigmoid(f) of the heads."""
        q, k, v, o = linear(input, self.weight, self.bias).chunk(4, dim=-1)
        i, f = linear(input, self.gate_weight, self.gate_bias).chunk(2, dim=-1)
        key = self._by_head(k) / math.sqrt(self.head_size)
        return self._by_head(q), key, self._by_head(v), torch.sigmoid(o), i, logsigmoid(f)

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        query, key, value, output_bh, i, log_forget = self.parts_of(input_be)
        memory, normalizer, stabilizer = self._memory(state)
        write, keep, stabilizer = exponential_gates(i, log_forget, stabilizer)
        memory = keep[..., None, None] * memory + write[..., None, None] * value.unsqueeze(-1) * key.unsqueeze(-2)
        normalizer = keep[..., None] * normalizer + write[..., None] * key
        read = torch.cat([memory, normalizer.unsqueeze(-2)], dim=-2) @ query.unsqueeze(-1)
        mixed_bh = self._by_unit(normalized(read.squeeze(-1), stabilizer.unsqueeze(-1)))
        return output_bh * mixed_bh, *self._parts(memory, normalizer, stabilizer)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        query, key, value, output_tbh, i, log_forget = self.parts_of(input_tbe)
        memory, normalizer, stabilizer = self._memory(state)
        memory = torch.cat([memory, normalizer.unsqueeze(-2)], dim=-2)
        read, memory, stabilizer = mlstm_chunks(query, key, value, i, log_forget, memory, stabilizer)
        hidden_tbh = output_tbh * self._by_unit(read)
        return hidden_tbh, (hidden_tbh[-1], *self._parts(memory[..., :-1, :], memory[..., -1, :], stabilizer))

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:
        """Return I and F of the units' heads as "input" and "forget", and output."""
        *_, output_bh, i, log_forget = self.parts_of(input_be)
        write, keep, _ = exponential_gates(i, log_forget, self._memory(state)[2])
        return {"input": self._of_units(write), "forget": self._of_units(keep), "output": output_bh}

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator | None = None, start: Start | None = None) -> None:
        """Draw the start as other cells do; then open the forget gates by the start's bias."""
        super().reset_parameters(generator, start)
        self.gate_bias[self.heads :] += (start or Start()).forget_bias

    def _by_head(self, values: Float[Tensor, "*times H"]) -> Float[Tensor, "*times A D"]:
        """Units by heads, the last of them filled up with zeros."""
        missing = self.heads * self.head_size - self.hidden_size
        return functional.pad(values, (0, missing)).unflatten(-1, (self.heads, self.head_size))

    def _by_unit(self, values: Float[Tensor, "*times A D"]) -> Float[Tensor, "*times H"]:
        """What ``_by_head`` has arranged, as it was."""
        return values.flatten(-2)[..., : self.hidden_size]

    def _of_units(self, values_ba: Float[Tensor, "B A"]) -> Float[Tensor, "B H"]:
        """Each head's number for each of its units."""
        return values_ba.repeat_interleave(self.head_size, dim=1)[:, : self.hidden_size]

    def _memory(self, state: State) -> tuple[Tensor, Tensor, Tensor]:
        """C (B, A, D, D), n (B, A, D) and m (B, A) of a state."""
        _, *columns, normalizer_bh, stabilizer_bh = state
        memory = torch.stack([self._by_head(column) for column in columns[: self.head_size]], dim=-1)
        return memory, self._by_head(normalizer_bh), stabilizer_bh[:, :: self.head_size]

    def _parts(self, memory: Tensor, normalizer: Tensor, stabilizer: Tensor) -> State:
        """What ``_memory`` takes apart: the parts of a state but for the first."""
        columns = [self._by_unit(column) for column in memory.unbind(-1)]
        empty = [torch.zeros_like(columns[0])] * (HEAD_SIZE - self.head_size)
        return *columns, *empty, self._by_unit(normalizer), self._of_units(stabilizer)
