"""Timing that can be trusted on a noisy machine: cases take turns, and only ratios are quoted.

Cases run in two processes that wait for each other, so that never more than one computes: one process as ``rnn-lm``
sets itself up, one as Python leaves it, for baselines.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Literal, NamedTuple

from rnn_lm.memory import keep_freed_memory

Process = Literal["rnn-lm", "plain"]


class Case(NamedTuple):
    """What is timed.

    Attributes:
        make: called once in the process; returns what is then run and timed. It is pickled on the way there, so it is a
            function of a module, or a ``functools.partial`` of one.
        process: where it runs.
    """

    make: Callable[[], Callable[[], object]]
    process: Process = "rnn-lm"


@dataclass(frozen=True)
class Timings:
    """Seconds of each case, turn by turn.

    Attributes:
        seconds: by case; entry r of every case was measured in the same turn.
    """

    seconds: dict[str, list[float]]

    def median(self, case: str) -> float:
        """Seconds."""
        return median(self.seconds[case])

    def ratio(self, baseline: str, case: str) -> dict[str, float]:
        """How many times faster ``case`` is than ``baseline``: median, lowest and highest over the turns."""
        pairs = zip(self.seconds[baseline], self.seconds[case], strict=True)
        ratios = sorted(before / after for before, after in pairs)
        return {"median": median(ratios), "low": ratios[0], "high": ratios[-1]}

    def noise(self, case: str) -> float:
        """Spread of a case's own times: (highest - lowest) / median."""
        return (max(self.seconds[case]) - min(self.seconds[case])) / self.median(case)


def interleaved(cases: Mapping[str, Case], turns: int) -> Timings:
    """Run every case once to warm up, then all of them in turn, ``turns`` times."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    with _processes(cases) as pipes:
        for turn in range(turns + 1):
            for name, case in cases.items():
                pipes[case.process].send(name)
                taken = pipes[case.process].recv()
                if turn > 0:
                    seconds[name].append(taken)
    return Timings(seconds)


@contextlib.contextmanager
def _processes(cases: Mapping[str, Case]) -> Iterator[dict[Process, Connection]]:
    """A process for each kind that a case asks for, ready to run its cases; ended afterwards."""
    context, pipes = get_context("spawn"), {}
    running = []
    for kind in dict.fromkeys(case.process for case in cases.values()):
        own = {name: case.make for name, case in cases.items() if case.process == kind}
        pipes[kind], theirs = context.Pipe()
        running.append(context.Process(target=_serve, args=(kind, own, theirs), daemon=True))
        running[-1].start()
        pipes[kind].recv()
    try:
        yield pipes
    finally:
        for process in running:
            process.terminate()
            process.join()


def _serve(kind: Process, makers: Mapping[str, Callable[[], Callable[[], object]]], pipe: Connection) -> None:
    """Make all cases, then run one whenever its name arrives and answer with the seconds it took."""
    if kind == "rnn-lm":
        keep_freed_memory()
    runs = {name: make() for name, make in makers.items()}
    pipe.send("ready")
    while True:
        run = runs[pipe.recv()]
        started = time.perf_counter()
        run()
        pipe.send(time.perf_counter() - started)
