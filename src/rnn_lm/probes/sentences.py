"""Generated sentences as one padded table, and as the batches and the running text that models are trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.stream import EncodedText, Segment

POOL_BATCHES = 16
"""Sentences are sorted by length within pools of this many batches: little padding, and still a random order."""


@dataclass(frozen=True)
class Sentences:
    """S sentences of at most N tokens, each closed by <eos> and padded with ``IGNORE`` to the right.

    Attributes:
        ids_sn: int64 (S, N).
        eos_id: the token that closes each sentence and stands before it.
    """

    ids_sn: Int[Tensor, "S N"]
    eos_id: int

    def __len__(self) -> int:
        return len(self.ids_sn)

    @cached_property
    def lengths_s(self) -> Int[Tensor, "S"]:
        """Tokens per sentence, its <eos> included."""
        return (self.ids_sn != IGNORE).sum(1)

    def encoded(self) -> EncodedText:
        """The sentences end to end, as the n-gram reads them."""
        return EncodedText(self.ids_sn[self.ids_sn != IGNORE], self.eos_id, characters=0)

    def segment(self, rows_b: Int[Tensor, "B"]) -> Segment:
        """Some of the sentences side by side, time first, each from its beginning to its end.

        Unlike the segments of ``SegmentStream`` these start from the initial state: no sentence sees another.
        """
        lengths_b = self.lengths_s[rows_b]
        target_tb = self.ids_sn[rows_b, : int(lengths_b.max())].t().contiguous()
        first_b = torch.full((1, len(rows_b)), self.eos_id)
        input_tb = torch.cat([first_b, target_tb[:-1]]).masked_fill(target_tb == IGNORE, self.eos_id)
        return Segment(input_tb, target_tb, int(lengths_b.sum()))

    def batches(self, batch_size: int, generator: torch.Generator) -> Iterator[Segment]:
        """One pass over the sentences in random order, ``batch_size`` at a time (the last batch may be smaller)."""
        lengths_s = self.lengths_s
        for pool in torch.randperm(len(self), generator=generator).split(batch_size * POOL_BATCHES):
            by_length = pool[lengths_s[pool].argsort(stable=True)].split(batch_size)
            for index in torch.randperm(len(by_length), generator=generator).tolist():
                yield self.segment(by_length[index])
