"""The delta rule (Schlag et al. 2021, arXiv 2102.11174), in DeltaNet's form (Yang et al. 2024, arXiv 2406.06484)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.layers.cells.base import Cell, register_cell
from rnn_lm.layers.chunks import delta_chunks
from rnn_lm.layers.state import State

KEY_SIZE = 16
"""K, dimensions of a key."""
SMALLEST = 1e-6
"""Added to a mean square before its root is divided by."""


@register_cell("deltanet", "DeltaNet")
class DeltaNetCell(Cell):
    """A memory S of H rows and K columns: what it has under a key is read, and corrected towards a value.

    k, q = W_k x / |W_k x|, W_q x / |W_q x|         after silu, as Yang et al. have it
    v    = W_v x
    b    = sigmoid(w_b x + c_b)                     how far it is corrected
    S'   = S + b (v - S k) k^T                      the delta rule
    h'   = S' q, or with ``read_norm`` S' q / rms(S' q)

    One head, whose keys have 16 dimensions whatever H is. The state is h and the columns of S, each (B, H). Left out
    are convolutions and projection. ``step`` is these equations; many steps are computed chunk by chunk
    (``layers.chunks``).

    Nothing bounds S: towards a direction that keys hardly ever take, corrections add up, and the rare query that looks
    there reads something large. The norm, which Yang et al. have behind every head, keeps that from the decoder.

    Args:
        input_size, hidden_size: see ``Cell``.
        read_norm: whether what is read is divided by its root mean square.
    """

    state_parts = 1 + KEY_SIZE
    settings = frozenset({"read_norm"})
    learning_rate = 1e-3

    def __init__(self, input_size: int, hidden_size: int, *, read_norm: bool = False) -> None:
        super().__init__(input_size, hidden_size)
        self.read_norm = read_norm
        self.value_weight = nn.Parameter(torch.empty(hidden_size, input_size))
        self.key_weight = nn.Parameter(torch.empty(KEY_SIZE, input_size))
        self.query_weight = nn.Parameter(torch.empty(KEY_SIZE, input_size))
        self.gate_weight = nn.Parameter(torch.empty(1, input_size))
        self.gate_bias = nn.Parameter(torch.empty(1))
        self.reset_parameters()

    @classmethod
    def of(cls, input_size: int, hidden_size: int, settings: Mapping[str, Any]) -> DeltaNetCell:
        return cls(input_size, hidden_size, read_norm=settings.get("read_norm", False))

    def parts_of(self, input: Float[Tensor, "*times E"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return k, q, v and b."""
        key, query = (
            _unit(functional.silu(functional.linear(input, weight))) for weight in (self.key_weight, self.query_weight)
        )
        value = functional.linear(input, self.value_weight)
        return key, query, value, torch.sigmoid(functional.linear(input, self.gate_weight, self.gate_bias))

    def step(self, input_be: Float[Tensor, "B E"], state: State) -> State:
        _, *columns = state
        hidden_bh, memory_bhk = _correct(torch.stack(columns, dim=-1), *self.parts_of(input_be))
        return self._read(hidden_bh), *memory_bhk.unbind(-1)

    def run(self, input_tbe: Float[Tensor, "T B E"], state: State) -> tuple[Float[Tensor, "T B H"], State]:
        _, *columns = state
        hidden_tbh, memory_bhk = delta_chunks(*self.parts_of(input_tbe), torch.stack(columns, dim=-1))
        hidden_tbh = self._read(hidden_tbh)
        return hidden_tbh, (hidden_tbh[-1], *memory_bhk.unbind(-1))

    def _read(self, hidden: Tensor) -> Tensor:
        if not self.read_norm:
            return hidden
        return hidden * torch.rsqrt(hidden.square().mean(-1, keepdim=True) + SMALLEST)

    def gate_values(self, input_be: Float[Tensor, "B E"], state: State) -> dict[str, Float[Tensor, "B H"]]:  # noqa: ARG002
        """Return b, the same for all units, as "correction"."""
        *_, rate_b1 = self.parts_of(input_be)
        return {"correction": rate_b1.expand(-1, self.hidden_size)}


def _unit(vector: Tensor) -> Tensor:
    """``vector`` at length 1; a little shorter near 0, where a direction would have no slope."""
    return vector * torch.rsqrt(vector.square().sum(-1, keepdim=True) + 1e-6)


def _correct(
    memory_bhk: Tensor, key_bk: Tensor, query_bk: Tensor, value_bh: Tensor, rate_b1: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what is read after the correction, and the memory."""
    read_bh = (memory_bhk @ key_bk.unsqueeze(-1)).squeeze(-1)
    memory_bhk = memory_bhk + (rate_b1 * (value_bh - read_bh)).unsqueeze(-1) * key_bk.unsqueeze(1)
    return (memory_bhk @ query_bk.unsqueeze(-1)).squeeze(-1), memory_bhk
