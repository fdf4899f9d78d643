"""A sweep's progress in one line: the task of the trial under way moves the task of the whole."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

from rnn_lm.progress import Progress, Task


class TrialProgress:
    """What a trial reports to, in place of the terminal.

    Args:
        progress: where lines that stay go.
        whole: the sweep's task, in trials.
        done: trials that have ended.
        number: of the trial under way.
        best: lowest valid perplexity so far; infinite where there is none.
    """

    def __init__(self, progress: Progress, whole: Task, done: int, number: int, best: float) -> None:
        self._progress, self._whole, self._done, self._number, self._best = progress, whole, done, number, best

    def say(self, message: str) -> None:
        self._progress.say(message)

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:  # noqa: ARG002 (the protocol's)
        yield _TrialTask(self, total)

    def show(self, share: float, figures: dict[str, float | str]) -> None:
        """Move the whole to this share of the trial."""
        best = {"best": self._best} if math.isfinite(self._best) else {}
        self._whole.update(self._done + min(share, 1.0), **best, trial=str(self._number), **figures)


class _TrialTask:
    def __init__(self, trial: TrialProgress, total: float) -> None:
        self._trial, self._total = trial, total

    def update(self, completed: float, **figures: float | str) -> None:
        self._trial.show(completed / max(self._total, 1e-12), figures)
