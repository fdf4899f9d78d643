"""Trials whose process is gone are tried again; those that somebody works on are left alone."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from rnn_lm.sweep import liveness
from rnn_lm.sweep.liveness import BEAT, INTERRUPTED, RETRY_OF, WORKER, heartbeat, retry_cut_off


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study()


def running(study: optuna.Study, **attributes: Any) -> optuna.Trial:
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    return trial


def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    return child.pid


def test_a_trial_whose_process_is_gone_is_tried_again_at_once(study):
    trial = running(study, **{WORKER: {"host": liveness._host(), "pid": gone()}, BEAT: time.time()})
    assert retry_cut_off(study) == [trial.number]
    assert study.trials[trial.number].state == TrialState.FAIL
    again = study.ask()
    assert again.suggest_float("x", 0, 1) == trial.params["x"]
    assert again.user_attrs[RETRY_OF] == trial.number
    assert retry_cut_off(study) == []  # once is enough


@pytest.mark.parametrize(("ago", "retried"), [(0.0, []), (liveness.DEAD_AFTER_SECONDS + 1, [0])])
def test_a_trial_of_another_machine_is_given_time(study, ago, retried):
    running(study, **{WORKER: {"host": "elsewhere", "pid": 1}, BEAT: time.time() - ago})
    assert retry_cut_off(study) == retried


def test_a_trial_that_has_only_begun_is_left_alone(study):
    running(study)
    assert retry_cut_off(study) == []


def test_a_trial_at_work_says_so(study, monkeypatch):
    monkeypatch.setattr(liveness, "BEAT_SECONDS", 0.01)
    trial = running(study)
    with heartbeat(trial):
        first = study.trials[0].user_attrs[BEAT]
        deadline = time.monotonic() + 5
        while study.trials[0].user_attrs[BEAT] == first:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert liveness.is_alive(study.trials[0], time.time())


@pytest.mark.parametrize(("attributes", "attempts"), [({}, liveness.MOST_ATTEMPTS), ({INTERRUPTED: True}, 9)])
def test_crashes_are_not_tried_for_ever_and_ctrl_c_is_no_crash(study, attributes, attempts):
    for _ in range(9):
        study.tell(running(study, **attributes), state=TrialState.FAIL)
        if not retry_cut_off(study):
            break
    assert len([trial for trial in study.trials if trial.state == TrialState.FAIL]) == attempts
