"""A training step as one recording: what a CUDA device has to do is noted down once, and then only set going.

A step of a recurrent network is a thousand small kernels. To hand them over one by one takes the program about as long
as it takes the device to run them, so that small models leave it idle for most of the time. A CUDA graph holds them:

    seen for the first time     the step is taken as it stands, kernel by kernel
    for the second              it is recorded, which runs nothing, and the recording is played
    from then on                ids are copied to where the recording reads them, and it is played

What is recorded reads and writes fixed places in memory, the state among them: it goes from step to step without being
copied. So there is a recording for each shape that a segment can have, and for whatever else is a number in the
program and not on the device (``token_count``). All share one pool of memory, since they are played one after another.
Random masks are drawn anew each time: a recording advances its generators as the step would, and a resumed run, which
takes its first steps unrecorded, ends with the same bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from rnn_lm.layers.recording import MOST, Recorder, Recording
from rnn_lm.layers.state import State
from rnn_lm.stream import Segment
from rnn_lm.training.loop import Computed
from rnn_lm.training.next_token import TextBatch

Compute: TypeAlias = Callable[[TextBatch, State], Computed]
"""A whole step but for what is not the device's: batch and state to what it measured, weights changed."""


class _Shape(NamedTuple):
    """What a recording is for: all that the program, and not the device, knows of a step."""

    rows: int
    columns: int
    token_count: int
    first: bool
    softmax: str
    state: tuple[torch.Size, ...]


class _Recorded(NamedTuple):
    """A recording and the places that it reads and writes.

    Attributes:
        recording: see there.
        ids_2tb: inputs and targets.
        computed: what the step measures.
    """

    recording: Recording
    ids_2tb: Tensor
    computed: Computed


class RecordedSteps:
    """Takes steps, by recordings where there are some.

    Args:
        compute: the step as it stands; it asks nothing of the device, and the learning rate is a tensor.
        columns: of a segment, those of this process.
        recorder: records it.

    Attributes:
        refused: why steps cannot be recorded; None while they can.
    """

    def __init__(self, compute: Compute, columns: slice, recorder: Recorder) -> None:
        self._compute, self._columns, self._recorder = compute, columns, recorder
        self._steady: dict[_Shape, bool] = {}
        """Shapes seen so far, and whether the state came out as it went in: an attention model's grows at first."""
        self._recorded: dict[_Shape, _Recorded] = {}
        self._states: dict[tuple[torch.Size, ...], State] = {}
        self.refused: str | None = None

    @property
    def count(self) -> int:
        """How many recordings there are."""
        return len(self._recorded)

    def __call__(self, batch: TextBatch, state: State) -> Computed:
        """Take one step: change the weights, and return what was measured and the state after it."""
        return self._recorder.within(lambda: self._take(batch, state))

    def _take(self, batch: TextBatch, state: State) -> Computed:
        segment = batch.segment
        rows, columns = segment.input_tb.shape
        shape = _Shape(rows, columns, batch.token_count, batch.number == 0, batch.softmax, _shapes(state))
        recordable = self._steady.get(shape, False) and self.refused is None and len(self._recorded) < MOST
        if recordable and shape not in self._recorded:
            self._record(batch, state, shape)
        if (recorded := self._recorded.get(shape)) is None:
            computed = self._compute(batch, state)
            self._steady[shape] = _shapes(computed.state) == shape.state
            return computed
        ids_2tb, kept = recorded.ids_2tb, self._states[shape.state]
        both_2tb = torch.stack([segment.input_tb[:, self._columns], segment.target_tb[:, self._columns]])
        ids_2tb.copy_(both_2tb.pin_memory() if ids_2tb.is_cuda else both_2tb, non_blocking=True)
        for place, part in zip(kept, state, strict=True):
            if place is not part:
                place.copy_(part)
        recorded.recording.play()
        computed = recorded.computed
        # The next step writes over what this one measured, which is read later.
        return computed._replace(state=kept, figures_k=computed.figures_k.clone())

    def _record(self, batch: TextBatch, state: State, shape: _Shape) -> None:
        device = batch.segment.part(self._columns, state[0].device)
        ids_2tb = torch.stack([device.input_tb, device.target_tb])
        fixed = dataclasses.replace(batch, segment=Segment(ids_2tb[0], ids_2tb[1], device.token_count))
        kept = self._states.setdefault(shape.state, tuple(part.clone() for part in state))

        def work() -> Computed:
            computed = self._compute(fixed, kept)
            for place, part in zip(kept, computed.state, strict=True):
                place.copy_(part)
            return computed._replace(state=())

        try:
            recording, computed = self._recorder.record(work)
        except RuntimeError as error:
            self.refused = str(error).partition("\n")[0]
            return
        self._recorded[shape] = _Recorded(recording, ids_2tb, computed)


def _shapes(state: State) -> tuple[torch.Size, ...]:
    return tuple(part.shape for part in state)
