"""Text as ids, and ids as segments for truncated BPTT, with every token predicted exactly once.

Sentences are laid end to end, each closed by ``<eos>``. Cut into B columns of equal length, the text is read
downwards, ``bptt_length`` rows at a time, B texts side by side; the state is carried from segment to segment::

    text     w0 w1 w2 w3 w4 w5 w6 w7 w8 w9          B = 3, bptt_length = 2

                 column 0      column 1      column 2
    input        <eos> w0      w3  w4        w7  w8         a column's first input is the token
    target        w0   w1      w4  w5        w8  w9         that stands before it in the text
    ----- segment boundary: the state is carried, the gradient is not -----
    input         w1   w2      w5  w6         .   .         . is padding: its target is IGNORE,
    target        w2   w3      w6  w7         .   .         and it is not counted

No token is dropped at the tail and none is predicted twice, so that sums over an epoch are sums over the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.models.language_model import IGNORE


@dataclass(frozen=True)
class EncodedText:
    """One split of a corpus as ids, sentences end to end, each closed by ``eos_id``.

    Attributes:
        ids_n: int64 (N,), the last of which is ``eos_id``.
        eos_id: the end-of-sentence token; it is also what stands before the first sentence.
        characters: length of the split's text in characters, one separator per token counted as a reader would type
            it (the denominator of bits per character).
    """

    ids_n: Int[Tensor, "N"]
    eos_id: int
    characters: int

    def __len__(self) -> int:
        return len(self.ids_n)

    @property
    def sentence_ends(self) -> Int[Tensor, "S"]:
        """Positions just past each sentence's ``<eos>``, increasing; the last one is N."""
        return torch.nonzero(self.ids_n == self.eos_id).squeeze(1) + 1

    def inputs_and_targets(self) -> tuple[Int[Tensor, "N"], Int[Tensor, "N"]]:
        """(what is read, what is to be predicted): the text shifted by one, starting from ``<eos>``."""
        first = torch.tensor([self.eos_id], dtype=self.ids_n.dtype)
        return torch.cat([first, self.ids_n[:-1]]), self.ids_n


@dataclass(frozen=True)
class Segment:
    """``bptt_length`` rows (fewer in the last) of the text in columns.

    Attributes:
        input_tb: ids read.
        target_tb: ids to be predicted, ``IGNORE`` where padded.
        token_count: targets that count.
    """

    input_tb: Int[Tensor, "T B"]
    target_tb: Int[Tensor, "T B"]
    token_count: int

    def part(self, columns: slice, device: torch.device) -> Segment:
        """Some of the columns, on ``device``; ``token_count`` stays that of all, by which losses are divided."""
        input_tb, target_tb = self.input_tb[:, columns], self.target_tb[:, columns]
        return Segment(input_tb.to(device), target_tb.to(device), self.token_count)


class SegmentStream:
    """The training text as a sequence of segments; position k can be reached directly, which exact resume needs.

    Args:
        text: what to read.
        batch_size: B, columns read side by side.
        bptt_length: T, rows per segment, through which the gradient flows.
    """

    def __init__(self, text: EncodedText, batch_size: int, bptt_length: int) -> None:
        columns = min(batch_size, len(text))
        rows = -(-len(text) // columns)
        inputs_n, targets_n = text.inputs_and_targets()
        self._input_rb = _columns(inputs_n, rows, columns, fill=text.eos_id)
        self._target_rb = _columns(targets_n, rows, columns, fill=IGNORE)
        self.batch_size = columns
        self.bptt_length = bptt_length

    def __len__(self) -> int:
        """Segments per epoch."""
        return -(-len(self._input_rb) // self.bptt_length)

    def __getitem__(self, index: int) -> Segment:
        rows = slice(index * self.bptt_length, (index + 1) * self.bptt_length)
        target_tb = self._target_rb[rows]
        return Segment(self._input_rb[rows], target_tb, int((target_tb != IGNORE).sum()))

    def __iter__(self) -> Iterator[Segment]:
        return (self[index] for index in range(len(self)))


def _columns(ids_n: Tensor, rows: int, columns: int, fill: int) -> Tensor:
    padded = torch.full((rows * columns,), fill, dtype=ids_n.dtype)
    padded[: len(ids_n)] = ids_n
    return padded.view(columns, rows).t().contiguous()
