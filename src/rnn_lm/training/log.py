"""The record of a training run: one JSON line per step, and TensorBoard where the user has it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rnn_lm.errors import UserError
from rnn_lm.files import read_text, user_errors, write_atomically

SPIKE_NATS = 0.5
"""A step is a loss spike when its loss exceeds the running mean of the steps before it by this many nats."""
SPIKE_MEMORY = 0.95
"""Decay per step of that running mean."""


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


class TrainingLog:
    """Appends records to ``training.jsonl`` (and TensorBoard event files beside it).

    Args:
        folder: the run's folder; None keeps records in memory only.
        resume_step: forget what was logged after this step, which is where training goes on.
    """

    def __init__(self, folder: Path | None, resume_step: int) -> None:
        self.steps: list[StepRecord] = []
        self.validations: list[ValidationRecord] = []
        self._file: TextIO | None = None
        self._board: Any = None
        if folder is None:
            return
        path = folder / "training.jsonl"
        if resume_step > 0:
            self.steps, self.validations = read_log(path, resume_step)
        lines = [_line(record) for record in _in_order(self.steps, self.validations)]
        write_atomically(path, "".join(lines))
        with user_errors(path, "write"):
            self._file = path.open("a", encoding="utf-8")
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
            self._file.write(_line(record))
        if self._board is not None:
            for name, value in _scalars(record).items():
                self._board.add_scalar(name, value, record.step)

    def flush(self) -> None:
        """Bring everything to the disk; done before each checkpoint, so that a log is never behind one."""
        if self._file is not None:
            self._file.flush()
        if self._board is not None:
            self._board.flush()

    def close(self) -> None:
        """Flush and close the files."""
        self.flush()
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()


def read_log(path: Path, last_step: int | None = None) -> tuple[list[StepRecord], list[ValidationRecord]]:
    """Read ``training.jsonl`` up to ``last_step``; a line cut off by a kill ends it."""
    steps: list[StepRecord] = []
    validations: list[ValidationRecord] = []
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            values = json.loads(line)
            kind = values.pop("record")
            record = StepRecord(**values) if kind == "step" else ValidationRecord(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: line {number}: not a training record; the file is damaged") from error
        if last_step is not None and record.step > last_step:
            break
        if isinstance(record, StepRecord):
            steps.append(record)
        else:
            validations.append(record)
    return steps, validations


def gradient_summary(steps: list[StepRecord], seed: int) -> dict[str, Any]:
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
    return json.dumps({"record": kind, **dataclasses.asdict(record)}) + "\n"


def _in_order(steps: list[StepRecord], validations: list[ValidationRecord]) -> list[StepRecord | ValidationRecord]:
    return sorted([*steps, *validations], key=lambda record: (record.step, isinstance(record, ValidationRecord)))


def _scalars(record: StepRecord | ValidationRecord) -> dict[str, float]:
    if isinstance(record, ValidationRecord):
        return {"nll/valid": record.valid_nll}
    parts = {f"gradient norm/{name}": value for name, value in record.parts.items()}
    totals = {"gradient norm/before": record.norm_before, "gradient norm/after": record.norm_after}
    return {"loss/train": record.loss, "learning rate": record.learning_rate, **totals, **parts}
