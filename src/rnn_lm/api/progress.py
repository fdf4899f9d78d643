"""How far a long call is, where it is called from: a notebook, a terminal, or nowhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any

from markupsafe import escape

from rnn_lm.progress import Progress, SilentProgress, Task, TaskLine, TerminalProgress

EVERY = 0.25
"""Seconds between two pictures of a task in a notebook."""


def progress_for(progress: bool | Progress) -> Progress:
    """Return what long work reports to.

    Args:
        progress: True: the notebook or the terminal; False: nobody; or one's own.
    """
    if not isinstance(progress, bool):
        return progress
    if not progress:
        return SilentProgress()
    return NotebookProgress() if in_notebook() else TerminalProgress()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


class NotebookProgress:
    """Lines below the cell, and for the task under way one that moves and goes when the task ends."""

    def say(self, message: str) -> None:
        print(message)

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        line = TaskLine(name, total)
        handle: Any = display(_shown(line), raw=True, display_id=True)
        try:
            yield _NotebookTask(line, handle)
        finally:
            handle.update({"text/plain": "", "text/html": ""}, raw=True)


class _NotebookTask:
    """Shows a task's line again now and then."""

    def __init__(self, line: TaskLine, handle: Any) -> None:
        self._line, self._handle, self._at = line, handle, time.monotonic()

    def update(self, completed: float, **figures: float | str) -> None:
        self._line.update(completed, **figures)
        if time.monotonic() - self._at >= EVERY:
            self._at = time.monotonic()
            self._handle.update(_shown(self._line), raw=True)


def _shown(line: TaskLine) -> dict[str, str]:
    text = line.__rich__().plain
    return {"text/plain": text, "text/html": f"<pre>{escape(text)}</pre>"}
