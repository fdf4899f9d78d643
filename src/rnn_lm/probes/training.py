"""Training on generated sentences: each batch starts from the initial state, since no sentence may see another.

The loop is that of ``rnn_lm.training``; what is its own here is that there is no text to run on, and nothing to resume
in a run of seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.state import State
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.probes.sentences import Sentences
from rnn_lm.runtime import Runtime
from rnn_lm.stream import Segment
from rnn_lm.training.log import StepRecord
from rnn_lm.training.loop import Batch, Callback, Loss, Random, TrainingDiverged, TrainingLoop
from rnn_lm.training.position import Position


@dataclass(frozen=True)
class TrainingSummary:
    """What one training came to.

    Attributes:
        loss: mean over the last tenth of the steps, nats per token.
        clipped_share: share of the steps whose gradient was clipped.
        tokens: tokens predicted, padding not counted.
    """

    loss: float
    clipped_share: float
    tokens: int


@dataclass(frozen=True, kw_only=True)
class SentenceBatch(Batch):
    """Sentences side by side, one per column."""

    segment: Segment


class WholeSentences:
    """The objective: the mean NLL of a token, every sentence read from the initial state."""

    def loss(self, model: NeuralLanguageModel, batch: SentenceBatch, state: State, random: Random) -> Loss:  # noqa: ARG002
        """See ``Objective.loss``."""
        nll = mean_nll(model, batch.segment)
        return Loss(nll, nll)


class Summing(Callback):
    """Keeps what ``TrainingSummary`` is made of."""

    def __init__(self) -> None:
        self.records: list[StepRecord] = []

    def after_step(self, record: StepRecord) -> None:
        self.records.append(record)


def train(
    model: NeuralLanguageModel,
    sentences: Sentences,
    steps: int,
    config: TrainingConfig,
    random: torch.Generator,
    runtime: Runtime | None = None,
) -> TrainingSummary:
    """Train in place for ``steps`` steps.

    Args:
        model: what is trained.
        sentences: the text, read again from the start, in another order, as often as needed.
        steps: how many.
        config: batch size, optimizer, learning rate, schedule and clipping.
        random: draws the order of the sentences.
        runtime: where it computes; the model is there already. Default: the CPU.

    Raises:
        UserError: the loss is no longer a number.
    """
    batches, seen = _endless(sentences, config.batch_size, random), Summing()
    position = Position(total_steps=steps)
    loop = TrainingLoop(
        model, lambda _: next(batches), WholeSentences(), config, position, runtime=runtime, callbacks=[seen]
    )
    try:
        loop.train()
    except TrainingDiverged:
        done = loop.position.step
        raise UserError(f"the loss is not a number after {done} steps: lower the learning rate of the preset") from None
    last = seen.records[-max(1, steps // 10) :]
    clipped = sum(record.norm_before > config.clip_threshold for record in seen.records)
    return TrainingSummary(sum(one.loss for one in last) / len(last), clipped / steps, loop.position.tokens)


def mean_nll(model: NeuralLanguageModel, segment: Segment) -> Tensor:
    """Nats per token of sentences read from the initial state."""
    segment = segment.part(slice(None), model.device)
    nll_tb, _ = model.score(segment.input_tb, segment.target_tb, model.initial_state(segment.input_tb.shape[1]))
    return nll_tb.sum() / segment.token_count


def _endless(sentences: Sentences, batch_size: int, random: torch.Generator) -> Iterator[SentenceBatch]:
    while True:
        for segment in sentences.batches(batch_size, random):
            yield SentenceBatch(token_count=segment.token_count, segment=segment)
