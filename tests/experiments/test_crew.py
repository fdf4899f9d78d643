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

    plan = Plan(crew_jobs.begin, (tmp_path, ends), JOBS, (1.0,), 1)
    with stopping(), pytest.raises(error, match=words) as raised:
        run_crew(plan, 2, Noting())
    assert (tmp_path / "written").exists()
    assert said == ["[1/3] first", "[2/3] second"]  # the third is not begun
    if ends == "fails":
        assert "end_as(ends, folder)" in "".join(traceback.format_exception(raised.value))
    if isinstance(raised.value, TrainingInterrupted):
        assert raised.value.number == signal.SIGTERM


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
