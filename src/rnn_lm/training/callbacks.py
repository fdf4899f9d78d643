"""What is done around the steps of a run over a text: the clock, the plan, averaging, the log, what the person sees.

``Trainer`` puts them in this order, so that each finds what those before it have done. Validations are in
``validation.py``, checkpoints in ``checkpoints.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rnn_lm.config import Budget, TrainingConfig
from rnn_lm.progress import Task
from rnn_lm.training.averaging import WeightAverage, in_tail
from rnn_lm.training.interrupt import Interrupt
from rnn_lm.training.log import StepRecord, TrainingLog
from rnn_lm.training.loop import Callback, TrainingLoop
from rnn_lm.training.plan import CALIBRATION_STEPS, LAST_PLAN, PLAN_SHARE, Costs, steps_for_time
from rnn_lm.training.position import Position
from rnn_lm.training.validation import shown_perplexity

READ_SECONDS = 1.0
"""How long an accelerator may work before what it measured is read, and a wish to stop heard."""


class Averaging(Callback):
    """Takes each step's weights into the mean, once there is one; where it is of the tail, begins it."""

    def __init__(self, average: WeightAverage, config: TrainingConfig, position: Position) -> None:
        self.average, self.config, self.position = average, config, position

    def step_taken(self) -> None:
        if not self.average.started and in_tail(self.config, self.position):
            self.average.start()
        if self.average.started:
            self.position.averaged_steps += 1
            self.average.add(self.position.averaged_steps)


class Logging(Callback):
    """Writes each step down."""

    def __init__(self, log: TrainingLog) -> None:
        self.log = log

    def after_step(self, record: StepRecord) -> None:
        self.log.add(record)


class Clock(Callback):
    """Reads the time, and hears of interruptions. The first process's clock counts for all, so that all plan alike.

    Attributes:
        asked: whether any process was asked to stop.
        step_seconds: of each step since the last plan.
    """

    def __init__(self, loop: TrainingLoop[Any, Any], interrupt: Interrupt) -> None:
        self.loop, self.interrupt = loop, interrupt
        self.asked = False
        self.step_seconds: list[float] = []
        self._step_started, self._first_unread = time.monotonic(), loop.position.step
        self._started = self._step_started - loop.position.seconds

    def before_step(self) -> None:
        if not self.loop.unread:
            self._step_started, self._first_unread = time.monotonic(), self.loop.position.step

    def after_step(self, record: StepRecord) -> None:
        loop, runtime, now = self.loop, self.loop.runtime, time.monotonic()
        if record.step < loop.position.step:
            return  # the newest of those read together knows the time
        count = record.step - self._first_unread
        times = (now - self._started, (now - self._step_started) / count) if runtime.first else (0.0, 0.0)
        loop.position.seconds, step_seconds, wishes = runtime.totals(*times, float(self.interrupt.asked))
        self.step_seconds += [step_seconds] * count
        loop.read_every = min(runtime.most_unread, max(1, int(READ_SECONDS / max(step_seconds, 1e-9))))
        self.asked = wishes > 0


class Planning(Callback):
    """Where the budget is a time: how many steps it comes to, by what steps have cost lately.

    Args:
        loop: whose position is given a number of steps.
        clock: knows what steps cost.
        config: the budget.
        exact_step: seconds of a step with the exact softmax, measured where it is asked for.
        validation: seconds of a validation, measured where it is asked for before there has been one.
        planned: told when the first plan is made.
    """

    def __init__(
        self,
        loop: TrainingLoop[Any, Any],
        clock: Clock,
        config: TrainingConfig,
        exact_step: Callable[[], float],
        validation: Callable[[], float],
        planned: Callable[[], None],
    ) -> None:
        self.loop, self.clock, self.config = loop, clock, config
        self.exact_step, self.validation, self.planned = exact_step, validation, planned
        self.budget = Budget.parse(config.budget)
        self.planned_at = loop.position.seconds
        self.costs: Costs | None = None
        self.timed_steps, self.timed_seconds = 0, 0.0

    def after_step(self, record: StepRecord) -> None:
        position, config = self.loop.position, self.config
        budget = self.budget
        if budget.unit != "seconds" or position.step < CALIBRATION_STEPS or record.step < position.step:
            return
        first, records = position.total_steps is None, self.loop.runtime.records
        soon = position.seconds - self.planned_at < PLAN_SHARE * budget.amount
        if (soon and (records or not first)) or self.loop.progress_share > LAST_PLAN * (1 - config.exact_share):
            return
        seconds = self.clock.step_seconds
        if records:
            # Each kind of step is slow twice, until it has been recorded; the later ones tell what is to come.
            recent = seconds[len(seconds) // 2 :]
            self.timed_steps, self.timed_seconds = 0, 0.0
        else:
            recent = seconds[CALIBRATION_STEPS // 2 :] if first else seconds
        # Of all steps so far: those of a while in which the machine was busy count for as many as they are. A plan made
        # by the last few alone would take them for the rest of the run, and be over early.
        self.timed_steps, self.timed_seconds = self.timed_steps + len(recent), self.timed_seconds + sum(recent)
        per_step = self.timed_seconds / self.timed_steps
        if self.costs is None:
            exact = self.exact_step() if config.softmax == "sampled" else per_step
            self.costs = self.loop.runtime.from_first(Costs(per_step, exact, self.validation()))
        # What the exact step and a validation cost was timed once; both are as much slower as a step has become, unless
        # it has become quicker by having been recorded. Once there has been a validation, it tells what others cost.
        slower = 1.0 if records else per_step / self.costs.sampled_step
        validation = self.costs.validation * slower
        if position.best_step:
            validation = self.loop.runtime.from_first(self.validation())
        costs = Costs(per_step, self.costs.exact_step * slower, validation)
        done = (position.step, position.seconds, self.loop.progress_share)
        position.total_steps = steps_for_time(config, costs, *done)
        self.planned_at, self.clock.step_seconds = position.seconds, []
        if first:
            self.planned()


class Showing(Callback):
    """Shows how far the run is."""

    def __init__(self, loop: TrainingLoop[Any, Any], task: Task, log: TrainingLog) -> None:
        self.loop, self.task, self.log = loop, task, log

    def after_step(self, record: StepRecord) -> None:
        position = self.loop.position
        figures: dict[str, float | str] = {"loss": record.loss, "gradient": record.norm_before}
        if self.log.validations:
            figures["valid ppl"] = shown_perplexity(self.log.validations[-1].valid_nll)
        figures["tokens/s"] = position.tokens / max(position.seconds, 1e-9)
        self.task.update(self.loop.progress_share, **figures)
