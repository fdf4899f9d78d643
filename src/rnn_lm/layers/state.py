"""What a recurrence remembers: a tuple of tensors, and what is done to any such tuple."""

from __future__ import annotations

from typing import TypeAlias

from jaxtyping import Int
from torch import Tensor

State: TypeAlias = tuple[Tensor, ...]
"""What a layer or model remembers of its input so far.

Of one layer, parts (B, H): the hidden state, and for the LSTM the cell state. Of a whole model, tensors whose second
dimension is the batch: ``hidden_lbh`` for Elman and GRU, two of those for the LSTM, one ``history_nb`` of the last n-1
ids for the n-gram, the keys and values of past positions for attention.
"""


def detach(state: State) -> State:
    """The same values, cut off from the graph that made them: the truncation of truncated BPTT."""
    return tuple(part.detach() for part in state)


def select(state: State, columns: Int[Tensor, "B"]) -> State:
    """The state of some of the texts in the batch."""
    return tuple(part.index_select(1, columns) for part in state)
