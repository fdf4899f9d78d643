"""Training on generated sentences: each batch starts from the initial state, since no sentence may see another.

The trainer of ``rnn_lm.training`` reads running text and carries the state from segment to segment; here there is no
text to run on and nothing to resume in a run of seconds, so this is the loop without both. Optimizer, schedule and
clipping are the same code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.probes.sentences import Sentences
from rnn_lm.stream import Segment
from rnn_lm.training.optimizer import build_optimizer, clip_gradients, global_norm, learning_rate

NeuralModel = RecurrentLanguageModel | AttentionLanguageModel


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


def train(
    model: NeuralModel,
    sentences: Sentences,
    steps: int,
    config: TrainingConfig,
    random: torch.Generator,
) -> TrainingSummary:
    """Train in place for ``steps`` steps.

    Args:
        model: what is trained.
        sentences: the text, read again from the start, in another order, as often as needed.
        steps: how many.
        config: batch size, optimizer, learning rate, schedule and clipping.
        random: draws the order of the sentences.

    Raises:
        UserError: the loss is no longer a number.
    """
    optimizer = build_optimizer(model, config)
    batches = _endless(sentences, config.batch_size, random)
    losses, clipped, tokens = [], 0, 0
    for step in range(steps):
        segment = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step / steps)
        optimizer.zero_grad()
        loss = mean_nll(model, segment)
        loss.backward()
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        norm = global_norm(gradients)
        if not (torch.isfinite(loss) and math.isfinite(norm)):
            raise UserError(f"the loss is not a number after {step} steps: lower the learning rate of the preset")
        clip_gradients(gradients, norm, config)
        optimizer.step()
        losses.append(loss.item())
        clipped += norm > config.clip_threshold
        tokens += segment.token_count
    last = losses[-max(1, steps // 10) :]
    return TrainingSummary(sum(last) / len(last), clipped / steps, tokens)


def mean_nll(model: NeuralModel, segment: Segment) -> Tensor:
    """Nats per token of sentences read from the initial state."""
    nll_tb, _ = model.score(segment.input_tb, segment.target_tb, model.initial_state(segment.input_tb.shape[1]))
    return nll_tb.sum() / segment.token_count


def _endless(sentences: Sentences, batch_size: int, random: torch.Generator) -> Iterator[Segment]:
    while True:
        yield from sentences.batches(batch_size, random)
