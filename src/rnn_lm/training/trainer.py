"""The training loop: truncated BPTT over a text in columns, interruptible and resumable to the bit."""

from __future__ import annotations

import math
import re
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.checkpoint import (
    BEST,
    LAST,
    model_tensors,
    optimizer_tensors,
    read_checkpoint,
    require_facts,
    restore_generator,
    restore_model,
    restore_optimizer,
    restored_parts,
    write_checkpoint,
)
from rnn_lm.config import Budget, TrainingConfig, from_json
from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_json
from rnn_lm.layers.state import State
from rnn_lm.limits import flag
from rnn_lm.models.recurrent import RecurrentLanguageModel, drop_output
from rnn_lm.progress import Progress, Task
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText, Segment, SegmentStream
from rnn_lm.training.averaging import WeightAverage, should_average
from rnn_lm.training.interrupt import Interrupt, TrainingInterrupted
from rnn_lm.training.log import StepRecord, TrainingLog, ValidationRecord
from rnn_lm.training.losses import NoiseDistribution, Scratch, adaptive_loss, exact_loss, sampled_loss
from rnn_lm.training.optimizer import build_optimizer, clip_gradients, learning_rate
from rnn_lm.training.plan import (
    CALIBRATION_STEPS,
    LAST_PLAN,
    PLAN_SHARE,
    Costs,
    softmax_at,
    steps_for,
    steps_for_time,
    validation_steps,
)
from rnn_lm.training.position import Position
from rnn_lm.training.regularization import activation_penalty, penalizes
from rnn_lm.training.segments import segments_for
from rnn_lm.training.validation import COLUMNS, ROWS, valid_nll

DIVERGED = "diverged.json"
"""What ended a run whose numbers ran away: the same settings would only meet it again."""
LARGEST_NLL = 700.0
"""Nats per token at validation beyond which a run has diverged: the perplexity is more than a float holds."""


class TrainingDiverged(UserError):
    """The loss, the gradient or the validation stopped being a number, or one with a sense."""


@dataclass
class TrainingResult:
    """What a run came to; the model holds the parameters of the best validation."""

    position: Position
    log: TrainingLog = field(repr=False)


@dataclass(frozen=True)
class TrainingData:
    """What a run reads: the text to learn, the text to validate on, and the train counts that noise is drawn by."""

    train: EncodedText
    valid: EncodedText
    counts_v: Int[Tensor, "V"]


class TrainingFacts(TypedDict):
    """What the header of ``LAST`` says, besides what decides how numbers are rounded."""

    training: dict[str, Any]
    position: dict[str, Any]


OnValidation = Callable[[ValidationRecord], None]
"""Told of each validation as it is made; what it raises ends the run there, and comes out of ``Trainer.run``."""


def unobserved(record: ValidationRecord) -> None:
    """Nobody waits for the validations of this run."""


class Trainer:
    """Trains one recurrent language model.

    Args:
        model: changed in place.
        data: the texts and counts.
        config: all about the run.
        folder: where checkpoints and the log go; a checkpoint already there is resumed from. None keeps nothing.
        progress: told of every step.
        on_validation: see ``OnValidation``; a search over settings prunes a run through it.
        runtime: device, precision and processes; default: the CPU, alone. The model is on its device already.

    Raises:
        TrainingDiverged: NaN or infinity; the last good checkpoint stays on the disk. Also at once where an earlier
            run of the same folder ended so.
        TrainingInterrupted: a signal asked to stop, and a checkpoint was written.
    """

    def __init__(
        self,
        model: RecurrentLanguageModel,
        data: TrainingData,
        config: TrainingConfig,
        folder: Path | None,
        progress: Progress,
        on_validation: OnValidation = unobserved,
        runtime: Runtime | None = None,
    ) -> None:
        self.runtime = runtime or Runtime()
        self.model, self.config, self.folder, self.progress = model, config, folder, progress
        self.on_validation = on_validation
        self.stream = SegmentStream(data.train, config.batch_size, config.bptt_length)
        self.segments = segments_for(self.stream, config)
        self.valid, self.eos_id = data.valid, data.train.eos_id
        self.columns = self.runtime.columns(self.stream.batch_size)
        self.noise, self.scratch = NoiseDistribution(data.counts_v, self.runtime.device), Scratch()
        self.optimizer = build_optimizer(model, config)
        self.generators = {purpose: generator(config.seed, purpose) for purpose in ("dropout", "noise words")}
        self.state: State = self._initial_state()
        self.position = Position(total_steps=steps_for(config, self.segments.steps))
        self.average = WeightAverage(model)
        self.best_tensors = model_tensors(model)
        self.costs: Costs | None = None
        self.step_seconds: list[float] = []
        if folder is not None and (folder / LAST).exists():
            self._restore(folder / LAST)
        if folder is not None and (folder / DIVERGED).exists():
            self._say_again(folder / DIVERGED)
        self.planned_at = self.position.seconds
        self.log = TrainingLog(folder if self.runtime.first else None, self.position.step)

    def run(self, name: str) -> TrainingResult:
        """Train until the budget is spent, or patience is; ``name`` is shown in the progress line."""
        try:
            with Interrupt() as interrupt, self.progress.task(name, 1.0) as task:
                started = time.monotonic() - self.position.seconds
                saved, resumed_at = self.position.seconds, self.position.step
                while not (self.position.finished or self._out_of_patience()):
                    step_started = time.monotonic()
                    record = self.step()
                    asked = self._read_clock(started, step_started, interrupt.asked)
                    self._plan()
                    validated = self._validate_if_due(record)
                    self._show(task, record)
                    if self._out_of_patience():
                        break
                    if validated or asked or self.position.seconds - saved > self.config.checkpoint_seconds:
                        self._checkpoint()
                        saved = self.position.seconds
                    if asked:
                        raise TrainingInterrupted(interrupt.number or signal.SIGINT)
                if self.position.step > resumed_at:
                    self._checkpoint()
        finally:
            self.log.close()
        self._load_best()
        return TrainingResult(self.position, self.log)

    def step(self) -> StepRecord:
        """One step of truncated BPTT, top to bottom."""
        position, config = self.position, self.config
        epoch, index, segment = self.segments.at(position.step)
        segment = segment.part(self.columns, self.runtime.device)
        self.state = self._starting_state(segment, index)

        masks = self.model.draw_masks(self.stream.batch_size, self.generators["dropout"], len(segment.input_tb))
        masks = masks.part(self.columns, self.runtime.device)
        softmax = softmax_at(config, position.step, position.total_steps or 2**62)
        with self.runtime.autocast():
            hidden_tbh, self.state = self.model.hidden(segment.input_tb, self.state, masks)
            dropped_tbh = drop_output(hidden_tbh, masks)
            nll = self._loss(softmax, self.model.project(dropped_tbh), segment)
            loss = nll + self._penalty(hidden_tbh, dropped_tbh) if penalizes(config) else nll
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = self.runtime.sum_gradients(list(self.model.parameters()))
        self.runtime.sum_in_place([nll.detach()])

        parts = self._gradient_norms()
        norm_before, mean_loss = math.hypot(*parts.values()), float(nll.detach())
        self._require_finite(mean_loss, norm_before)
        norm_after = clip_gradients(gradients, norm_before, config)

        rate = learning_rate(config, self.progress_share, position.reductions, epoch)
        rate *= self.segments.rate_factor(segment)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.average.started:
            position.averaged_steps += 1
            self.average.add(position.averaged_steps)

        position.step += 1
        position.tokens += segment.token_count
        if softmax != "sampled":
            position.exact_nll_sum += mean_loss * segment.token_count
            position.exact_tokens += segment.token_count
        record = StepRecord(
            position.step, self.segments.epochs(position.step), position.tokens, position.seconds, mean_loss, softmax,
            rate, norm_before, norm_after, parts,
        )  # fmt: skip
        self.log.add(record)
        return record

    def _starting_state(self, segment: Segment, index: int) -> State:
        """The state that a segment is read from: carried over but not differentiated through, or afresh."""
        fresh = self._initial_state()
        if index == 0:
            return fresh
        # Carried in the parameters' precision, in which the state of a checkpoint is, too.
        carried = tuple(old.detach().to(new.dtype) for new, old in zip(fresh, self.state, strict=True))
        if self.config.carry == "always":
            return carried
        begins_b1 = (segment.input_tb[0] == self.eos_id).unsqueeze(1)
        return tuple(torch.where(begins_b1, new, old) for new, old in zip(fresh, carried, strict=True))

    def _initial_state(self) -> State:
        return self.model.initial_state(self.columns.stop - self.columns.start)

    @property
    def progress_share(self) -> float:
        """Share of the budget that is done; while the plan is not made yet, the start of the warm-up."""
        return self.position.step / self.position.total_steps if self.position.total_steps else 0.0

    def _loss(self, softmax: str, output_tbd: Tensor, segment: Segment) -> Tensor:
        """Mean over the segment's tokens."""
        output_nd, target_n = output_tbd.flatten(0, 1), segment.target_tb.flatten()
        scale = 1 / segment.token_count
        if self.model.adaptive is not None:
            return adaptive_loss(output_nd, self.model.adaptive, target_n, scale)
        if softmax == "exact":
            return exact_loss(output_nd, self.model.output_product, target_n, scale, self.scratch)
        noise_s = self.noise.draw(self.config.softmax_samples, self.generators["noise words"])
        return sampled_loss(output_nd, self.model.output_product, target_n, noise_s, self.noise, scale, self.scratch)

    def _penalty(self, hidden_tbh: Tensor, dropped_tbh: Tensor) -> Tensor:
        """This process's share of the penalty on activations, which is a mean over all columns."""
        share = hidden_tbh.shape[1] / self.stream.batch_size
        return activation_penalty(hidden_tbh, dropped_tbh, self.config) * share

    def _gradient_norms(self) -> dict[str, float]:
        """Gradient norm of each part of the model: embedding, every layer, decoder."""
        squares: dict[str, float] = {}
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None:
                part = ".".join(name.split(".")[:2]) if name.startswith("layers.") else re.split(r"[_.]", name)[0]
                norm = float(torch.linalg.vector_norm(parameter.grad))
                squares[part] = squares.get(part, 0.0) + norm * norm
        return {part: math.sqrt(square) for part, square in squares.items()}

    def _require_finite(self, loss: float, norm: float) -> None:
        for what, value in (("loss", loss), ("gradient norm", norm)):
            if not math.isfinite(value):
                raise self._diverged(what, value, self.position.step + 1)

    def _diverged(self, what: str, value: float, step: int) -> TrainingDiverged:
        """The error that ends the run; kept in its folder, for whoever resumes it."""
        where = self.folder / LAST if self.folder is not None else None
        kept = f"; {where} holds the last good checkpoint" if where is not None and where.exists() else ""
        message = (
            f"the {what} became {value:g} at step {step}{kept}; try --clip norm --clip-threshold 0.25, or "
            f"--learning-rate {self.config.learning_rate / 4:g}"
        )
        if self.folder is not None and self.runtime.first:
            write_json(self.folder / DIVERGED, {"step": step, "message": message})
        return TrainingDiverged(message)

    def _say_again(self, path: Path) -> None:
        found = read_json(path)
        message = found.get("message") if isinstance(found, dict) else None
        if not isinstance(message, str):
            raise UserError(f"{path}: not what a run wrote that diverged; delete the file to go on")
        raise TrainingDiverged(f"{path.parent}: this run has diverged: {message}, with another --out")

    # Around the step: clock, plan, validation, progress.

    def _read_clock(self, started: float, step_started: float, asked: bool) -> bool:
        """The first process's clock counts for all, so that all plan alike; returns whether any was interrupted."""
        now = time.monotonic()
        times = (now - started, now - step_started) if self.runtime.first else (0.0, 0.0)
        self.position.seconds, seconds_of_step, wishes = self.runtime.totals(*times, float(asked))
        self.step_seconds.append(seconds_of_step)
        return wishes > 0

    def _plan(self) -> None:
        """Where the budget is a time: how many steps it comes to, by what steps have cost lately."""
        position, config = self.position, self.config
        budget = Budget.parse(config.budget)
        if budget.unit != "seconds" or position.step < CALIBRATION_STEPS:
            return
        first = position.total_steps is None
        if not first and (
            position.seconds - self.planned_at < PLAN_SHARE * budget.amount
            or self.progress_share > LAST_PLAN * (1 - config.exact_share)
        ):
            return
        recent = self.step_seconds[CALIBRATION_STEPS // 2 :] if first else self.step_seconds
        per_step = sum(recent) / len(recent)
        if self.costs is None:
            exact = self._seconds_of_exact_step() if config.softmax == "sampled" else per_step
            self.costs = self.runtime.from_first(Costs(per_step, exact, self._seconds_of_validation()))
        # What the exact step and a validation cost was timed once; both are as much slower as a step has become.
        slower = per_step / self.costs.sampled_step
        costs = Costs(per_step, self.costs.exact_step * slower, self.costs.validation * slower)
        position.total_steps = steps_for_time(config, costs, position.step, position.seconds, self.progress_share)
        self.planned_at, self.step_seconds = position.seconds, []
        if first:
            self._checkpoint()

    def _seconds_of_exact_step(self) -> float:
        """Time one step's forward and backward with the exact softmax, leaving no trace in the run."""
        segment = self.stream[0].part(self.columns, self.runtime.device)
        started = time.monotonic()
        with self.runtime.autocast():
            output_tbd, _ = self.model.encode(segment.input_tb, self._initial_state())
            loss = self._loss("exact", output_tbd, segment)
        loss.backward()
        self.optimizer.zero_grad(set_to_none=True)
        return time.monotonic() - started

    def _seconds_of_validation(self) -> float:
        started = time.monotonic()
        tokens = min(self.config.valid_tokens, len(self.valid))
        timed = min(tokens, COLUMNS * ROWS)
        valid_nll(self.model, self.valid, timed, self.runtime)
        return (time.monotonic() - started) * tokens / timed

    def _validate_if_due(self, record: StepRecord) -> bool:
        position = self.position
        total = position.total_steps
        if total is None or position.step not in validation_steps(self.config, total):
            return False
        with self.average.applied():
            found_nll = valid_nll(self.model, self.valid, self.config.valid_tokens, self.runtime)
            if not found_nll <= LARGEST_NLL:  # or not a number
                raise self._diverged("mean NLL at validation", found_nll, position.step)
            self._note_validation(found_nll)
        train_nll = position.exact_nll_sum / position.exact_tokens if position.exact_tokens else None
        position.exact_nll_sum, position.exact_tokens = 0.0, 0
        validation = ValidationRecord(
            record.step, record.epoch, record.tokens, position.seconds, record.learning_rate, train_nll, found_nll
        )
        self.log.add(validation)
        # Only the first process's log reaches back before a resumption.
        wanted = should_average(self.config, [one.valid_nll for one in self.log.validations])
        if self.runtime.from_first(wanted) and not self.average.started:
            self.average.start()
        self.on_validation(validation)
        return True

    def _note_validation(self, nll: float) -> None:
        position = self.position
        if nll < position.best_valid_nll:
            position.best_valid_nll, position.best_step, position.stale_validations = nll, position.step, 0
            self.best_tensors = {name: tensor.clone() for name, tensor in model_tensors(self.model).items()}
            if self.folder is not None and self.runtime.first:
                facts = {"step": position.step, "valid_nll": nll}
                write_checkpoint(self.folder / BEST, self.best_tensors, facts)
        else:
            position.stale_validations += 1
            position.reductions += 1

    def _out_of_patience(self) -> bool:
        return self.config.patience is not None and self.position.stale_validations >= self.config.patience

    def _show(self, task: Task, record: StepRecord) -> None:
        position = self.position
        figures: dict[str, float | str] = {"loss": record.loss, "gradient": record.norm_before}
        if self.log.validations:
            figures["valid ppl"] = math.exp(min(self.log.validations[-1].valid_nll, LARGEST_NLL))
        figures["tokens/s"] = position.tokens / max(position.seconds, 1e-9)
        task.update(self.progress_share, **figures)

    # To the disk and back.

    def _checkpoint(self) -> None:
        if self.folder is None:
            return
        state = [self.runtime.whole(part.detach(), self.stream.batch_size) for part in self.state]
        if self.runtime.first:
            self._write_checkpoint(self.folder / LAST, state)
        self.runtime.wait()

    def _write_checkpoint(self, path: Path, state: list[Tensor]) -> None:
        self.log.flush()
        tensors = {
            **model_tensors(self.model),
            **optimizer_tensors(self.optimizer),
            **self.average.tensors(),
            **{f"generator.{purpose}": source.get_state() for purpose, source in self.generators.items()},
            **{f"state.{index}": part for index, part in enumerate(state)},
        }
        facts: dict[str, Any] = {
            "training": asdict(self.config),
            "position": self.position.to_json(),
            **self._machine(),
        }
        write_checkpoint(path, tensors, facts)

    def _machine(self) -> dict[str, Any]:
        """What decides how numbers are rounded."""
        runtime = self.runtime
        return {"threads": torch.get_num_threads(), "processes": runtime.size, "precision": runtime.precision}

    def _restore(self, path: Path) -> None:
        tensors, facts = read_checkpoint(path)
        require_facts(path, facts, TrainingFacts)
        written = from_json(TrainingConfig, facts["training"], str(path))
        if written != self.config:
            was, now = asdict(written), asdict(self.config)
            changed = next(name for name in now if was[name] != now[name])
            raise UserError(
                f"{path}: the run there was started with another {flag(changed)} "
                f"({was[changed]}); give the same settings to resume, or choose another folder"
            )
        here = self._machine()
        for what, count in here.items():
            if facts.get(what, count) != count:
                self.progress.say(
                    f"note        {path}: written with {facts[what]} {what}, goes on with {count}; numbers are "
                    "rounded otherwise, so the weights will differ in their last bits from an unbroken run's"
                )
        restore_model(self.model, tensors, path)
        restore_optimizer(self.optimizer, tensors, path)
        self.average.restore(tensors, path)
        for purpose, source in self.generators.items():
            restore_generator(source, tensors, f"generator.{purpose}", path)
        shapes = [(part.shape[0], self.stream.batch_size, *part.shape[2:]) for part in self.state]
        parts = restored_parts(tensors, "state.", shapes, path)
        self.state = tuple(part[:, self.columns].to(self.runtime.device) for part in parts)
        self.position = Position.from_json(facts["position"], str(path))
        if self.position.best_step:
            self.best_tensors, _ = read_checkpoint(path.with_name(BEST))

    def _load_best(self) -> None:
        restore_model(self.model, self.best_tensors, (self.folder or Path()) / BEST)
