"""What the workers of ``test_crew.py`` do: found by fresh processes, so in a module of its own."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from rnn_lm.errors import UserError
from rnn_lm.experiments.crew import Work
from rnn_lm.progress import Progress
from rnn_lm.training.interrupt import Interrupt, TrainingInterrupted

PATIENCE = 60.0


def begin(folder: Path, ends: str) -> Work:
    """Job 0 ends as ``ends`` says once job 1 is under way; job 1 works until it is asked to stop, and writes that."""

    def work(number: int, progress: Progress) -> None:
        deadline = time.monotonic() + PATIENCE
        if number == 0:
            while not (folder / "under way").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            end_as(ends, folder)
            return
        with Interrupt() as interrupt, progress.task("training", 1.0) as task:
            (folder / "under way").touch()
            while not interrupt.asked:
                assert time.monotonic() < deadline
                task.update(0.5)
                time.sleep(0.01)
        (folder / "written").touch()
        raise TrainingInterrupted(interrupt.number or 0)

    return work


def end_as(ends: str, folder: Path) -> None:
    """Refuse, fail, or be killed; or have the first process told to stop, as ``kill`` tells a whole group."""
    if ends == "refuses":
        raise UserError("no such thing; give another")
    if ends == "fails":
        raise ZeroDivisionError("by nothing")
    if ends == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "told").touch()
    for process in (os.getppid(), os.getpid()):
        os.kill(process, signal.SIGTERM)
    time.sleep(PATIENCE)
