"""From a budget to a number of steps, so that the same number repeats the run on any machine."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnn_lm.config import Budget, TrainingConfig

CALIBRATION_STEPS = 20
"""Steps timed before a budget in seconds is turned into steps; half of them warm up the machine."""


@dataclass(frozen=True)
class Costs:
    """Seconds that a step with the sampled and with the exact softmax, and a validation, take on this machine."""

    sampled_step: float
    exact_step: float
    validation: float


def steps_for(config: TrainingConfig, segments_per_epoch: int) -> int | None:
    """Steps in the budget, or None where it is a time and the costs must be measured first."""
    budget = Budget.parse(config.budget)
    if budget.unit == "seconds":
        return None
    return max(1, math.ceil(budget.amount * (segments_per_epoch if budget.unit == "epochs" else 1)))


def steps_for_time(config: TrainingConfig, costs: Costs, steps_done: int, seconds_done: float) -> int:
    """Steps that fit a budget in seconds: the time left, less the validations', divided by a step's mean cost."""
    left = Budget.parse(config.budget).amount - seconds_done - config.validations * costs.validation
    exact_share = config.exact_share if config.softmax == "sampled" else 1.0
    mean_cost = exact_share * costs.exact_step + (1 - exact_share) * costs.sampled_step
    return steps_done + max(1, int(left / mean_cost))


def softmax_at(config: TrainingConfig, step: int, total_steps: int) -> str:
    """The training loss of step number ``step`` (from 0): sampled turns exact for the last share of the steps."""
    if config.softmax == "sampled" and step >= round(total_steps * (1 - config.exact_share)):
        return "exact"
    return config.softmax


def validation_steps(config: TrainingConfig, total_steps: int) -> set[int]:
    """Steps after which valid is scored: evenly spread, the last step always among them."""
    count = min(config.validations, total_steps)
    return {round(total_steps * (index + 1) / count) for index in range(count)}
