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

Rotated by an offset per column, a column is read from there to its end and then from its start, each token after the
one that stands before it in the text, so that only the state notices the seam::

    offsets 1, 2, 0   input      w0 w1 w2 <eos>     w5 w6 w3 w4     w7 w8 .  .
                      target     w1 w2 w3 w0        w6 w7 w4 w5     w8 w9 .  .

No token is dropped at the tail and none is predicted twice, so that sums over an epoch are sums over the text. A
segment is gathered when its turn comes, B slices of T tokens, so that the text may stay on the disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, Int32
from torch import Tensor

from rnn_lm.mapped import MappedArray, blocks_of, positions_of
from rnn_lm.padding import IGNORE


class EncodedText:
    """One split of a corpus as ids, sentences end to end, each closed by ``eos_id``.

    Args:
        ids_n: int64 (N,), the last of which is ``eos_id``.
        eos_id: the end-of-sentence token; it is also what stands before the first sentence.
        characters: length of the split's text in characters, one separator per token counted as a reader would type
            it (the denominator of bits per character).
        words: length of the same in words, by white space (``Split.words``); 0 where that is not known.
        unk_id: the entry of tokens outside the vocabulary; None where they are not to be told apart.
    """

    def __init__(
        self, ids_n: Int[Tensor, "N"], eos_id: int, characters: int, words: int = 0, unk_id: int | None = None
    ) -> None:
        self._ids_n, self.eos_id, self.characters, self.words = ids_n, eos_id, characters, words
        self.unk_id = unk_id

    def __len__(self) -> int:
        return len(self._ids_n)

    @property
    def ids_n(self) -> Int[Tensor, "N"]:
        """All ids, in memory."""
        return self._ids_n

    def at(self, position: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """The ids at some positions: what is to be predicted there."""
        return self._ids_n[position]

    def before(self, position: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """What is read where the ids at some positions are to be predicted: the text shifted by one, from ``<eos>``."""
        return self.at((position - 1).clamp_min(0)).masked_fill(position == 0, self.eos_id)

    @property
    def sentence_ends(self) -> Int[Tensor, "S"]:
        """Positions just past each sentence's ``<eos>``, increasing; the last one is N."""
        return torch.nonzero(self._ids_n == self.eos_id).squeeze(1) + 1

    def inputs_and_targets(self) -> tuple[Int[Tensor, "N"], Int[Tensor, "N"]]:
        """(what is read, what is to be predicted): the text shifted by one, starting from ``<eos>``; in memory."""
        first = torch.tensor([self.eos_id], dtype=self.ids_n.dtype)
        return torch.cat([first, self.ids_n[:-1]]), self.ids_n


class StoredText(EncodedText):
    """A text that stays on the disk, as types of its corpus; ids are looked up where they are asked for.

    Args:
        types_n: the type of each token.
        ids_t: the id of each type.
        eos_type: the type whose id is ``eos_id``.
        eos_id, characters, words, unk_id: see ``EncodedText``.
    """

    def __init__(
        self,
        types_n: MappedArray,
        ids_t: Int32[np.ndarray, "types"],
        eos_type: int,
        eos_id: int,
        characters: int,
        words: int = 0,
        unk_id: int | None = None,
    ) -> None:
        self._types_n, self._ids_t, self._eos_type = types_n, ids_t, eos_type
        self.eos_id, self.characters, self.words, self.unk_id = eos_id, characters, words, unk_id

    def __len__(self) -> int:
        return len(self._types_n)

    @property
    def ids_n(self) -> Int[Tensor, "N"]:
        """All ids, read into memory: eight bytes each, at every call."""
        ids_n = np.empty(len(self), np.int64)
        start = 0
        for block_n in blocks_of(self._types_n):
            ids_n[start : start + len(block_n)] = self._ids_t[block_n]
            start += len(block_n)
        return torch.from_numpy(ids_n)

    def at(self, position: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """The ids at some positions, read from the disk."""
        return torch.from_numpy(self._ids_t[self._types_n[position.numpy()]].astype(np.int64))

    @property
    def sentence_ends(self) -> Int[Tensor, "S"]:
        """Positions just past each sentence's ``<eos>``: eight bytes in memory for each."""
        return torch.from_numpy(positions_of(self._types_n, self._eos_type)) + 1


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
        if self.input_tb.device == device != torch.device("cpu"):
            return self  # it is there already, the columns of this process alone
        input_tb, target_tb = self.input_tb[:, columns], self.target_tb[:, columns]
        if device.type != "cuda":
            return Segment(input_tb.to(device), target_tb.to(device), self.token_count)
        # From memory that the system may not move, the device fetches them by itself while the program goes on.
        both_2tb = torch.stack([input_tb, target_tb]).pin_memory().to(device, non_blocking=True)
        return Segment(both_2tb[0], both_2tb[1], self.token_count)


class SegmentStream:
    """The training text as a sequence of segments; position k can be reached directly, which exact resume needs.

    Args:
        text: what to read.
        batch_size: B, columns read side by side.
        bptt_length: T, rows per segment, through which the gradient flows.
    """

    def __init__(self, text: EncodedText, batch_size: int, bptt_length: int) -> None:
        self._text = text
        self.batch_size = min(batch_size, len(text))
        self.bptt_length = bptt_length
        self._rows = -(-len(text) // self.batch_size)

    def __len__(self) -> int:
        """Segments per epoch."""
        return -(-self._rows // self.bptt_length)

    def __getitem__(self, index: int) -> Segment:
        return self.rows(index * self.bptt_length, (index + 1) * self.bptt_length)

    @property
    def row_count(self) -> int:
        """Rows of the text in columns."""
        return self._rows

    @property
    def lengths_b(self) -> Int[Tensor, "B"]:
        """Tokens of each column; the last ones may have fewer than there are rows, or none."""
        return (len(self._text) - torch.arange(self.batch_size) * self._rows).clamp(0, self._rows)

    def rows(self, start: int, stop: int, offsets_b: Int[Tensor, "B"] | None = None) -> Segment:
        """The segment from row ``start`` up to row ``stop``, or to the last.

        Args:
            start: its first row, from 0.
            stop: one past its last row.
            offsets_b: where in each column the first row reads, below its length; default: at the column's start.
        """
        stop = min(stop, self._rows)
        column_b = torch.arange(self.batch_size) * self._rows
        row_t1 = torch.arange(start, stop).unsqueeze(1)
        moved_tb = row_t1 if offsets_b is None else (row_t1 + offsets_b) % self.lengths_b.clamp_min(1)
        position_tb = (moved_tb + column_b).clamp_max(len(self._text) - 1)
        input_tb, target_tb = self._text.before(position_tb), self._text.at(position_tb)
        if stop - 1 + (self.batch_size - 1) * self._rows < len(self._text):  # every column reaches so far
            return Segment(input_tb, target_tb, target_tb.numel())
        padding_tb = row_t1 + column_b >= len(self._text)
        input_tb = input_tb.masked_fill(padding_tb, self._text.eos_id)
        target_tb = target_tb.masked_fill(padding_tb, IGNORE)
        return Segment(input_tb, target_tb, target_tb.numel() - int(padding_tb.sum()))

    def __iter__(self) -> Iterator[Segment]:
        return (self[index] for index in range(len(self)))
