"""The record of a training run: one JSON line per step, and TensorBoard where the user has it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any, TypedDict

from rnn_lm.errors import UserError
from rnn_lm.files import parse_json, read_text, user_errors, write_all, write_atomically
from rnn_lm.schema import first_problem

SPIKE_NATS = 0.5
"""A step is a loss spike when its loss exceeds the running mean of the steps before it by this many nats."""
SPIKE_MEMORY = 0.95
"""Decay per step of that running mean."""
_BUFFER = 8192
"""Characters that are written to the log at a time."""


@dataclass(frozen=True)
class StepRecord:
    """What one training step measured.

    Attributes:
        step: steps done, this one included.
        epoch: passes over the text done, with fraction.
        tokens: targets predicted so far.
        seconds: training time so far.
        loss: mean training loss over the segment in nats; no NLL where ``softmax`` is "sampled".
        softmax: "exact", "sampled" or "adaptive".
        learning_rate: of this step.
        norm_before: global gradient norm as it came.
        norm_after: the same after clipping.
        parts: gradient norm before clipping of each part of the model.
    """

    step: int
    epoch: float
    tokens: int
    seconds: float
    loss: float
    softmax: str
    learning_rate: float
    norm_before: float
    norm_after: float
    parts: dict[str, float]


@dataclass(frozen=True)
class ValidationRecord:
    """What one validation measured: mean NLL in nats of train (exact-softmax steps only, else None) and of valid."""

    step: int
    epoch: float
    tokens: int
    seconds: float
    learning_rate: float
    train_nll: float | None
    valid_nll: float


class GradientNorms(TypedDict):
    """Gradient norms of one seed by training step; a norm that was not finite is None."""

    seed: int
    step: list[int]
    before: list[float | None]
    after: list[float | None]
    layers: dict[str, list[float | None]]
    clipped_share: float
    loss_spikes: int


class TrainingLog:
    """Appends records to ``training.jsonl`` (and TensorBoard event files beside it).

    Args:
        folder: the run's folder; None keeps records in memory only.
        resume_step: forget what was logged after this step, which is where training goes on.
    """

    def __init__(self, folder: Path | None, resume_step: int) -> None:
        self.steps: list[StepRecord] = []
        self.validations: list[ValidationRecord] = []
        self._file: RawIOBase | None = None
        self._pending = ""
        self._failed: UserError | None = None
        self._board: Any = None
        if folder is None:
            return
        path = self._path = folder / "training.jsonl"
        if resume_step > 0:
            self.steps, self.validations = read_log(path, resume_step)
        lines = [_line(record) for record in _in_order(self.steps, self.validations)]
        write_atomically(path, "".join(lines))
        with user_errors(path, "write"):
            self._file = path.open("ab", buffering=0)
        if importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=resume_step)

    def add(self, record: StepRecord | ValidationRecord) -> None:
        """Keep one record."""
        if isinstance(record, StepRecord):
            self.steps.append(record)
        else:
            self.validations.append(record)
        if self._file is not None:
            self._write(_line(record))
        if self._board is not None:
            for name, value in _scalars(record).items():
                self._board.add_scalar(name, value, record.step)

    def flush(self) -> None:
        """Bring everything to the disk; done before each checkpoint, so that a log is never behind one."""
        if self._failed is not None:  # a checkpoint must not get ahead of its log
            raise self._failed
        self._write("")
        if self._board is not None:
            with user_errors(self._path.with_name("tensorboard"), "write"):
                self._board.flush()

    def close(self) -> None:
        """Flush and close the files; where a write has failed already, that is known, and what is there stays."""
        try:
            if self._failed is None:
                self.flush()
        finally:
            file, self._file = self._file, None
            if file is not None:
                file.close()
            if self._board is not None:
                self._board.close()

    def _write(self, text: str) -> None:
        """Add to the file, or with "" bring it to the disk; a full disk is a ``UserError``, once.

        The file is not buffered by Python, which would try again to write what it could not when it is closed. What
        stands in it beyond the last checkpoint is forgotten on resumption, so a line cut off does no harm.
        """
        self._pending += text
        if self._file is None or self._failed is not None or (text and len(self._pending) < _BUFFER):
            return
        data, self._pending = self._pending.encode(), ""
        try:
            with user_errors(self._path, "write"):
                write_all(self._file, data)
        except UserError as error:
            self._failed = error
            raise


def read_log(path: Path, last_step: int | None = None) -> tuple[list[StepRecord], list[ValidationRecord]]:
    """Read ``training.jsonl`` up to ``last_step``; a line cut off by a kill ends it."""
    steps: list[StepRecord] = []
    validations: list[ValidationRecord] = []
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        record = _record(line, f"{path}: line {number}")
        if record.step != len(steps) + isinstance(record, StepRecord):
            raise UserError(f"{path}: line {number}: step {record.step} is out of order; the file is damaged")
        if last_step is not None and record.step > last_step:
            break
        if isinstance(record, StepRecord):
            steps.append(record)
        else:
            validations.append(record)
    if last_step is not None and len(steps) < last_step:
        raise UserError(f"{path}: ends at step {len(steps)}, before the checkpoint's {last_step}; restore it")
    return steps, validations


def _record(line: str, source: str) -> StepRecord | ValidationRecord:
    """One line of the log; raises ``UserError`` naming ``source`` where it is no record."""
    values = parse_json(line, source)
    kind = StepRecord if isinstance(values, dict) and values.pop("record", None) == "step" else ValidationRecord
    problem = first_problem(values, kind)
    if problem is None and values.keys() != {field.name for field in dataclasses.fields(kind)}:
        problem = "there is more in it than belongs there"
    if problem is not None:
        raise UserError(f"{source}: not a training record ({problem}); the file is damaged")
    return kind(**values)


def gradient_summary(steps: list[StepRecord], seed: int) -> GradientNorms:
    """The gradient-norm curves of a run with the share of steps clipped and the number of loss spikes."""
    return {
        "seed": seed,
        "step": [record.step for record in steps],
        "before": [_six_digits(record.norm_before) for record in steps],
        "after": [_six_digits(record.norm_after) for record in steps],
        "layers": {
            name: [_six_digits(record.parts[name]) for record in steps] for name in (steps[0].parts if steps else ())
        },
        "clipped_share": clipped_share(steps),
        "loss_spikes": loss_spikes(steps),
    }


def clipped_share(steps: list[StepRecord]) -> float:
    """Share of steps whose gradient was clipped; two ways of summing a norm differ in their last bits, which is not."""
    clipped = sum(record.norm_after < record.norm_before * (1 - 1e-5) for record in steps)
    return clipped / len(steps) if steps else 0.0


def _six_digits(norm: float) -> float:
    """Enough to draw from; the full figure is in the log."""
    return float(f"{norm:.6g}")


def loss_spikes(steps: list[StepRecord]) -> int:
    """Steps whose loss jumps ``SPIKE_NATS`` above its running mean; the change of softmax starts the mean afresh."""
    spikes, mean, softmax = 0, 0.0, ""
    for record in steps:
        if record.softmax != softmax:
            mean, softmax = record.loss, record.softmax
        spikes += record.loss > mean + SPIKE_NATS
        mean = SPIKE_MEMORY * mean + (1 - SPIKE_MEMORY) * record.loss
    return spikes


def _line(record: StepRecord | ValidationRecord) -> str:
    kind = "step" if isinstance(record, StepRecord) else "validation"
    # Not asdict, which copies what is in it, again and again, for as long as a small model's step takes on a GPU.
    return json.dumps({"record": kind, **vars(record)}) + "\n"


def _in_order(steps: list[StepRecord], validations: list[ValidationRecord]) -> list[StepRecord | ValidationRecord]:
    return sorted([*steps, *validations], key=lambda record: (record.step, isinstance(record, ValidationRecord)))


def _scalars(record: StepRecord | ValidationRecord) -> dict[str, float]:
    if isinstance(record, ValidationRecord):
        return {"nll/valid": record.valid_nll}
    parts = {f"gradient norm/{name}": value for name, value in record.parts.items()}
    totals = {"gradient norm/before": record.norm_before, "gradient norm/after": record.norm_after}
    return {"loss/train": record.loss, "learning rate": record.learning_rate, **totals, **parts}
