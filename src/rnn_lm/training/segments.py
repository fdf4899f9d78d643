"""Which segment of the text each training step reads: of one length, or of lengths drawn anew for every epoch."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import torch

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


class EqualSegments:
    """Every segment has ``bptt_length`` rows, but for an epoch's last."""

    def __init__(self, stream: SegmentStream) -> None:
        self.stream = stream

    def at(self, step: int) -> Place:
        """Where step number ``step`` (from 0) reads."""
        epoch, index = divmod(step, len(self.stream))
        return Place(epoch, index, self.stream[index])

    def epochs(self, step: int) -> float:
        """Passes over the text done after ``step`` steps, with fraction."""
        return step / len(self.stream)

    def steps(self, epochs: float) -> float:
        """Steps in so many epochs, with fraction."""
        return epochs * len(self.stream)

    def rate_factor(self, segment: Segment) -> float:  # noqa: ARG002
        """What the learning rate is multiplied by for this segment."""
        return 1.0


class DrawnSegments(EqualSegments):
    """Segments end at other places in every epoch, so that no token is always the one with the shortest history.

    A length is normal around ``bptt_length``, or around half of it for one in twenty, with a standard deviation of
    ``spread``, rounded down, and ``SHORTEST`` at least; what is left of the epoch is its last segment. The step's
    learning rate is scaled by length / ``bptt_length`` (Merity et al. 2018). An epoch's lengths follow from the seed
    and its number alone, so that a resumed run finds them again.

    Args:
        stream: the text in columns.
        spread: in rows.
        seed: of the run.
    """

    def __init__(self, stream: SegmentStream, spread: float, seed: int) -> None:
        super().__init__(stream)
        self.spread, self.seed = spread, seed
        self._first_steps = [0]
        """Of every epoch drawn so far, and of the one after."""
        self._bounds: list[list[int]] = []

    def at(self, step: int) -> Place:
        epoch = self._epoch_of(step)
        index = step - self._first_steps[epoch]
        start, stop = self._bounds[epoch][index : index + 2]
        return Place(epoch, index, self.stream.rows(start, stop))

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
    if config.bptt_spread == 0:
        return EqualSegments(stream)
    return DrawnSegments(stream, config.bptt_spread, config.seed)
