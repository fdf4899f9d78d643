"""A study in plain values: each trial's outcome, the best of them, and what mattered; the ``sweep`` part of results."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from optuna import Study
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from rnn_lm.config import Precision
from rnn_lm.errors import UserError
from rnn_lm.schema import first_problem
from rnn_lm.sweep.configs import Value, train_command
from rnn_lm.sweep.liveness import ATTEMPT, RETRY_OF, Worker
from rnn_lm.sweep.sampling import WHOLE_BUDGET
from rnn_lm.sweep.settings import SweepSettings
from rnn_lm.sweep.trial import DIVERGED, REFUSED, STEPS
from rnn_lm.training.trainer import LARGEST_NLL

State = Literal["complete", "pruned", "diverged", "refused", "cut off", "running", "waiting"]

COUNTED: tuple[State, ...] = ("complete", "pruned", "diverged", "refused")
"""The states of a trial that says something about its settings, and counts towards ``--trials``."""
GOOD_SHARE = 0.25
"""Importances tell what sets this share of the complete trials, the best ones, apart from the rest."""
FEWEST_FOR_IMPORTANCE = 8
"""Complete trials from which importances are computed: two good ones, at least."""


@dataclass(frozen=True)
class Outcome:
    """What became of one trial.

    Attributes:
        number: of the trial, counted over all processes.
        state: see ``State``; "cut off" by Ctrl-C, a crash or a kill.
        params: by flag name.
        valid_nll: lowest of its validations, in nats; None before the first.
        curve: share of the budget and valid NLL of each validation.
        seconds: from beginning to end; None where it has not ended.
        steps: what its budget came to; None where it did not get to the end.
        retry_of: the cut-off trial that this one repeats.
        reason: why it diverged, or its settings were refused; None where neither was so.
    """

    number: int
    state: State
    params: dict[str, Value]
    valid_nll: float | None
    curve: list[tuple[float, float]]
    seconds: float | None
    steps: int | None
    retry_of: int | None
    reason: str | None = None

    @property
    def valid_perplexity(self) -> float | None:
        """The same for a person."""
        return perplexity(self.valid_nll)

    @property
    def pruned_at(self) -> float | None:
        """Share of its budget that a pruned trial was given."""
        return self.curve[-1][0] if self.state == "pruned" and self.curve else None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "number": self.number,
            "state": self.state,
            "params": self.params,
            "valid_perplexity": self.valid_perplexity,
            "pruned_at": self.pruned_at,
            "seconds": self.seconds,
            "steps": self.steps,
            "retry_of": self.retry_of,
            **({"reason": self.reason} if self.reason is not None else {}),
            "curve": [{"budget": share, "valid_perplexity": perplexity(nll)} for share, nll in self.curve],
        }


def perplexity(nll: float | None) -> float | None:
    """exp of a mean NLL; None where that is no finite number, which JSON could not hold."""
    return math.exp(nll) if nll is not None and nll < LARGEST_NLL else None


def outcomes(study: Study) -> list[Outcome]:
    """Every trial of ``study``, by number."""
    return [_outcome(trial) for trial in study.get_trials(deepcopy=False)]


def _outcome(trial: FrozenTrial) -> Outcome:
    curve = [(step / WHOLE_BUDGET, nll) for step, nll in sorted(trial.intermediate_values.items())]
    return Outcome(
        trial.number,
        _state(trial),
        dict(trial.params),
        trial.value if trial.state == TrialState.COMPLETE else min((nll for _, nll in curve), default=None),
        curve,
        trial.duration.total_seconds() if trial.duration is not None else None,
        trial.user_attrs.get(STEPS),
        trial.user_attrs.get(RETRY_OF),
        trial.user_attrs.get(DIVERGED, trial.user_attrs.get(REFUSED)),
    )


def require_sound(study: Study, names: Sequence[str]) -> None:
    """Refuse a study whose trials are not such as a sweep over the settings called ``names`` leaves.

    Raises:
        UserError: names the trial and what is wrong with it.
    """
    for trial in study.get_trials(deepcopy=False):
        problem = _trial_problem(trial, names)
        if problem is not None:
            raise UserError(
                f"study {study.study_name!r}: trial {trial.number} {problem}; it is damaged or was changed by hand: "
                "choose another --out or --study-name"
            )


def _trial_problem(trial: FrozenTrial, names: Sequence[str]) -> str | None:
    unknown = [name for name in trial.params if name not in names]
    if unknown:
        return f"has a value of {unknown[0]!r}, which is not in the space"
    if trial.state == TrialState.COMPLETE:
        if set(trial.params) != set(names):
            return "ended without a value of every setting"
        if not trial.values or len(trial.values) != 1 or not 0 <= trial.values[0] < LARGEST_NLL:
            return "ended with a loss that is none"
    if not all(0 < step <= WHOLE_BUDGET for step in trial.intermediate_values):
        return "was measured at a share of its budget that is none"
    numbers = {key: trial.user_attrs.get(key) for key in (RETRY_OF, ATTEMPT)}
    if not all(value is None or (type(value) is int and value >= 0) for value in numbers.values()):
        return f"has {' or '.join(map(repr, numbers))} that is no number"
    problem = first_problem(dict(trial.user_attrs), _Attributes)
    return f"has an attribute that is none: {problem}" if problem else None


class _Attributes(TypedDict, total=False):
    """What a trial carries besides what Optuna knows."""

    worker: Worker
    beat: float
    interrupted: bool
    steps: int
    diverged: str
    refused: str


def _state(trial: FrozenTrial) -> State:
    if DIVERGED in trial.user_attrs:
        return "diverged"
    if REFUSED in trial.user_attrs:
        return "refused"
    names: dict[TrialState, State] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "cut off",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }
    return names[trial.state]


def ranked(found: Sequence[Outcome]) -> list[Outcome]:
    """Complete trials, the best first; of equals the earlier."""
    complete = [one for one in found if one.state == "complete"]
    return sorted(complete, key=lambda one: (one.valid_nll, one.number))


def best_of(found: Sequence[Outcome]) -> Outcome | None:
    """The complete trial with the lowest valid perplexity; None before the first."""
    return next(iter(ranked(found)), None)


def importances(study: Study, found: Sequence[Outcome]) -> dict[str, float]:
    """How much each dimension decides whether a trial is among the best quarter, in shares of 1.

    PED-ANOVA (Watanabe et al. 2023), over complete trials alone: pruned ones stopped at different shares of their
    budgets. Empty where complete ones are too few, or there is but one dimension.
    """
    complete = ranked(found)
    if len(complete) < FEWEST_FOR_IMPORTANCE or len(complete[0].params) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental to Optuna; and equal importances are seen as such
        try:
            found_shares = get_param_importances(
                study, evaluator=PedAnovaImportanceEvaluator(target_quantile=GOOD_SHARE)
            )
        except (ArithmeticError, ValueError, RuntimeError):  # all trials alike: nothing to tell apart
            return {}
    return found_shares if all(map(math.isfinite, found_shares.values())) else {}


def describe(study: Study, settings: SweepSettings, folder: Path, precision: Precision = "32-true") -> dict[str, Any]:
    """The ``sweep`` part of a results file; ``folder`` is the sweep's, ``precision`` that of its trials."""
    found = outcomes(study)
    best = best_of(found)
    return {
        "study": study.study_name,
        "space": settings.to_json()["space"],
        "trials": [one.to_json() for one in found],
        "best": None if best is None else {**best.to_json(), "command": command_of(best, settings, folder, precision)},
        "importances": importances(study, found),
    }


def command_of(best: Outcome, settings: SweepSettings, folder: Path, precision: Precision = "32-true") -> str:
    """The command line that repeats a complete trial, into a folder beside the sweep's."""
    values: Mapping[str, Value] = {name.replace("-", "_"): value for name, value in best.params.items()}
    out = folder.with_name(f"{folder.name}-best")
    command = train_command(settings.corpus, settings.configs.with_values(values), best.steps or 1, out)
    return command if precision == "32-true" else f"{command} --precision {precision}"
