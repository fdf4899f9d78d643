"""Everything that a run is, to the disk and back: it goes on from there with the same bits."""

from __future__ import annotations

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, get_args

import torch
from torch import Tensor

from rnn_lm.checkpoint import (
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
from rnn_lm.config import Precision, from_json
from rnn_lm.errors import UserError
from rnn_lm.layers.state import State
from rnn_lm.limits import flag
from rnn_lm.progress import Progress
from rnn_lm.seeding import derived_seed
from rnn_lm.training.averaging import WeightAverage
from rnn_lm.training.callbacks import Clock
from rnn_lm.training.interrupt import TrainingInterrupted
from rnn_lm.training.log import StepRecord, TrainingLog
from rnn_lm.training.loop import Callback, Random, TrainingLoop
from rnn_lm.training.position import Position
from rnn_lm.training.validation import Validating


class TrainingFacts(TypedDict):
    """What the header of ``LAST`` says, besides what decides how numbers are rounded."""

    training: dict[str, Any]
    position: dict[str, Any]


class Checkpoint:
    """The checkpoint of one run.

    Args:
        loop: the run; its state has a part for each tensor of ``LAST`` already, of the shape it begins with.
        average: the mean of its weights.
        path: of the file; None: nothing is kept.
        batch_size: columns of the text, in all processes together.
        columns: those of this process.
    """

    def __init__(
        self, loop: TrainingLoop[Any, Any], average: WeightAverage, path: Path | None, batch_size: int, columns: slice
    ) -> None:
        self.loop, self.average, self.path = loop, average, path
        self.batch_size, self.columns = batch_size, columns

    def write(self, log: TrainingLog) -> None:
        """Write the run as it is now, its log first."""
        if self.path is None:
            return
        loop, runtime = self.loop, self.loop.runtime
        state = [runtime.whole(part.detach(), self.batch_size) for part in loop.state]
        if runtime.first:
            log.flush()
            tensors = {
                **model_tensors(loop.model),
                **optimizer_tensors(loop.optimizer),
                **self.average.tensors(),
                **{f"generator.{purpose}": source.get_state() for purpose, source in loop.random.items()},
                **{f"state.{index}": part for index, part in enumerate(state)},
            }
            facts = {
                "training": asdict(loop.config),
                "position": loop.position.to_json(),
                "generators": _kinds(loop.random),
                **self._machine(),
            }
            write_checkpoint(self.path, tensors, facts)
        runtime.wait()

    def restore(self, progress: Progress) -> bool:
        """Put the run back to where it was written, if it was; returns whether.

        Raises:
            UserError: the file is damaged, or of a run with other settings.
        """
        path, loop = self.path, self.loop
        if path is None or not path.exists():
            return False
        tensors, facts = read_checkpoint(path)
        require_facts(path, facts, TrainingFacts)
        self._require_same(path, facts["training"])
        if not loop.runtime.decided and facts.get("precision") in get_args(Precision):
            loop.runtime = loop.runtime.in_precision(facts["precision"])
        restore_model(loop.model, tensors, path)
        restore_optimizer(loop.optimizer, tensors, path)
        self.average.restore(tensors, path)
        loop.state = self._restored_state(tensors, path)
        loop.position = Position.from_json(facts["position"], str(path))
        for what, count in self._machine().items():
            if facts.get(what, count) != count and not loop.done:
                progress.say(
                    f"note        {path}: written with {facts[what]} {what}, goes on with {count}; numbers are "
                    "rounded otherwise, so the weights will differ in their last bits from an unbroken run's"
                )
        here = _kinds(loop.random)
        if (there := facts.get("generators", here)) == here:
            for purpose, source in loop.random.items():
                restore_generator(source, tensors, f"generator.{purpose}", path)
            return True
        progress.say(
            f"note        {path}: written with random numbers of the {there}, goes on with those of the {here}, "
            "which are others, drawn from the seed and the number of steps done"
        )
        for purpose, source in loop.random.items():
            source.manual_seed(derived_seed(loop.config.seed, f"{purpose} from step {loop.position.step}"))
        return True

    def _restored_state(self, tensors: dict[str, Tensor], path: Path) -> State:
        # What begins empty grows: an attention model's memory.
        shapes = [(len(part) or None, self.batch_size, *part.shape[2:]) for part in self.loop.state]
        parts = restored_parts(tensors, "state.", shapes, path)
        return tuple(part[:, self.columns].to(self.loop.runtime.device) for part in parts)

    def _require_same(self, path: Path, training: dict[str, Any]) -> None:
        config = self.loop.config
        written = from_json(type(config), training, str(path))
        if written != config:
            was, now = asdict(written), asdict(config)
            changed = next(name for name in now if was[name] != now[name])
            raise UserError(
                f"{path}: the run there was started with another {flag(changed)} "
                f"({was[changed]}); give the same settings to resume, or choose another folder"
            )

    def _machine(self) -> dict[str, Any]:
        """What decides how numbers are rounded."""
        runtime = self.loop.runtime
        return {"threads": torch.get_num_threads(), "processes": runtime.size, "precision": runtime.precision}


def _kinds(random: Random) -> str:
    """On which kind of device random streams are drawn; an unlike one makes other numbers of the same state."""
    return " and ".join(sorted({source.device.type for source in random.values()})) or "cpu"


class Checkpointing(Callback):
    """Writes a checkpoint at each validation, every few seconds, at the end, and when the run is to stop.

    Raises:
        TrainingInterrupted: a signal asked to stop, and all is written.
    """

    def __init__(self, checkpoint: Checkpoint, log: TrainingLog, clock: Clock, validating: Validating) -> None:
        loop = self.loop = checkpoint.loop
        self.checkpoint, self.log, self.clock, self.validating = checkpoint, log, clock, validating
        self._saved, self._resumed_at = loop.position.seconds, loop.position.step

    def after_step(self, record: StepRecord) -> None:
        position = self.loop.position
        if record.step < position.step:
            return  # more has been read than this, which the log does not have yet
        if self.loop.done and not position.finished:
            return  # out of patience: ``finish`` writes what there is
        due = position.seconds - self._saved > self.loop.config.checkpoint_seconds
        if self.validating.just_now or self.clock.asked or due:
            self.checkpoint.write(self.log)
            self._saved = position.seconds
        if self.clock.asked:
            raise TrainingInterrupted(self.clock.interrupt.number or signal.SIGINT)

    def finish(self) -> None:
        if self.loop.position.step > self._resumed_at:
            self.checkpoint.write(self.log)
