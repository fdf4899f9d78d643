"""A sweep: trial after trial until enough are there, shared with whoever else works on the same study."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna import Study, Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from rnn_lm.errors import UserError
from rnn_lm.files import make_folder
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress, Task, duration
from rnn_lm.report import numbers
from rnn_lm.report.tables_sweep import setting
from rnn_lm.runs import completed, first_difference
from rnn_lm.runtime import Runtime
from rnn_lm.sweep.configs import Value, flag_name
from rnn_lm.sweep.liveness import INTERRUPTED, heartbeat, retry_cut_off
from rnn_lm.sweep.outcomes import COUNTED, Outcome, best_of, outcomes, perplexity, require_sound
from rnn_lm.sweep.progress import TrialProgress
from rnn_lm.sweep.sampling import RepeatableSampler, make_pruner
from rnn_lm.sweep.settings import SweepSettings
from rnn_lm.sweep.trial import KEPT_OF_BEST, Bench, run_trial, trial_folder, trim_trial
from rnn_lm.sweep.vectors import TrialVectors

SETTINGS = "settings"
"""The attribute of a study that holds what it is about."""
TRIALS = "trials"
"""The folder, in a sweep's, with a folder per trial."""


def open_study(storage: BaseStorage, name: str, settings: SweepSettings) -> Study:
    """Make the study called ``name``, or join the one that is there.

    Raises:
        UserError: that one is about something else.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # what is worth saying is said by us
    sampler, pruner = RepeatableSampler(settings.sampler_seed), make_pruner(settings.pruner)
    study = optuna.create_study(storage=storage, study_name=name, sampler=sampler, pruner=pruner, load_if_exists=True)
    begun = bool(study.get_trials(deepcopy=False))  # asked first: whoever begins a study sets its attribute before that
    wanted = json.loads(json.dumps(settings.to_json()))  # as the storage gives it back: tuples as lists
    if SETTINGS not in study.user_attrs:
        if begun:
            raise UserError(f"study {name!r} is not one of rnn-lm sweep's; choose another --study-name")
        study.set_user_attr(SETTINGS, wanted)
    _require_same(name, completed(study.user_attrs[SETTINGS], settings.parts(), f"study {name!r}"), wanted)
    require_sound(study, [flag_name(dimension.field) for dimension in settings.space])
    return study


def _require_same(name: str, found: Any, wanted: Any) -> None:
    differing = first_difference(found, wanted)
    if differing is not None:
        field, was, now = differing
        raise UserError(
            f"study {name!r} has {field.rpartition('.')[2].replace('_', '-')} {was!r}, not {now!r}; repeat its "
            "settings to join it, or choose another --study-name"
        )


@dataclass(frozen=True)
class Sweep:
    """One process's part in a study.

    Attributes:
        study: shared with others, perhaps.
        settings: what it is about.
        prepared: the corpus.
        folder: a started run.
        wanted: trials to have ended in the study, whoever ran them.
        runtime: where this process trains its trials.
    """

    study: Study
    settings: SweepSettings
    prepared: PreparedCorpus
    folder: Path
    wanted: int
    runtime: Runtime = field(default_factory=Runtime)

    def run(self, progress: Progress) -> None:
        """Run trials until those that have ended and those that others are at come to ``wanted``.

        Raises:
            KeyboardInterrupt: Ctrl-C; the trial under way is marked, and tried again by whoever goes on.
            UserError: see ``run_trial``.
        """
        vectors = TrialVectors(self.prepared, self.folder if self.settings.shares_vectors else None)
        bench = Bench(self.settings, self.prepared, vectors, make_folder(self.folder / TRIALS), self.runtime)
        with progress.task("sweep", self.wanted) as task:
            while self._wants_another(progress):
                self._run_one(bench, progress, task)
        self._trim(bench.trials)

    def _wants_another(self, progress: Progress) -> bool:
        for number in retry_cut_off(self.study):
            progress.say(f"trial {number} was cut off: its settings are tried again")
        return sum(one.state in (*COUNTED, "running") for one in outcomes(self.study)) < self.wanted

    def _run_one(self, bench: Bench, progress: Progress, task: Task) -> None:
        found = outcomes(self.study)
        best, done = best_of(found), sum(one.state in COUNTED for one in found)
        trial = self.study.ask()
        own = TrialProgress(progress, task, done, trial.number, _perplexity_of(best))
        own.show(0.0, {})
        try:
            with heartbeat(trial):
                self._settle(bench, trial, own)
        except UpdateFinishedTrialError:
            # Suspended for minutes, say. Somebody else has the settings by now, so that nothing is missing.
            progress.say(f"trial {trial.number} was taken for cut off by another process")
        self._trim(bench.trials)
        outcome = outcomes(self.study)[trial.number]
        progress.say(described(outcome, best))

    def _settle(self, bench: Bench, trial: Trial, progress: Progress) -> None:
        """Run a trial and tell the study how it ended, unless another process has ended it already."""
        try:
            value = run_trial(bench, trial, progress)
        except TrialPruned:
            self.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
        except KeyboardInterrupt:
            with contextlib.suppress(UpdateFinishedTrialError):
                trial.set_user_attr(INTERRUPTED, True)
                self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise
        except Exception:
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise
        else:
            self.study.tell(trial, value, skip_if_finished=True)

    def _trim(self, trials: Path) -> None:
        """Leave checkpoints to the best trial alone: those of all would fill the disk."""
        found = outcomes(self.study)
        best = best_of(found)
        for one in found:
            if one.state not in ("running", "waiting"):
                trim_trial(trial_folder(trials, one.number), KEPT_OF_BEST if one == best else ())


def described(outcome: Outcome, best_before: Outcome | None) -> str:
    """A trial that has ended, in one line; ``best_before`` is what it had to beat."""
    is_best = best_before is None or best_of((best_before, outcome)) is outcome
    shown = numbers.perplexity(outcome.valid_perplexity)
    ends = {
        "complete": f"valid perplexity {shown}{', the best so far' if is_best else ''}",
        "pruned": f"pruned after {outcome.pruned_at or 0:.0%} of its budget at valid perplexity {shown}",
        "diverged": f"failed, it diverged ({outcome.reason})",
        "refused": f"failed, its settings do not go together ({outcome.reason})",
    }
    return (
        f"trial {outcome.number}: {ends.get(outcome.state, outcome.state)}, in {duration(outcome.seconds or 0)}: "
        f"{params_text(outcome.params)}"
    )


def params_text(params: dict[str, Value]) -> str:
    """Settings in one line, numbers to four digits."""
    return ", ".join(f"{name} {setting(value)}" for name, value in params.items())


def _perplexity_of(best: Outcome | None) -> float:
    value = perplexity(best.valid_nll) if best is not None else None
    return math.inf if value is None else value
