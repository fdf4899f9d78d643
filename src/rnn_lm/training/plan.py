"""From a budget to a number of steps, so that the same number repeats the run on any machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rnn_lm.config import Budget, TrainingConfig

CALIBRATION_STEPS = 20
"""Steps timed before a budget in seconds is turned into steps for the first time; half of them warm up the machine."""
PLAN_SHARE = 0.02
"""A budget in seconds is turned into steps again whenever this share of it has passed: a machine that was busy at first
would otherwise make the whole run too short."""
LAST_PLAN = 0.95
"""Share of the steps after which the plan stands. Until there it changes less and less, as it goes by the mean of all
steps; so a schedule that has nearly come down does not go up again."""


@dataclass(frozen=True)
class Costs:
    """Seconds that things take on this machine.

    Attributes:
        sampled_step: a step as the run begins: with the sampled softmax, or with the only one there is.
        exact_step: a step with the exact softmax.
        validation: a validation in training.
    """

    sampled_step: float
    exact_step: float
    validation: float


def steps_for(config: TrainingConfig, steps_in: Callable[[float], float]) -> int | None:
    """Steps in the budget, or None where it is a time and the costs must be measured first.

    ``steps_in`` says how many steps are in so many epochs.
    """
    budget = Budget.parse(config.budget)
    if budget.unit == "seconds":
        return None
    return max(1, math.ceil(steps_in(budget.amount) if budget.unit == "epochs" else budget.amount))


def steps_for_time(config: TrainingConfig, costs: Costs, steps_done: int, seconds_done: float, validated: float) -> int:
    """Steps in a whole run that is to last the budget's seconds.

    What is left of the time pays for the validations to come, for sampled steps up to the exact share, and for exact
    ones from there; with s steps done and T in all, left = (T (1 - e) - s) sampled + T e exact.

    Args:
        config: of the run.
        costs: measured lately.
        steps_done: s, none of them exact if the run begins with the sampled softmax.
        seconds_done: so far.
        validated: share of the validations that are done.
    """
    left = Budget.parse(config.budget).amount - seconds_done - (1 - validated) * config.validations * costs.validation
    share = config.exact_share if config.softmax == "sampled" else 0.0
    mean_cost = (1 - share) * costs.sampled_step + share * costs.exact_step
    return max(steps_done + 1, int((left + steps_done * costs.sampled_step) / mean_cost))


def softmax_at(config: TrainingConfig, step: int, total_steps: int) -> str:
    """The training loss of step number ``step`` (from 0): sampled turns exact for the last share of the steps."""
    if config.softmax == "sampled" and step >= round(total_steps * (1 - config.exact_share)):
        return "exact"
    return config.softmax


def validates_after(config: TrainingConfig, total_steps: int, step: int) -> bool:
    """Whether valid is scored after step number ``step`` (from 1): evenly spread, the last step always among them."""
    count = min(config.validations, total_steps)
    nearest = round(step * count / total_steps)
    return any(
        1 <= one <= count and round(total_steps * one / count) == step for one in range(nearest - 1, nearest + 2)
    )
