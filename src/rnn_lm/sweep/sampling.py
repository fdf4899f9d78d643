"""Which settings are tried next, and which trials are given up: the space, the sampler and the pruner for Optuna."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from optuna import Study, Trial
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from rnn_lm.seeding import derived_seed
from rnn_lm.sweep.configs import Value, flag_name
from rnn_lm.sweep.space import Choices, Dimension

PrunerName = Literal["median", "halving", "none"]

WHOLE_BUDGET = 1000
"""Pruners compare trials at equal shares of their budgets, in thousandths: steps would differ with the batch size."""
TRIALS_BEFORE_MEDIAN = 5
"""The median of fewer complete trials than this says too little to give one up."""
UNPRUNED_BUDGET = 300
"""Thousandths of the budget before which the median prunes nothing: a high learning rate begins badly and ends well."""
FIRST_RUNG = 100
"""Thousandths of the budget at which successive halving first compares; then at 3 and at 9 times that."""
REDUCTION_FACTOR = 3
"""One trial of this many goes on from a rung."""


def suggest(trial: Trial, space: Sequence[Dimension]) -> dict[str, Value]:
    """This trial's value for every dimension of ``space``, by field name."""
    return {dimension.field: _suggest(trial, dimension) for dimension in space}


def _suggest(trial: Trial, dimension: Dimension) -> Value:
    name = flag_name(dimension.field)
    if isinstance(dimension, Choices):
        return trial.suggest_categorical(name, dimension.values)
    log = dimension.scale == "log"
    if isinstance(dimension.low, int) and isinstance(dimension.high, int):
        return trial.suggest_int(name, dimension.low, dimension.high, step=int(dimension.step or 1), log=log)
    return trial.suggest_float(name, dimension.low, dimension.high, step=dimension.step, log=log)


def make_pruner(name: PrunerName) -> BasePruner:
    """The pruner called ``name``: median rule, successive halving (Li et al. 2020, ASHA), or none."""
    if name == "median":
        return MedianPruner(n_startup_trials=TRIALS_BEFORE_MEDIAN, n_warmup_steps=UNPRUNED_BUDGET)
    if name == "halving":
        return SuccessiveHalvingPruner(min_resource=FIRST_RUNG, reduction_factor=REDUCTION_FACTOR)
    return NopPruner()


class RepeatableSampler(BaseSampler):
    """TPE (Bergstra et al. 2011) whose draw depends on the seed, the finished trials and the trial's place alone.

    Optuna's own sampler draws from one stream over the life of a process, so that a process that goes on with a study
    begins the stream again, and tries again what was tried. Here each trial has a stream of its own, picked by its
    place among the trials that were not cut off: a sweep that was interrupted and resumed goes through the same
    settings as one that ran through, and of several processes no two draw the same.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._sampler = TPESampler(seed=0)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        earlier = [one for one in study.get_trials(deepcopy=False) if one.number < trial.number]
        place = sum(one.state != TrialState.FAIL for one in earlier)
        self._sampler = TPESampler(seed=derived_seed(self.seed, f"sweep trial {place}") % 2**32)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)
