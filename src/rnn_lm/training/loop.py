"""The one training loop: every model here learns by it, whatever it learns from.

    batch = batches(position)                                      text in columns, sentences, lists to be repeated
    loss  = objective.loss(model, batch, state, random)            next token, agreement, recall, ...
    gradients of loss.total  ->  norm  ->  clipped  ->  learning rate  ->  weights
    callbacks are told of the step: they keep the clock, plan, validate, log, average, write checkpoints

On the CPU loss and norms are read within each step, so that one that is no number changes no weight. On an accelerator
to read is to wait (``layers/asking.py``): steps are taken one after the other, and their figures read every so often,
always before a validation or a checkpoint, so that neither is made of weights that are no numbers::

    take, take, take, ... take   read: all records, or TrainingDiverged   validate, log, checkpoint   take, take, ...

``trainer.py`` puts it together for a text; suites and the recall exercise use it as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.asking import known_one
from rnn_lm.layers.state import State
from rnn_lm.runtime import Runtime
from rnn_lm.training.log import StepRecord
from rnn_lm.training.optimizer import (
    build_optimizer,
    clip_gradients,
    clip_unread,
    learning_rate,
    norms_of,
    set_rate,
)
from rnn_lm.training.position import Position


class TrainingDiverged(UserError):
    """The loss, the gradient or the validation stopped being a number, or one with a sense."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step reads; an objective's own batches hold the rest.

    Attributes:
        token_count: targets that count, in all processes together; losses are divided by it.
        epoch: passes over the text completed before it.
        epochs_done: passes completed with it, with fraction.
        rate_factor: what the learning rate is multiplied by.
    """

    token_count: int
    epoch: int = 0
    epochs_done: float = 0.0
    rate_factor: float = 1.0


class Loss(NamedTuple):
    """What an objective makes of a batch.

    Attributes:
        total: what is differentiated.
        nll: this process's share of the mean NLL of a token, in nats, which is logged.
        state: of the model after the batch.
        softmax: how ``nll`` was computed: "exact", "sampled" or "adaptive".
    """

    total: Tensor
    nll: Tensor
    state: State = ()
    softmax: str = "exact"


M = TypeVar("M", bound=nn.Module)
M_contra = TypeVar("M_contra", bound=nn.Module, contravariant=True)
B = TypeVar("B", bound=Batch)
B_contra = TypeVar("B_contra", bound=Batch, contravariant=True)
Random = Mapping[str, torch.Generator]
"""Random streams by purpose: "dropout", "noise words"."""


@runtime_checkable
class Objective(Protocol[M_contra, B_contra]):
    """What a model is to learn from a batch."""

    def loss(self, model: M_contra, batch: B_contra, state: State, random: Random) -> Loss:
        """Read ``batch``.

        Args:
            model: what is trained.
            batch: of the kind that the objective is for.
            state: what the batch before left; at first whatever the loop was given.
            random: for dropout and the like.
        """
        ...


class Norms(NamedTuple):
    """Gradient norms, still on the device.

    Attributes:
        values_k: norms whose root of the sum of squares is that of all gradients.
        parts: what part of the model each is of; several may be of one.
    """

    values_k: Tensor
    parts: tuple[str, ...]

    def read(self, values: Sequence[float]) -> dict[str, float]:
        """The norm of each part, given the values as numbers."""
        squares: dict[str, float] = {}
        for part, value in zip(self.parts, values, strict=True):
            squares[part] = squares.get(part, 0.0) + value * value
        return {part: math.sqrt(square) for part, square in squares.items()}


class Computed(NamedTuple):
    """What a step leaves on the device.

    Attributes:
        state: of the model after the batch.
        softmax: see ``Loss``.
        norms: before clipping.
        figures_k: the mean NLL, then the norms' values, then the global norm after clipping.
    """

    state: State
    softmax: str
    norms: Norms
    figures_k: Tensor


class Taken(NamedTuple):
    """A step that has been taken, its figures perhaps not computed yet.

    Attributes:
        step, epoch, tokens, seconds, softmax, learning_rate: see ``StepRecord``.
        token_count: targets of this step.
        norms: before clipping.
        figures_k: the mean NLL, then the norms' values, then the global norm after clipping.
    """

    step: int
    epoch: float
    tokens: int
    seconds: float
    softmax: str
    learning_rate: float
    token_count: int
    norms: Norms
    figures_k: Tensor

    def record(self, figures: Sequence[float]) -> StepRecord:
        """The record of the step, given its figures as numbers."""
        mean_nll, *values, norm_after = figures
        parts = self.norms.read(values)
        return StepRecord(
            self.step, self.epoch, self.tokens, self.seconds, mean_nll, self.softmax, self.learning_rate,
            math.hypot(*parts.values()), norm_after, parts,
        )  # fmt: skip


class Callback:
    """What is done around the steps. What it raises ends the run there."""

    def before_step(self) -> None:
        """A step is about to be taken."""

    def step_taken(self) -> None:
        """The weights have changed; what the step measured may still be unknown."""

    def must_read(self) -> bool:
        """Whether what was measured so far has to be known before another step is taken."""
        return False

    def after_step(self, record: StepRecord) -> None:
        """What a step measured is known: on the CPU before the next one, on an accelerator perhaps some steps later."""

    def finish(self) -> None:
        """The last step has been taken."""


class TrainingLoop(Generic[M, B]):
    """Trains one model.

    Args:
        model: changed in place.
        batches: what the step after a position reads.
        objective: see there.
        config: optimizer, schedule and clipping.
        position: how far the training is, and how many steps it has.
        random: see ``Objective.loss``.
        runtime: device, precision and processes; default: the CPU, alone.
        norms: the gradient norms that are logged, by part of the model; their root of the sum of squares is clipped.
        callbacks: told of each step in this order.

    Attributes:
        read_every: steps whose figures are read together.
        unread: those taken since.
    """

    def __init__(
        self,
        model: M,
        batches: Callable[[Position], B],
        objective: Objective[M, B],
        config: TrainingConfig,
        position: Position,
        *,
        random: Random | None = None,
        runtime: Runtime | None = None,
        norms: Callable[[nn.Module], Norms] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.model, self.batches, self.objective, self.config = model, batches, objective, config
        self.position, self.random, self.runtime = position, random or {}, runtime or Runtime()
        self.norms, self.callbacks = norms or whole_norm, list(callbacks)
        self.optimizer = build_optimizer(model, config, recorded=self.runtime.records)
        self.one, self.rate = known_one(self.runtime.device), math.nan
        self.state: State = ()
        self.read_every = self.runtime.most_unread
        self.unread: list[Taken] = []

    @property
    def done(self) -> bool:
        """Whether there is no step left to take."""
        return self.position.finished

    @property
    def progress_share(self) -> float:
        """Share of the budget that is done; while the plan is not made yet, the start of the warm-up."""
        return self.position.step / self.position.total_steps if self.position.total_steps else 0.0

    def train(self) -> None:
        """Take steps until there is none left.

        Raises:
            TrainingDiverged: NaN or infinity.
            anything that a callback raises.
        """
        while not self.done:
            for callback in self.callbacks:
                callback.before_step()
            self.unread.append(self.take())
            for callback in self.callbacks:
                callback.step_taken()
            full = len(self.unread) >= self.read_every or self.position.finished
            if full or any(callback.must_read() for callback in self.callbacks):
                for record in self.read():
                    for callback in self.callbacks:
                        callback.after_step(record)
        for callback in self.callbacks:
            callback.finish()

    def step(self) -> StepRecord:
        """Take one step, and read what it measured."""
        self.unread.append(self.take())
        return self.read()[-1]

    def take(self) -> Taken:
        """Take one step, top to bottom."""
        position = self.position
        batch = self.batches(position)
        rate = learning_rate(self.config, self.progress_share, position.reductions, batch.epoch) * batch.rate_factor
        if rate != self.rate:
            set_rate(self.optimizer, rate)
            self.rate = rate
        computed = self.compute(batch, self.state)
        self.state = computed.state
        position.advance(batch.token_count)
        return Taken(
            position.step, batch.epochs_done, position.tokens, position.seconds, computed.softmax, rate,
            batch.token_count, computed.norms, computed.figures_k,
        )  # fmt: skip

    def compute(self, batch: B, state: State) -> Computed:
        """All of a step that is the device's: the loss, its gradients, clipped, and the weights changed by them."""
        config = self.config
        with self.runtime.autocast():
            loss = self.objective.loss(self.model, batch, state, self.random)
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward(self.one)
        gradients = self.runtime.sum_gradients(list(self.model.parameters()))
        self.runtime.sum_in_place([loss.nll.detach()])

        norms, nll = self.norms(self.model), loss.nll.detach().view(1)
        if self.runtime.most_unread > 1:
            norm_after = clip_unread(self.optimizer, gradients, norms.values_k, config)
        else:
            norm_before = math.hypot(*norms.read(norms.values_k.tolist()).values())
            self._require_finite(float(nll), norm_before, self.position.step + 1)
            norm_after = nll.new_tensor(clip_gradients(gradients, norm_before, config), dtype=torch.float64)
        self.optimizer.step()
        return Computed(loss.state, loss.softmax, norms, torch.cat([nll, norms.values_k, norm_after.view(1)]))

    def read(self) -> list[StepRecord]:
        """What was measured by the steps taken since this was asked last, in one transfer from the device.

        Raises:
            TrainingDiverged: the first of them that is no number.
        """
        steps, self.unread = self.unread, []
        figures = torch.cat([step.figures_k for step in steps]).tolist()
        records: list[StepRecord] = []
        for step in steps:
            count = len(step.figures_k)
            record, figures = step.record(figures[:count]), figures[count:]
            self._require_finite(record.loss, record.norm_before, record.step)
            if record.softmax != "sampled":
                self.position.add_nll(step.token_count, record.loss)
            records.append(record)
        return records

    def _require_finite(self, loss: float, norm: float, step: int) -> None:
        for what, value in (("loss", loss), ("gradient norm", norm)):
            if not math.isfinite(value):
                raise self.diverged(what, value, step)

    def diverged(self, what: str, value: float, step: int) -> TrainingDiverged:
        """The error that ends the run where ``what`` has become ``value``."""
        return TrainingDiverged(f"the {what} became {value:g} at step {step}; {self.advice()}")

    def advice(self) -> str:
        """What helps against divergence."""
        return f"try --clip norm --clip-threshold 0.25, or --learning-rate {self.config.learning_rate / 4:g}"


def whole_norm(model: nn.Module) -> Norms:
    """The norm of all gradients taken as one vector."""
    gradients = [one.grad for one in model.parameters() if one.grad is not None]
    return Norms(torch.linalg.vector_norm(norms_of(gradients)).view(1), ("all",))


def norms_by_part(model: nn.Module) -> Norms:
    """Gradient norm of each part of a model: embedding, every layer, decoder."""
    gradients = {name: one.grad for name, one in model.named_parameters() if one.grad is not None}
    parts = tuple(
        ".".join(name.split(".")[:2]) if name.startswith("layers.") else re.split(r"[_.]", name)[0]
        for name in gradients
    )
    return Norms(norms_of(list(gradients.values())), parts)
