"""The thread that steps all requests under way, of all models, one token at a time.

    a round     1. jobs that were asked for join, those that were given up leave
                2. long prompts are read on, a part of each, alone: many tokens at once, without their probabilities
                3. every batch takes one step (``batches.py``)
                4. what came of it goes to the event loop of the server, in one call

A job's words depend on its own prompt, settings and seed alone. Of a prompt, what is read in parts is cut by its own
length; what is stepped is stepped in batches that give every row the bits that it has alone (``sizes.py``); and each
draw is from the job's own random stream.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import torch

from rnn_lm.padding import IGNORE
from rnn_lm.serve.batches import Batch
from rnn_lm.serve.jobs import Job
from rnn_lm.serve.metrics import Metrics
from rnn_lm.serve.served import ServedModel

PART = 256
"""Tokens of a long prompt that are read at once."""
STEPPED = 8
"""A prompt with fewer unread tokens is read step by step, beside the others."""
READING = 0.02
"""Seconds of a round that are given to long prompts, the part that is being read apart."""


class Engine:
    """Runs jobs in a thread of its own.

    Args:
        models: whose jobs there will be.
        most: jobs that are under way at the same time; others wait.
        metrics: is told what is read, drawn, and how long it takes.
        flush: is called after each round, in the engine's thread: what jobs have told can be passed on.
    """

    def __init__(
        self, models: Iterable[ServedModel], most: int, metrics: Metrics, flush: Callable[[], None] = lambda: None
    ) -> None:
        self._most, self._metrics, self._flush = most, metrics, flush
        self._batches: dict[str, list[Batch]] = {model.name: [] for model in models}
        self._reading: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self._condition = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rnn-lm engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the round that is under way; jobs that are not finished stay so."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def alive(self) -> bool:
        """Whether the thread works."""
        return self._thread.is_alive()

    def submit(self, jobs: Iterable[Job]) -> None:
        """Take jobs, from any thread."""
        with self._condition:
            self._waiting.extend(jobs)
            self._condition.notify()

    @property
    def under_way(self) -> int:
        """Jobs that are read or written."""
        return len(self._reading) + sum(len(batch.jobs) for some in self._batches.values() for batch in some)

    @property
    def load(self) -> int:
        """Jobs that are under way or wait."""
        return self.under_way + len(self._waiting)

    def _run(self) -> None:
        with torch.inference_mode():
            while True:
                with self._condition:
                    while not self._stopping and not self.load:
                        self._condition.wait()
                    if self._stopping:
                        return
                    joining = self._admitted()
                try:
                    self._round(joining)
                except Exception as error:  # a bug must not leave requests without an answer
                    self._give_up(joining, error)
                self._flush()

    def _admitted(self) -> list[Job]:
        room = self._most - self.under_way
        return [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]

    def _round(self, joining: list[Job]) -> None:
        ready: list[Job] = []
        for job in joining:
            if job.cancelled:
                job.end()
            elif not job.scores_prompt and job.unread >= (STEPPED if job.sampling.length else 1):
                self._reading.append(job)
            else:
                ready.append(job)
        ready += self._read_parts()
        self._join([job for job in ready if not self._ended(job)])
        began = time.perf_counter()
        for batches in self._batches.values():
            for batch in batches:
                if batch.jobs:
                    self._step(batch)
        self._metrics.rounds.observe(time.perf_counter() - began)
        self._tidy()

    def _ended(self, job: Job) -> bool:
        """End a job that has nothing to do, or that nobody wants any more."""
        if job.complete or job.cancelled:
            job.end()
            return True
        return False

    def _read_parts(self) -> list[Job]:
        """Read on long prompts, each in its turn, until the time for it is over; returns those that are read."""
        ready: list[Job] = []
        until = time.perf_counter() + READING
        while self._reading and (time.perf_counter() < until):
            job = self._reading.popleft()
            if job.cancelled:
                job.end()
                continue
            self._read_part(job)
            (self._reading if job.unread else ready).append(job)
        return ready

    def _read_part(self, job: Job) -> None:
        ids = job.ids[job.position : job.position + min(PART, job.unread)]
        model = job.model.lm
        if job.sampling.policy == "sentence":  # of what stands before the last <eos> nothing is left
            last = max((at for at, one in enumerate(ids) if one == job.model.eos_id), default=0)
            job.state = None if ids[last] == job.model.eos_id else job.state
            job.position, ids = job.position + last, ids[last:]
        state = job.state if job.state is not None else model.initial_state(1)
        input_tb = torch.tensor(ids, device=model.device).unsqueeze(1)
        _, job.state = model.score(input_tb, torch.full_like(input_tb, IGNORE), state)
        job.position += len(ids)
        self._metrics.read.add(len(ids), model=job.model.name)

    def _join(self, jobs: list[Job]) -> None:
        by_model: dict[str, list[Job]] = {}
        for job in jobs:
            by_model.setdefault(job.model.name, []).append(job)
        for name, some in by_model.items():
            batches = self._batches[name]
            for batch in batches:
                if some and batch.room:
                    batch.change(some[: batch.room])
                    some = [job for job in some if job not in batch.jobs]
            while some:
                batches.append(batch := Batch(some[0].model))
                some, joining = some[batch.room :], some[: batch.room]
                batch.change(joining)

    def _step(self, batch: Batch) -> None:
        words = sum(job.wants_word for job in batch.jobs)
        batch.step()
        name = batch.model.name
        self._metrics.drawn.add(words, model=name)
        self._metrics.read.add(len(batch.jobs) - words, model=name)
        leaving = [
            job
            for job in batch.jobs
            if job.finished or job.cancelled or job.complete or job.outcome.failure is not None
        ]
        if leaving:
            batch.change((), leaving)
            for job in leaving:
                job.end(job.outcome.failure)

    def _tidy(self) -> None:
        """Forget empty batches; where jobs would fit into one batch fewer, let the smallest one's join the others."""
        for batches in self._batches.values():
            batches[:] = [batch for batch in batches if batch.jobs]
            if len(batches) < 2:
                continue
            smallest = min(batches, key=lambda batch: len(batch.jobs))
            room = sum(batch.room for batch in batches if batch is not smallest)
            if room >= len(smallest.jobs):
                moving = list(smallest.jobs)
                smallest.change((), moving)
                batches.remove(smallest)
                self._join(moving)

    def _give_up(self, joining: list[Job], error: Exception) -> None:
        """Answer all jobs with an error of ours."""
        some = [*joining, *self._reading, *(job for each in self._batches.values() for one in each for job in one.jobs)]
        self._reading.clear()
        for batches in self._batches.values():
            batches.clear()
        self._metrics.failures.add(1)
        for job in {id(job): job for job in some}.values():
            job.end(f"this is a bug in rnn-lm: {type(error).__name__}: {error}"[:300])
