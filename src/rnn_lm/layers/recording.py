"""Work of a device noted down once, and then only set going: a CUDA graph.

To hand a thousand small kernels over one by one takes the program about as long as it takes the device to run them.
What is recorded reads and writes fixed places in memory; playing it is one call.

``training/graphs.py`` records steps of training with it. ``Played`` is for what is a function of tensors::

    shapes seen for the first time     the function is called
    for the second                     it is recorded, which runs nothing, and the recording is played
    from then on                       what is given is copied to where the recording reads it, and it is played
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

T = TypeVar("T")
MOST = 200
"""Recordings that are kept; what has further shapes is done as it stands. One holds some MB of descriptions."""


@runtime_checkable
class Recording(Protocol):
    """What was recorded, and can be played."""

    def play(self) -> None:
        """Do all of it once more, without waiting for its end."""


@runtime_checkable
class Recorder(Protocol):
    """What records the work of a device."""

    def record(self, work: Callable[[], T]) -> tuple[Recording, T]:
        """Return a recording of ``work``, none of which has been done, and where it will have put its results.

        Raises:
            RuntimeError: something in it cannot be recorded.
        """
        ...

    def within(self, work: Callable[[], T]) -> T:
        """Do ``work`` where recordings are played, in turn with what is done elsewhere; return what it returns."""
        ...


class CudaRecorder:
    """Records CUDA graphs.

    Args:
        device: a CUDA device.
        random: generators that recorded work draws from.
    """

    def __init__(self, device: torch.device, random: Mapping[str, torch.Generator]) -> None:
        self.device, self.random = device, random
        # Not the default stream, which cannot be recorded. Steps that are not recorded run in it as well: a weight's
        # gradient is added up in the stream in which the weight was first used.
        self._stream = torch.cuda.Stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], T]) -> tuple[Recording, T]:
        graph = torch.cuda.CUDAGraph()
        for source in self.random.values():
            graph.register_generator_state(source)
        torch.cuda.synchronize(self.device)
        graph.capture_begin(pool=self._pool, capture_error_mode="thread_local")
        try:
            found = work()
        finally:
            graph.capture_end()
        return _CudaRecording(graph), found

    def within(self, work: Callable[[], T]) -> T:
        around = torch.cuda.current_stream(self.device)
        self._stream.wait_stream(around)
        with torch.cuda.stream(self._stream):
            found = work()
        around.wait_stream(self._stream)
        return found


class _CudaRecording:
    def __init__(self, graph: torch.cuda.CUDAGraph) -> None:
        self._graph = graph

    def play(self) -> None:
        self._graph.replay()


class _Places(NamedTuple):
    """A recording, what it reads, and what it writes."""

    recording: Recording
    given: tuple[Tensor, ...]
    found: tuple[Tensor, ...]


class Played:
    """A function of tensors that is played from a recording, where there is one for their shapes.

    What it returns is written over by the next call.

    Args:
        work: the function; it asks nothing of the device, and may change tensors that outlive the call, as an
            optimizer does.
        recorder: records it; None: it is called as it stands.

    Attributes:
        refused: why it cannot be recorded; None while it can.
    """

    def __init__(self, work: Callable[..., tuple[Tensor, ...]], recorder: Recorder | None) -> None:
        self._work, self._recorder = work, recorder
        self._places: dict[tuple[torch.Size, ...], _Places | None] = {}
        self.refused: str | None = None

    def __call__(self, *given: Tensor) -> tuple[Tensor, ...]:
        """Return what the function makes of ``given``."""
        if self._recorder is None:
            return self._work(*given)
        return self._recorder.within(lambda: self._take(given))

    def _take(self, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        shapes = tuple(one.shape for one in given)
        if shapes not in self._places and len(self._places) < MOST:
            self._places[shapes] = None
            return self._work(*given)
        if self._places.get(shapes) is None and self.refused is None and shapes in self._places:
            self._record(given, shapes)
        if (places := self._places.get(shapes)) is None:
            return self._work(*given)
        for place, one in zip(places.given, given, strict=True):
            place.copy_(one)
        places.recording.play()
        return places.found

    def _record(self, given: Sequence[Tensor], shapes: tuple[torch.Size, ...]) -> None:
        assert self._recorder is not None
        fixed = tuple(one.detach().clone() for one in given)
        try:
            recording, found = self._recorder.record(lambda: self._work(*fixed))
        except RuntimeError as error:
            self.refused = str(error).partition("\n")[0]
            return
        self._places[shapes] = _Places(recording, fixed, found)
