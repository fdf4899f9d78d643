"""From the engine's thread to the requests that wait in an event loop: what all jobs tell goes over in one call."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence

from rnn_lm.serve.jobs import Job, Outcome
from rnn_lm.serve.writing import Piece

Told = tuple[Job, Piece | Outcome]


class Sink:
    """What the jobs of one request have told, in its event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.told: deque[Told] = deque()
        self.gone = False
        self._event = asyncio.Event()

    def take(self, told: Told) -> None:
        """Take one thing told."""
        self.told.append(told)
        self._event.set()

    def leave(self) -> None:
        """Note that the client has gone."""
        self.gone = True
        self._event.set()

    async def wait(self) -> None:
        """Until something is told, or the client has gone."""
        if not self.told and not self.gone:
            self._event.clear()
            await self._event.wait()


class Relay:
    """Collects what jobs tell in a round, and passes it on."""

    def __init__(self) -> None:
        self._told: list[tuple[Sink, Told]] = []

    def telling(self, sink: Sink, job: Job, what: Piece | Outcome) -> None:
        """Take what a job tells, in the engine's thread."""
        self._told.append((sink, (job, what)))

    def flush(self) -> None:
        """Pass it on, in the engine's thread."""
        told, self._told = self._told, []
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Sink, Told]]] = {}
        for sink, what in told:
            by_loop.setdefault(sink.loop, []).append((sink, what))
        for loop, some in by_loop.items():
            with contextlib.suppress(RuntimeError):  # a loop that is closed has nobody left to tell
                loop.call_soon_threadsafe(_deliver, some)


def _deliver(told: Sequence[tuple[Sink, Told]]) -> None:
    for sink, what in told:
        sink.take(what)
