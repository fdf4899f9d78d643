"""Trials that were cut off: how a process says that it is at work, and what becomes of a trial whose process is gone.

Optuna has heartbeats for SQL databases alone, so a trial carries its own, as an attribute that every storage keeps.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from collections.abc import Iterator
from typing import TypedDict

from optuna import Study, Trial
from optuna.exceptions import OptunaError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from rnn_lm.temporary import process_exists

BEAT_SECONDS = 30.0
"""How often a process at work says so."""
DEAD_AFTER_SECONDS = 300.0
"""A trial that was not heard of for this long is taken for cut off. Machines' clocks may differ by less than this."""
MOST_ATTEMPTS = 3
"""How often settings are tried whose trials end in a crash or a kill; Ctrl-C is not counted."""

WORKER, BEAT, INTERRUPTED, RETRY_OF, ATTEMPT = "worker", "beat", "interrupted", "retry of", "attempt"
"""The attributes of a trial that this module writes and reads."""


class Worker(TypedDict):
    """Who works on a trial."""

    host: str
    pid: int


@contextlib.contextmanager
def heartbeat(trial: Trial) -> Iterator[None]:
    """Say from a thread, for as long as the ``with`` block lasts, that ``trial`` is being worked on."""
    trial.set_user_attr(WORKER, {"host": _host(), "pid": os.getpid()})
    trial.set_user_attr(BEAT, time.time())
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(trial, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(trial: Trial, done: threading.Event) -> None:
    while not done.wait(BEAT_SECONDS):
        # A beat that is lost does no harm, the next one comes; a storage that is lost for good stops the trial itself.
        with contextlib.suppress(OptunaError, OSError):
            trial.set_user_attr(BEAT, time.time())


def is_alive(trial: FrozenTrial, now: float) -> bool:
    """Whether somebody seems to be working on a running trial; ``now`` is in seconds since 1970."""
    worker: Worker | None = trial.user_attrs.get(WORKER)
    if worker is not None and worker["host"] == _host() and not process_exists(worker["pid"]):
        return False
    started = trial.datetime_start.timestamp() if trial.datetime_start is not None else now
    return now - trial.user_attrs.get(BEAT, started) < DEAD_AFTER_SECONDS


def retry_cut_off(study: Study) -> list[int]:
    """Mark trials whose process is gone as failed, and put the settings of failed trials back into the queue.

    A trial that ended with Ctrl-C, a crash or a kill counts for nothing, and its settings are tried again.

    Returns:
        The numbers of the trials to be tried again.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not is_alive(trial, time.time()):
            # Another process may have found the same trial at the same moment, and been the first to say so.
            with contextlib.suppress(ValueError, UpdateFinishedTrialError):
                study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    queued = []
    for trial in trials:
        attempt = trial.user_attrs.get(ATTEMPT, 1) + (0 if trial.user_attrs.get(INTERRUPTED) else 1)
        if trial.state == TrialState.FAIL and trial.number not in retried and trial.params and attempt <= MOST_ATTEMPTS:
            study.enqueue_trial(trial.params, {RETRY_OF: trial.number, ATTEMPT: attempt})
            queued.append(trial.number)
    return queued


def _host() -> str:
    """This machine; and on Linux which numbering of processes, since containers of one machine may share its name."""
    numbering = ""
    with contextlib.suppress(OSError):
        numbering = os.readlink("/proc/self/ns/pid")
    return f"{platform.node()} {numbering}".strip()
