"""Training on a text: truncated BPTT over its columns, interruptible and resumable to the bit.

The steps are those of ``loop.py``. Here it is put together with what a run over a text needs besides: batches and
objective (``next_token.py``), clock, plan, log and display (``callbacks.py``), validations and checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jaxtyping import Int
from torch import Tensor

from rnn_lm.checkpoint import BEST, LAST, model_tensors, read_checkpoint, restore_model
from rnn_lm.config import Precision, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_json
from rnn_lm.layers.recording import CudaRecorder
from rnn_lm.layers.state import State
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import Progress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText, SegmentStream
from rnn_lm.training.averaging import WeightAverage
from rnn_lm.training.callbacks import Averaging, Clock, Logging, Planning, Showing
from rnn_lm.training.checkpoints import Checkpoint, Checkpointing
from rnn_lm.training.graphs import RecordedSteps
from rnn_lm.training.interrupt import Interrupt
from rnn_lm.training.log import TrainingLog, ValidationRecord
from rnn_lm.training.loop import Computed, TrainingDiverged, TrainingLoop, norms_by_part
from rnn_lm.training.next_token import NextToken, TextBatch, TextBatches
from rnn_lm.training.past_decode import add_past_decoder
from rnn_lm.training.plan import steps_for
from rnn_lm.training.position import Position
from rnn_lm.training.precision import choose_precision
from rnn_lm.training.segments import segments_for
from rnn_lm.training.validation import LARGEST_NLL, OnValidation, Validating

__all__ = [
    "LARGEST_NLL",
    "OnValidation",
    "Trainer",
    "TrainingData",
    "TrainingDiverged",
    "TrainingResult",
    "ignore_validation",
]

DIVERGED = "diverged.json"
"""What ended a run whose numbers ran away: the same settings would only meet it again."""


@dataclass
class TrainingResult:
    """What a run came to; the model holds the parameters of the best validation."""

    position: Position
    log: TrainingLog = field(repr=False)
    precision: Precision = "32-true"


@dataclass(frozen=True)
class TrainingData:
    """What a run reads: the text to learn, the text to validate on, and the train counts that noise is drawn by."""

    train: EncodedText
    valid: EncodedText
    counts_v: Int[Tensor, "V"]


def ignore_validation(record: ValidationRecord) -> None:
    """Nobody waits for the validations of this run."""


class Trainer(TrainingLoop[NeuralLanguageModel, TextBatch]):
    """Trains one language model on a text.

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
        model: NeuralLanguageModel,
        data: TrainingData,
        config: TrainingConfig,
        folder: Path | None,
        progress: Progress,
        on_validation: OnValidation = ignore_validation,
        runtime: Runtime | None = None,
    ) -> None:
        runtime = runtime or Runtime()
        self.folder, self.progress, self.on_validation, self.valid = folder, progress, on_validation, data.valid
        self.stream = SegmentStream(data.train, config.batch_size, config.bptt_length)
        segments = segments_for(self.stream, config)
        if config.past_decode_penalty > 0 and config.softmax == "exact":
            add_past_decoder(model, generator(config.seed, "past decoder"))
        self.next_token = NextToken(config, self.stream, data.counts_v, data.train.eos_id, runtime)
        super().__init__(
            model,
            TextBatches(segments, config),
            self.next_token,
            config,
            Position(total_steps=steps_for(config, segments.steps)),
            random={purpose: runtime.generator(config.seed, purpose) for purpose in ("dropout", "noise words")},
            runtime=runtime,
            norms=norms_by_part,
        )
        self.state = self.next_token.initial_state(model)
        self.average = WeightAverage(model)
        path = None if folder is None else folder / LAST
        self.checkpoint = Checkpoint(self, self.average, path, self.stream.batch_size, self.next_token.columns)
        self.best_tensors = model_tensors(model)
        if self.checkpoint.restore(progress) and folder is not None and self.position.best_step:
            self.best_tensors, _ = read_checkpoint(folder / BEST)
        if folder is not None and (folder / DIVERGED).exists():
            self._say_again(folder / DIVERGED)
        if not self.runtime.decided:
            self._choose_precision()
        self.log = TrainingLog(folder if runtime.first else None, self.position.step)
        self.recorded: RecordedSteps | None = None
        # Which words belong to which cluster of an adaptive softmax is a question, and no step with one is recorded.
        if runtime.records and model.adaptive is None:
            recorder = CudaRecorder(runtime.device, self.random)
            self.recorded = RecordedSteps(super().compute, self.next_token.columns, recorder)

    def compute(self, batch: TextBatch, state: State) -> Computed:
        """See ``TrainingLoop.compute``; by recordings where the device plays them."""
        return super().compute(batch, state) if self.recorded is None else self.recorded(batch, state)

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or patience is."""
        patience = self.config.patience
        return self.position.finished or (patience is not None and self.position.stale_validations >= patience)

    def run(self, name: str) -> TrainingResult:
        """Train until the budget is spent, or patience is; ``name`` is shown in the progress line."""
        try:
            with Interrupt() as interrupt, self.progress.task(name, 1.0) as task:
                clock = Clock(self, interrupt)
                validating = Validating(
                    self, self.valid, self.average, self.log, self.folder, self.best_tensors, self.on_validation
                )
                self.callbacks = [
                    Averaging(self.average, self.config, self.position),
                    Logging(self.log),
                    clock,
                    Planning(
                        self,
                        clock,
                        self.config,
                        self._seconds_of_exact_step,
                        validating.seconds,
                        lambda: self.checkpoint.write(self.log),
                    ),
                    validating,
                    Showing(self, task, self.log),
                    Checkpointing(self.checkpoint, self.log, clock, validating),
                ]
                self.train()
                self.best_tensors = validating.best
        finally:
            self.log.close()
        restore_model(self.model, self.best_tensors, (self.folder or Path()) / BEST)
        self.model.past_decoder = None
        return TrainingResult(self.position, self.log, self.runtime.precision)

    def diverged(self, what: str, value: float, step: int) -> TrainingDiverged:
        """The error that ends the run; kept in its folder, for whoever resumes it."""
        where = self.folder / LAST if self.folder is not None else None
        kept = f"; {where} holds the last good checkpoint" if where is not None and where.exists() else ""
        message = f"the {what} became {value:g} at step {step}{kept}; {self.advice()}"
        if self.folder is not None and self.runtime.first:
            write_json(self.folder / DIVERGED, {"step": step, "message": message})
        return TrainingDiverged(message)

    def _choose_precision(self) -> None:
        batch, config = self.batches(Position()), self.config
        random = {purpose: self.runtime.generator(config.seed, f"timing {purpose}") for purpose in self.random}

        def step(runtime: Runtime) -> None:
            with runtime.autocast():
                loss = self.next_token.loss(self.model, batch, self.state, random)
            loss.total.backward()
            self.optimizer.zero_grad(set_to_none=True)

        choice = choose_precision(config.budget, self.runtime, step)
        self.runtime = self.runtime.in_precision(choice.precision)
        if choice.speed is not None:
            self.progress.say(str(choice))

    def _seconds_of_exact_step(self) -> float:
        """Time one step's forward and backward with the exact softmax, leaving no trace in the run."""
        segment = self.stream[0].part(self.next_token.columns, self.runtime.device)

        def step() -> None:
            with self.runtime.autocast():
                output_tbd, _ = self.model.encode(segment.input_tb, self.next_token.initial_state(self.model))
                loss = self.next_token.nll(self.model, "exact", output_tbd, segment, self.random)
            loss.backward()
            self.optimizer.zero_grad(set_to_none=True)

        return self.runtime.timed(step)

    def _say_again(self, path: Path) -> None:
        found = read_json(path)
        message = found.get("message") if isinstance(found, dict) else None
        if not isinstance(message, str):
            raise UserError(f"{path}: not what a run wrote that diverged; delete the file to go on")
        raise TrainingDiverged(f"{path.parent}: this run has diverged: {message}, with another --out")
