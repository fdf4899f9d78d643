"""Which segment of the text each training step reads: of one length, or of lengths drawn anew for every epoch.

Columns may be rotated as well, by offsets drawn anew for every epoch. All that is drawn follows from the seed and the
epoch's number alone, so that a resumed run finds it again.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.config import TrainingConfig
from rnn_lm.seeding import generator
from rnn_lm.stream import Segment, SegmentStream

SHORTEST = 5
"""Rows that a segment of drawn length has at least, but for an epoch's last."""
HALVED = 0.05
"""Share of drawn lengths that are drawn around half of ``bptt_length``."""


class Place(NamedTuple):
    """One step's place in the text.

    Attributes:
        epoch: passes over the text completed before it.
        number: of its segment within the epoch, from 0.
        segment: what it reads.
    """

    epoch: int
    number: int
    segment: Segment


class Rotation:
    """Where each column begins in each epoch: the partial shuffle of Press (2019, arXiv 1903.04167).

    The state is carried over the seam from a column's end to its start, as it is in the paper.

    Args:
        stream: the text in columns.
        seed: of the run.
    """

    def __init__(self, stream: SegmentStream, seed: int) -> None:
        self.lengths_b, self.seed = stream.lengths_b, seed
        self._newest: tuple[int, Tensor] = (-1, self.lengths_b)

    def offsets(self, epoch: int) -> Int[Tensor, "B"]:
        """The row of each column that is read first in ``epoch``, drawn evenly from all of them."""
        if self._newest[0] != epoch:
            source = generator(self.seed, f"column offsets of epoch {epoch}")
            share_b = torch.rand(len(self.lengths_b), generator=source, dtype=torch.float64)
            self._newest = (epoch, (share_b * self.lengths_b).long())
        return self._newest[1]


class EqualSegments:
    """Every segment has ``bptt_length`` rows, but for an epoch's last.

    Args:
        stream: the text in columns.
        rotation: of the columns; None: each is read from its start.
    """

    def __init__(self, stream: SegmentStream, rotation: Rotation | None = None) -> None:
        self.stream, self.rotation = stream, rotation

    def at(self, step: int) -> Place:
        """Where step number ``step`` (from 0) reads."""
        epoch, index = divmod(step, len(self.stream))
        length = self.stream.bptt_length
        return self._place(epoch, index, index * length, (index + 1) * length)

    def epochs(self, step: int) -> float:
        """Passes over the text done after ``step`` steps, with fraction."""
        return step / len(self.stream)

    def steps(self, epochs: float) -> float:
        """Steps in so many epochs, with fraction."""
        return epochs * len(self.stream)

    def rate_factor(self, segment: Segment) -> float:  # noqa: ARG002
        """What the learning rate is multiplied by for this segment."""
        return 1.0

    def _place(self, epoch: int, index: int, start: int, stop: int) -> Place:
        offsets_b = None if self.rotation is None else self.rotation.offsets(epoch)
        return Place(epoch, index, self.stream.rows(start, stop, offsets_b))


class DrawnSegments(EqualSegments):
    """Segments end at other places in every epoch, so that no token is always the one with the shortest history.

    A length is normal around ``bptt_length``, or around half of it for one in twenty, with a standard deviation of
    ``spread``, rounded down, and ``SHORTEST`` at least; what is left of the epoch is its last segment. The step's
    learning rate is scaled by length / ``bptt_length`` (Merity et al. 2018).

    Args:
        stream: the text in columns.
        spread: in rows.
        seed: of the run.
        rotation: of the columns; None: each is read from its start.
    """

    def __init__(self, stream: SegmentStream, spread: float, seed: int, rotation: Rotation | None = None) -> None:
        super().__init__(stream, rotation)
        self.spread, self.seed = spread, seed
        self._first_steps = [0]
        """Of every epoch drawn so far, and of the one after."""
        self._bounds: list[list[int]] = []

    def at(self, step: int) -> Place:
        epoch = self._epoch_of(step)
        index = step - self._first_steps[epoch]
        start, stop = self._bounds[epoch][index : index + 2]
        return self._place(epoch, index, start, stop)

    def epochs(self, step: int) -> float:
        epoch = self._epoch_of(step)
        return epoch + (step - self._first_steps[epoch]) / (len(self._bounds[epoch]) - 1)

    def steps(self, epochs: float) -> float:
        whole = int(epochs)
        while len(self._bounds) <= whole:
            self._draw()
        return self._first_steps[whole] + (epochs - whole) * (len(self._bounds[whole]) - 1)

    def rate_factor(self, segment: Segment) -> float:
        return len(segment.input_tb) / self.stream.bptt_length

    def _epoch_of(self, step: int) -> int:
        while self._first_steps[-1] <= step:
            self._draw()
        return bisect_right(self._first_steps, step) - 1

    def _draw(self) -> None:
        """The bounds of one more epoch, in rows: 0, ..., all."""
        source = generator(self.seed, f"segment lengths of epoch {len(self._bounds)}")
        rows, length = self.stream.row_count, self.stream.bptt_length
        most = -(-rows // SHORTEST)
        halved = torch.rand(most, generator=source) < HALVED
        drawn = torch.where(halved, length / 2, float(length)) + self.spread * torch.randn(most, generator=source)
        ends = drawn.floor().long().clamp_min(SHORTEST).cumsum(0)
        bounds = [0, *ends[ends < rows].tolist(), rows]
        self._bounds.append(bounds)
        self._first_steps.append(self._first_steps[-1] + len(bounds) - 1)


def segments_for(stream: SegmentStream, config: TrainingConfig) -> EqualSegments:
    """The segments that ``config`` asks for."""
    rotation = Rotation(stream, config.seed) if config.rotate_columns else None
    if config.bptt_spread == 0:
        return EqualSegments(stream, rotation)
    return DrawnSegments(stream, config.bptt_spread, config.seed, rotation)
