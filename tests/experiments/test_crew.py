"""Processes that work side by side: what ends one ends all, in order, with everything written."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import crew_jobs
from rnn_lm.errors import UserError
from rnn_lm.experiments import crew
from rnn_lm.experiments.crew import Job, Plan, WorkerLost, run_crew
from rnn_lm.progress import SilentProgress
from rnn_lm.training.interrupt import TrainingInterrupted, stopping

JOBS = {0: Job("[1/3] first", "first"), 1: Job("[2/3] second", "second"), 2: Job("[3/3] third", "third")}


@pytest.mark.parametrize(
    ("ends", "error", "words"),
    [
        ("refuses", UserError, "no such thing; give another"),
        pytest.param("fails", ZeroDivisionError, "by nothing", marks=pytest.mark.slow),
        pytest.param("is killed", WorkerLost, "worked on first was ended by SIGKILL", marks=pytest.mark.slow),
        pytest.param("is told to stop", TrainingInterrupted, None, marks=pytest.mark.slow),
    ],
)
def test_what_ends_one_ends_all_once_they_have_written_what_they_have(tmp_path: Path, ends, error, words):
    said: list[str] = []

    class Noting(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

    plan = Plan(crew_jobs.begin, (tmp_path, ends), JOBS, 1)
    with stopping(), pytest.raises(error, match=words) as raised:
        run_crew(plan, 2, Noting())
    assert (tmp_path / "written").exists()
    assert said == ["[1/3] first", "[2/3] second"]  # the third is not begun
    if ends == "fails":
        assert "end_as(ends, folder)" in "".join(traceback.format_exception(raised.value))
    if isinstance(raised.value, TrainingInterrupted):
        assert raised.value.number == signal.SIGTERM


def test_a_job_is_begun_once_those_are_done_that_it_waits_for():
    """The third waits for the first, and for one that is not to be done at all; the last for all others."""
    jobs = {
        0: Job("first", "first"),
        1: Job("", "second", size=3.0),
        2: Job("third", "third", after=(0, 7)),
        3: Job("last", "last", after=(0, 1, 2)),
    }
    pipes = [multiprocessing.Pipe() for _ in range(3)]
    crew_of_three = [crew._Worker(multiprocessing.Process(), here) for here, _ in pipes]
    handed: list[list[int | None]] = [[], [], []]
    said, done = [], []

    class Noting(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

        def update(self, completed: float, **_: object) -> None:
            done.append(completed)

    noting = Noting()
    overseer = crew._Overseer(Plan(crew_jobs.begin, (), jobs, 1), crew_of_three, noting, noting)

    def handed_out() -> list[list[int | None]]:
        for jobs_of_one, (_, there) in zip(handed, pipes, strict=True):
            jobs_of_one += [there.recv() for _ in iter(there.poll, False)]
        return handed

    def is_done(number: int) -> None:
        pipes[number][1].send(("done", None))
        overseer._hear(crew_of_three[number])

    for worker in crew_of_three:
        overseer._next(worker)
    assert handed_out() == [[0], [1], []]
    is_done(0)
    assert handed_out() == [[0, 2], [1], []]
    is_done(0)
    assert handed_out() == [[0, 2], [1], []]
    is_done(1)
    assert handed_out() == [[0, 2, None], [1, 3], [None]]
    assert done == [1.0, 2.0, 5.0]
    assert said == ["first", "third", "last"]


class Unsendable(Exception):
    """Cannot be made again of what it was made of."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


def test_an_error_that_cannot_be_sent_is_told_by_another():
    assert repr(crew._as_sent(UserError("x"))) == "UserError('x')"
    assert repr(crew._as_sent(Unsendable(1, 2))) == "RuntimeError('Unsendable: 3')"


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    """Where a worker writes, and where the first process reads."""
    here, there = multiprocessing.Pipe()
    with here, there:
        yield there, here


def received(connection: Connection) -> list[tuple[str, float | str]]:
    messages = []
    while connection.poll():
        messages.append(connection.recv())
    return messages


def test_a_job_is_as_far_as_its_tasks_are(pipe, monkeypatch):
    monkeypatch.setattr(crew, "EVERY", 0.0)
    progress = crew._Reporting(pipe[0], (0.8, 0.1))
    for name, total in (("lstm", 1.0), ("evaluate", 50.0), ("one more", 3.0)):
        with progress.task(name, total) as task:
            task.update(total / 2, loss=1.0)
    progress.say("note        of two  lines\nand more")
    assert received(pipe[1]) == [
        ("at", pytest.approx(0.4)), ("at", pytest.approx(0.85)), ("at", pytest.approx(0.9)),
        ("says", "note of two lines and more"),
    ]  # fmt: skip


def test_a_job_does_not_tell_of_every_step(pipe):
    with crew._Reporting(pipe[0], (1.0,)).task("lstm", 1.0) as task:
        for _ in range(20):
            task.update(0.5)
    assert 1 <= len(received(pipe[1])) < 20
