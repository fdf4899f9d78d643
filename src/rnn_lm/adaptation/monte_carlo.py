"""Monte-Carlo dropout (Gal and Ghahramani 2016): the mean of what a model predicts under many draws of its masks.

    P(w) = 1/S sum over s of P(w | masks of sample s)

With its masks off, a model is one network that stands for the mean of all; here the mean of their probabilities is
taken itself. Each sample reads the whole text with the state that its own masks have made, under policy stream. Masks
that last (``--dropout-masks segment``, those of matrices and of word types) are drawn anew for every ``SEGMENT``
tokens. Samples are read side by side, as columns of a batch; where columns would share a mask, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from rnn_lm.config import ModelConfig
from rnn_lm.evaluation.perplexity import Perplexity, evaluating
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText

SEGMENT = 70
"""Tokens for which one mask lasts, where masks do."""
_COLUMNS = 32
"""Most samples read side by side."""
TEMPERATURES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3)
"""Among which ``best_sampling_temperature`` chooses."""
_TUNING_SAMPLES = 20
_MASKS = "dropout_masks"
"""The one setting of dropout that is no probability."""


def has_dropout(config: ModelConfig) -> bool:
    """Whether a model was trained with any masks to draw."""
    return any(value > 0 for name, value in vars(config).items() if name.startswith("dropout_") and name != _MASKS)


def sampled_nll(
    model: NeuralLanguageModel,
    text: EncodedText,
    samples: int,
    *,
    seed: int = 1,
    temperatures: Sequence[float] = (1.0,),
    progress: Progress | None = None,
) -> Float64[Tensor, "K N"]:
    """-log of the mean probability of every token of ``text`` over ``samples`` draws, at each temperature, in nats.

    Args:
        model: trained with dropout; its modes are afterwards as they were before.
        text: what to score.
        samples: S.
        seed: of the masks; the same seed draws the same ones on the same kind of device.
        temperatures: of the softmax, all at the same masks.
        progress: told the tokens done in all samples, and the perplexity of those that are whole.
    """
    config = model.config
    shared = config.dropout_recurrent > 0 or config.dropout_embedding > 0
    device = model.device
    source = generator(seed, "Monte-Carlo dropout", device)
    total_kn = torch.full((len(temperatures), len(text)), -math.inf, dtype=torch.float64)
    reporter = (progress or SilentProgress()).task(f"{samples} samples", float(samples * len(text)))
    with evaluating(model), torch.inference_mode(), reporter as task:
        done, figures = 0, {}
        while done < samples:
            columns = 1 if shared else min(_COLUMNS, samples - done)
            state = model.initial_state(columns)
            for position_t in torch.arange(len(text)).split(SEGMENT):
                input_tb = text.before(position_t)[:, None].expand(-1, columns).to(device)
                target_n = text.at(position_t)[:, None].expand(-1, columns).to(device).flatten()
                masks = model.draw_masks(columns, source, len(position_t)).part(slice(None), device)
                output_tbd, state = model.encode(input_tb, state, masks)
                for row, temperature in enumerate(temperatures):
                    nll_tb = model.nll_of_output(output_tbd.flatten(0, 1), target_n, temperature).view_as(input_tb)
                    log_sum_t = torch.logsumexp(-nll_tb.cpu().double(), 1)
                    total_kn[row, position_t] = torch.logaddexp(total_kn[row, position_t], log_sum_t)
                task.update(float(done * len(text) + columns * (int(position_t[-1]) + 1)), **figures)
            done += columns
            nll_sum = float((math.log(done) - total_kn[0]).sum())
            figures = {"perplexity": Perplexity(nll_sum, len(text), 0).perplexity}
        task.update(float(samples * len(text)), **figures)
    return math.log(samples) - total_kn


def best_sampling_temperature(
    model: NeuralLanguageModel, text: EncodedText, samples: int, seed: int, progress: Progress | None = None
) -> float:
    """Of ``TEMPERATURES`` that of lowest perplexity on ``text``, of valid, over 20 samples or fewer."""
    nll_kn = sampled_nll(
        model, text, min(samples, _TUNING_SAMPLES), seed=seed, temperatures=TEMPERATURES, progress=progress
    )
    return TEMPERATURES[int(nll_kn.mean(1).argmin())]
