"""How long work tells a person how far it is: one protocol, a terminal version and a silent one."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from rnn_lm.terminal import plain_line


@runtime_checkable
class Task(Protocol):
    """One piece of work under way."""

    def update(self, completed: float, **figures: float | str) -> None:
        """Say how much of the total is done, with the figures worth seeing now (loss, perplexity...)."""
        ...


@runtime_checkable
class Progress(Protocol):
    """Where long-running functions report to."""

    def say(self, message: str) -> None:
        """A line that stays."""
        ...

    def task(self, name: str, total: float) -> contextlib.AbstractContextManager[Task]:
        """Begin a piece of work of ``total`` units; it ends with the ``with`` block."""
        ...


@contextlib.contextmanager
def quiet_logger(name: str) -> Iterator[None]:
    """Keep what a library's logger says below an error off the terminal."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


class _SilentTask:
    def update(self, completed: float, **figures: float | str) -> None:
        pass


class SilentProgress:
    """Says nothing: for tests and for callers of the library."""

    def say(self, message: str) -> None:
        pass

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:  # noqa: ARG002 (the protocol's)
        yield _SilentTask()


class TerminalProgress:
    """A live line per task in a terminal; where output is redirected, one plain line every ``interval`` seconds."""

    def __init__(self, console: Console | None = None, interval: float = 20.0) -> None:
        self.console = console or Console(stderr=False, highlight=False)
        self.interval = interval

    def say(self, message: str) -> None:
        shown = "\n".join(map(plain_line, message.split("\n")))
        self.console.print(shown, markup=False, soft_wrap=True)

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:
        task = TaskLine(name, total)
        if self.console.is_terminal:
            with Live(task, console=self.console, refresh_per_second=4, transient=True):
                yield task
        else:
            task.print_every(self.interval, self.console)
            yield task


class TaskLine:
    """A task as one line: draws itself when rich asks, or prints itself now and then."""

    def __init__(self, name: str, total: float) -> None:
        self.name, self.total = name, max(total, 1e-12)
        self.completed, self.figures = 0.0, {}
        self.started = self.printed = time.monotonic()
        # A resumed task begins part-way: time left is judged by what was done since, not by what it began with.
        self.first: float | None = None
        self._interval: float | None = None

    def print_every(self, interval: float, console: Console) -> None:
        self._interval, self._console = interval, console

    def update(self, completed: float, **figures: float | str) -> None:
        if self.first is None:
            self.first = completed
        self.completed, self.figures = completed, {**self.figures, **figures}
        now = time.monotonic()
        if self._interval is not None and now - self.printed >= self._interval:
            self.printed = now
            self._console.print(str(self.__rich__()), markup=False, soft_wrap=True)
            sys.stdout.flush()

    def __rich__(self) -> Text:
        share = min(self.completed / self.total, 1.0)
        filled = round(share * 20)
        figures = "  ".join(f"{name} {_figure(value)}" for name, value in self.figures.items())
        return Text(f"{self.name:<14} {'━' * filled}{'╌' * (20 - filled)} {share:4.0%}  {self._time_left()}  {figures}")

    def _time_left(self) -> str:
        done = self.completed - (self.first or 0.0)
        if done <= 0:
            return "--:-- left"
        seconds = (time.monotonic() - self.started) / done * max(self.total - self.completed, 0)
        return f"{duration(seconds)} left"


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
