"""Ctrl-C and its relatives: in training heard between two steps, so that everything is written before the run ends.

SIGTERM is what ``kill``, ``timeout`` and batch systems send, SIGHUP what a terminal sends as it closes. Both stop a
command as Ctrl-C does. A signal that was ignored when the command was started (``nohup``) stays ignored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

WATCHED = "RNN_LM_WATCHED"
"""Set in processes that ``launch`` has started: it hears signals for them, says what happened to them, and passes every
wish to stop on as a Ctrl-C."""


class Stopped(KeyboardInterrupt):
    """A signal asked the command to stop.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.number = number


class TrainingInterrupted(Stopped):
    """The same, after everything up to the current step was written to the disk."""


def stop_signals() -> list[int]:
    """The signals that ask this process to stop, without those that whoever started it has told it to ignore."""
    names = ("SIGINT",) if WATCHED in os.environ else ("SIGINT", "SIGTERM", "SIGHUP")
    known = [getattr(signal, name) for name in names if hasattr(signal, name)]  # Windows has no SIGHUP
    return [number for number in known if signal.getsignal(number) is not signal.SIG_IGN]


@contextlib.contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Inside, ``handler`` hears signals that ask to stop; only the main thread can hear any."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in stop_signals()}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Inside, any signal that asks to stop raises ``Stopped`` wherever the main thread is."""

    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    with handled(stop):
        yield


class Interrupt:
    """Turns the first signal into a wish that the loop reads between two steps; a second one stops at once.

    Attributes:
        number: of the signal that asked, or None.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._handled = handled(self._note)

    @property
    def asked(self) -> bool:
        """Whether the loop is to end."""
        return self.number is not None

    def __enter__(self) -> Interrupt:
        self._handled.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._handled.__exit__(None, None, None)

    def _note(self, number: int, _: object) -> None:
        if self.asked:
            raise Stopped(number)
        self.number = number
