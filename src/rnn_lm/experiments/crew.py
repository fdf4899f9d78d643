"""Jobs done side by side by a few processes, which stop as one process does: each with all it has done on the disk.

    first process      a pipe each      workers, a session each
      jobs 0 1 2 3   ── 0 ─────────▶    begin, do 0   ── how far it is, lines, done ──▶  2 ...
                     ── 1 ─────────▶    begin, do 1   ── how far it is, lines, done ──▶  3 ...

A wish to stop (Ctrl-C, SIGTERM, SIGHUP) reaches the first process, which passes it on once, as a SIGINT; what a
terminal or a batch system sends to all processes at once, workers do not hear. They share no lock and no queue, so that
one that is killed leaves nothing behind for the others to trip over. One that loses the first process stops by itself.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

import torch

from rnn_lm.errors import UserError
from rnn_lm.memory import keep_freed_memory
from rnn_lm.progress import Progress, Task
from rnn_lm.training.interrupt import WATCHED, Interrupt, Stopped, TrainingInterrupted, stop_signals, stopping

EVERY = 0.25
"""Seconds between two reports of how far a job is."""
GRACE = 30.0
"""Seconds that workers have to end in where the first process cannot wait for them."""

Work = Callable[[int, Progress], None]
"""Does the job of a number, and tells how far it is."""


class Job(NamedTuple):
    """A job, as those see it who do not do it.

    Attributes:
        line: what is said when it is begun; empty: nothing.
        name: what other lines about it bear.
        after: numbers of jobs that must be done before it is begun, so far as they are to be done at all.
        size: about how long it takes, in any unit that is the same for all.
        weights: the share of it that each of its tasks is, in order.
    """

    line: str
    name: str
    after: tuple[int, ...] = ()
    size: float = 1.0
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a crew is to do.

    Attributes:
        begin: called with ``arguments`` in each worker, before its first job; gives what does them. Both must be found
            by a fresh process.
        arguments: plain values.
        jobs: by their numbers, in the order in which they are begun, but for those that must wait for others.
        threads: of each worker.
    """

    begin: Callable[..., Work]
    arguments: tuple[Any, ...]
    jobs: Mapping[int, Job]
    threads: int


class WorkerLost(UserError):
    """A worker has died."""


@dataclass
class _Worker:
    """A process, as the first one sees it; ``job`` is what it has in hand."""

    process: BaseProcess
    connection: Connection
    job: int | None = None
    ended: bool = False

    def ask_to_stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.process.pid is not None and self.process.is_alive():
                os.kill(self.process.pid, signal.SIGINT)


def run_crew(plan: Plan, workers: int, progress: Progress) -> None:
    """Do all jobs of ``plan`` in ``workers`` processes, at most one for each job.

    Args:
        plan: what is done.
        workers: how many at a time.
        progress: told how far all of them are, and what they say, under the name of the job.

    Raises:
        TrainingInterrupted: a signal asked to stop, and every worker has written what it had.
        WorkerLost: one has died; the others have stopped as if asked to.
        anything that a job raises, the others having stopped.
    """
    task = progress.task("models", sum(job.size for job in plan.jobs.values()))
    with Interrupt() as interrupt, _crew(plan, min(workers, len(plan.jobs))) as crew, task as shown:
        ended = _Overseer(plan, crew, progress, shown).run(interrupt)
    if ended is not None:
        raise ended


class _Overseer:
    """The first process's part: hands out jobs, shows how far they are, and ends all when one must end."""

    def __init__(self, plan: Plan, crew: list[_Worker], progress: Progress, task: Task) -> None:
        self.plan, self.crew, self.progress, self.task = plan, crew, progress, task
        self.waiting = deque(plan.jobs)
        self.shares = dict.fromkeys(plan.jobs, 0.0)
        self.done: set[int] = set()
        self.ending: BaseException | None = None

    def run(self, interrupt: Interrupt) -> BaseException | None:
        """Until every worker has ended; returns what it all ended with, if not with the work done."""
        for worker in self.crew:
            self._next(worker)
        while working := {worker.connection: worker for worker in self.crew if not worker.ended}:
            for connection in wait(list(working), timeout=EVERY):
                self._hear(working[connection])  # pyright: ignore[reportArgumentType]
            if interrupt.number is not None:
                self._end(TrainingInterrupted(interrupt.number))
        return self.ending

    def _next(self, worker: _Worker) -> None:
        """Hand out a job, or the news that there is none any more; where all have to wait for others, nothing yet."""
        worker.job = self._ready() if self.ending is None else None
        if worker.job is None and self.waiting and self.ending is None:
            return
        if worker.job is not None:
            self.waiting.remove(worker.job)
            if line := self.plan.jobs[worker.job].line:
                self.progress.say(line)
        with contextlib.suppress(OSError):  # it has died, which its connection tells next
            worker.connection.send(worker.job)

    def _ready(self) -> int | None:
        """The first job of those that wait for no other."""
        return next((job for job in self.waiting if self.done.issuperset(self._before(job))), None)

    def _before(self, job: int) -> set[int]:
        return self.plan.jobs.keys() & set(self.plan.jobs[job].after)

    def _done(self, worker: _Worker, job: int) -> None:
        self.shares[job] = 1.0
        self.done.add(job)
        for one in [worker, *(other for other in self.crew if other.job is None and not other.ended)]:
            self._next(one)

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, what = worker.connection.recv()
        except (EOFError, OSError):
            self._gone(worker)
            return
        if kind == "says":
            self.progress.say(f"  {self._name(worker)}: {what}")
        elif kind == "at" and worker.job is not None:
            self.shares[worker.job] = max(what, self.shares[worker.job])
        elif kind == "done" and worker.job is not None:
            self._done(worker, worker.job)
        elif kind == "stopped":
            worker.job = None
            self._end(TrainingInterrupted(what))
        elif kind == "failed":
            worker.job = None
            self._end(what)
        self._show()

    def _gone(self, worker: _Worker) -> None:
        worker.ended = True
        worker.process.join()
        if worker.job is not None:
            code = worker.process.exitcode or 0
            how = f"ended with exit code {code} (a script needs if __name__ == '__main__': around the call)"
            if code < 0:
                how = f"was ended by {signal.Signals(-code).name}, for want of memory perhaps"
            self._end(
                WorkerLost(
                    f"the process that worked on {self._name(worker)} {how}; the others were "
                    "stopped. What was trained is kept: the same command with --resume goes on from there, with "
                    "any number of --workers"
                )
            )

    def _end(self, ending: BaseException) -> None:
        """Have all stop, unless they were asked to already: what came first is what it ends with."""
        if self.ending is None:
            self.ending = ending
            for worker in self.crew:
                worker.ask_to_stop()

    def _name(self, worker: _Worker) -> str:
        return self.plan.jobs[worker.job].name if worker.job is not None else "worker"

    def _show(self) -> None:
        running = [worker.job for worker in self.crew if worker.job is not None]
        shown = ", ".join(f"{self.plan.jobs[job].name} {self.shares[job]:.0%}" for job in sorted(running))
        done = sum(share * self.plan.jobs[job].size for job, share in self.shares.items())
        self.task.update(done, now=shown)


@contextlib.contextmanager
def _crew(plan: Plan, count: int) -> Iterator[list[_Worker]]:
    """Fresh processes (a fork would copy threads in any state); none is left at the end, however that comes."""
    context, crew = multiprocessing.get_context("spawn"), []
    try:
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, plan))
            # They are not to hear of a Ctrl-C before they know what to do with it.
            with _signals_wait():
                process.start()
            there.close()
            crew.append(_Worker(process, here))
        yield crew
    finally:
        try:
            for worker in crew:
                worker.ask_to_stop()
            deadline = time.monotonic() + GRACE
            for worker in crew:
                worker.process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for worker in crew:
                worker.process.kill()
                worker.process.join()
                worker.connection.close()


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Inside, signals that ask to stop are kept for later, also in processes that are started."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, plan: Plan) -> None:
    """A worker's life."""
    _hear_the_first_process_alone()
    try:
        with stopping():
            if hasattr(signal, "pthread_sigmask"):
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
            keep_freed_memory()
            torch.set_num_threads(plan.threads)
            work = plan.begin(*plan.arguments)
            while (job := connection.recv()) is not None:
                work(job, _Reporting(connection, plan.jobs[job].weights))
                connection.send(("done", None))
    except Stopped as stop:
        _last_word(connection, ("stopped", stop.number))
    except Exception as error:
        _last_word(connection, ("failed", _as_sent(error)))


def _hear_the_first_process_alone() -> None:
    """Heard is a SIGINT, also where the command was started with Ctrl-C ignored; and the end of the first process."""
    os.environ[WATCHED] = "1"
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C in the terminal reaches the first process alone
    signal.signal(signal.SIGINT, _end_anyway)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # batch systems send it to all, and a second wish stops at once
    threading.Thread(target=_stop_with_parent, daemon=True).start()


def _end_anyway(*_: object) -> None:
    """A wish to stop that comes when the work is over already."""


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGINT)


def _last_word(connection: Connection, message: tuple[str, Any]) -> None:
    with contextlib.suppress(OSError):  # there may be nobody left to tell
        connection.send(message)


def _as_sent(error: Exception) -> Exception:
    """``error`` with its traceback as a note, which would else be lost on the way; another where it cannot be sent."""
    try:
        told: Exception = ForkingPickler.loads(ForkingPickler.dumps(error))  # pyright: ignore[reportAttributeAccessIssue]
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
    told.add_note(f"in a worker:\n{''.join(traceback.format_exception(error))}")
    return told


class _Reporting:
    """A worker's ``Progress``: tells the first process."""

    def __init__(self, connection: Connection, weights: Sequence[float]) -> None:
        self._connection, self._weights = connection, deque(weights)
        self._before = 0.0

    def say(self, message: str) -> None:
        self._connection.send(("says", " ".join(message.split())))

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:  # noqa: ARG002 (the protocol's)
        weight = self._weights.popleft() if self._weights else 0.0
        yield _ReportingTask(self._connection, self._before, weight / max(total, 1e-12))
        self._before += weight


class _ReportingTask:
    def __init__(self, connection: Connection, before: float, scale: float) -> None:
        self._connection, self._before, self._scale = connection, before, scale
        self._said = time.monotonic() - EVERY

    def update(self, completed: float, **figures: float | str) -> None:  # noqa: ARG002 (the protocol's)
        if time.monotonic() - self._said >= EVERY:
            self._said = time.monotonic()
            self._connection.send(("at", self._before + completed * self._scale))
