"""Valid perplexity while training: some of the text, spread over all of it, read side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.checkpoint import BEST, model_tensors, write_checkpoint
from rnn_lm.layers.asking import answers_late
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.runtime import Runtime
from rnn_lm.stream import EncodedText
from rnn_lm.training.averaging import WeightAverage, should_average
from rnn_lm.training.log import StepRecord, TrainingLog, ValidationRecord
from rnn_lm.training.loop import Callback, TrainingLoop
from rnn_lm.training.plan import validates_after

LARGEST_NLL = 700.0
"""Nats per token at validation beyond which a run has diverged: the perplexity is more than a float holds."""


def shown_perplexity(nll: float) -> float:
    """The perplexity of a mean NLL in nats, the largest that a float holds where it is beyond."""
    return math.exp(min(nll, LARGEST_NLL))


OnValidation: TypeAlias = Callable[[ValidationRecord], None]
"""Told of each validation as it is made; what it raises ends the run there, and comes out of ``Trainer.run``."""

COLUMNS = 16
"""Stretches of the valid text that a validation reads side by side."""
ROWS, DEVICE_ROWS = 64, 512
"""Rows of them scored at a time: on the CPU, and on a device, to which every call costs some hundred small kernels."""


@torch.no_grad()
def valid_nll(model: LanguageModel, text: EncodedText, tokens: int, runtime: Runtime | None = None) -> float:
    """Mean NLL in nats over about ``tokens`` of ``text``: stretches spread evenly over it, read side by side.

    Several processes share the stretches, and each is told the mean over all.
    """
    runtime = runtime or Runtime()
    input_tb, target_tb = validation_columns(text, tokens)
    count, own = target_tb.numel(), runtime.share(input_tb.shape[1])
    state, total = model.initial_state(own.stop - own.start), 0.0
    rows = rows_at_once(runtime)
    for inputs, targets in zip(input_tb[:, own].split(rows), target_tb[:, own].split(rows), strict=True):
        nll_tb, state = model.score(inputs.to(model.device), targets.to(model.device), state)
        # On the CPU, since not every accelerator has float64.
        total += float(nll_tb.cpu().sum(dtype=torch.float64))
    return runtime.totals(total)[0] / count


def rows_at_once(runtime: Runtime) -> int:
    """How many rows of a validation are scored in one call."""
    return DEVICE_ROWS if answers_late(runtime.device) else ROWS


def validation_columns(text: EncodedText, tokens: int) -> tuple[Int[Tensor, "T B"], Int[Tensor, "T B"]]:
    """Inputs and targets of evenly spread stretches of ``text``, about ``tokens`` in all, one per column.

    A text's start alone may be of another kind than the rest (the books of a collection, say); stretches from all over
    it are not, and side by side they are quicker to score. Each starts cold, which is why this figure steers training
    and is never reported as the model's perplexity.
    """
    columns = min(COLUMNS, len(text))
    rows = max(1, min(tokens, len(text)) // columns)
    starts_b = torch.linspace(0, len(text) - rows, columns).long()
    index_tb = torch.arange(rows).unsqueeze(1) + starts_b
    return text.before(index_tb), text.at(index_tb)


class Validating(Callback):
    """Scores valid when that is due, and keeps the best weights.

    Args:
        loop: whose model is scored.
        text: the valid split.
        average: weights that are scored in place of the model's own, once there are any.
        log: where validations are written down.
        folder: where the best weights are kept; None keeps them in memory alone.
        told: see ``OnValidation``.

    Attributes:
        just_now: whether the step before was followed by a validation.
        best: the weights of the best validation so far.
    """

    def __init__(
        self,
        loop: TrainingLoop[Any, Any],
        text: EncodedText,
        average: WeightAverage,
        log: TrainingLog,
        folder: Path | None,
        best: dict[str, Tensor],
        told: OnValidation,
    ) -> None:
        self.loop, self.text, self.average, self.log, self.folder = loop, text, average, log, folder
        self.best, self.told = best, told
        self.just_now = False
        self._took: float | None = None

    def must_read(self) -> bool:
        """Whether a validation is due."""
        position = self.loop.position
        return position.total_steps is not None and validates_after(
            self.loop.config, position.total_steps, position.step
        )

    def after_step(self, record: StepRecord) -> None:
        loop, config = self.loop, self.loop.config
        self.just_now = record.step == loop.position.step and self.must_read()
        if not self.just_now:
            return
        started = time.monotonic()
        with self.average.applied():
            found_nll = valid_nll(loop.model, self.text, config.valid_tokens, loop.runtime)
            if not found_nll <= LARGEST_NLL:  # or not a number
                raise loop.diverged("mean NLL at validation", found_nll, record.step)
            self._note(found_nll)
        position = loop.position
        validation = ValidationRecord(
            record.step, record.epoch, record.tokens, position.seconds, record.learning_rate,
            position.take_train_nll(), found_nll,
        )  # fmt: skip
        self.log.add(validation)
        self._took = time.monotonic() - started
        # Only the first process's log reaches back before a resumption.
        wanted = should_average(config, [one.valid_nll for one in self.log.validations])
        if loop.runtime.from_first(wanted) and not self.average.started:
            self.average.start()
        self.told(validation)

    def seconds(self) -> float:
        """How long the last validation took; before the first, time a part of one, leaving no trace in the run."""
        if self._took is not None:
            return self._took
        runtime = self.loop.runtime
        tokens = min(self.loop.config.valid_tokens, len(self.text))
        timed = min(tokens, COLUMNS * rows_at_once(runtime))
        self._took = runtime.timed(lambda: valid_nll(self.loop.model, self.text, timed, runtime)) * tokens / timed
        return self._took

    def _note(self, nll: float) -> None:
        position = self.loop.position
        if nll < position.best_valid_nll:
            position.best_valid_nll, position.best_step, position.stale_validations = nll, position.step, 0
            self.best = {name: tensor.clone() for name, tensor in model_tensors(self.loop.model).items()}
            if self.folder is not None and self.loop.runtime.first:
                write_checkpoint(self.folder / BEST, self.best, {"step": position.step, "valid_nll": nll})
        else:
            position.stale_validations += 1
            position.reductions += 1
