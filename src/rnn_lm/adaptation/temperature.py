"""A softmax temperature, chosen on the valid split: never on the text whose figure is reported.

    P_T(w) = exp(z_w / T) / sum over v of exp(z_v / T)          z: what the decoder gives each word

T above 1 makes a model less sure, which helps one that has learned its train text too well. The mean NLL is convex in
b = 1 / T, with

    dNLL/db = mean of E_P[z] - z_target          d2NLL/db2 = mean of Var_P[z]

so Newton's method finds the one lowest point in a few looks at the text, which is encoded once for all of them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.layers.softmax import chunks
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.stream import EncodedText

MOST_TOKENS = 200_000
"""Of valid that are read: what the decoder reads of them is kept."""
LEAST, MOST = 0.25, 4.0
"""Between these a temperature is looked for."""
_BLOCK = 1024
"""Tokens encoded at a time."""
_MOST_LOOKS = 12
_CLOSE = 1e-4
"""A relative change of the temperature that no longer matters."""


def best_temperature(model: NeuralLanguageModel, text: EncodedText, progress: Progress | None = None) -> float:
    """The temperature, to three digits behind the point, at which ``text`` has its lowest perplexity under ``stream``.

    Args:
        model: its modes are afterwards as they were before.
        text: of valid; its first ``MOST_TOKENS`` are read.
        progress: told the looks at it.
    """
    reporter = (progress or SilentProgress()).task("temperature", float(_MOST_LOOKS))
    with evaluating(model), torch.inference_mode(), reporter as task:
        output_nd, target_n = _encoded(model, text)
        inverse, low, high = 1.0, 1 / MOST, 1 / LEAST
        for look in range(_MOST_LOOKS):
            nll, slope, curvature = nll_and_slopes(model, output_nd, target_n, inverse)
            task.update(look + 1.0, temperature=1 / inverse, perplexity=math.exp(min(nll, 700.0)))
            low, high = (low, inverse) if slope > 0 else (inverse, high)
            # Where the curve is too flat for Newton's step, or leads out of what is left: the middle of that.
            step = inverse - slope / curvature if curvature > 0 else math.inf
            after = step if low < step < high else math.sqrt(low * high)
            close, inverse = abs(after / inverse - 1) < _CLOSE, after
            if close:
                break
        task.update(float(_MOST_LOOKS), temperature=1 / inverse)
    return float(f"{1 / inverse:.3f}")


def nll_and_slopes(
    model: NeuralLanguageModel, output_nd: Float[Tensor, "N D"], target_n: Int[Tensor, "N"], inverse: float
) -> tuple[float, float, float]:
    """The mean NLL in nats at the temperature 1 / ``inverse``, and its first two derivatives by ``inverse``."""
    sums = torch.zeros(3, dtype=torch.float64)
    for rows in chunks(len(target_n), model.vocabulary_size, output_nd.device):
        logits_rv, target_r1 = model.logits(output_nd[rows]), target_n[rows].unsqueeze(1)
        log_prob_rv = torch.log_softmax(logits_rv * inverse, 1)
        nll_r1, logit_r1 = -log_prob_rv.gather(1, target_r1), logits_rv.gather(1, target_r1)
        probability_rv = log_prob_rv.exp_()
        mean_r1 = (probability_rv * logits_rv).sum(1, keepdim=True)
        spread_r1 = (probability_rv * (logits_rv - mean_r1).square_()).sum(1, keepdim=True)
        sums += torch.cat([nll_r1, mean_r1 - logit_r1, spread_r1], 1).cpu().double().sum(0)
    nll, slope, curvature = (sums / len(target_n)).tolist()
    return nll, slope, curvature


def _encoded(model: NeuralLanguageModel, text: EncodedText) -> tuple[Tensor, Tensor]:
    """What the decoder reads at each position of ``text``, the state carried, and the tokens that follow."""
    position_n, state = torch.arange(min(len(text), MOST_TOKENS)), model.initial_state(1)
    outputs: list[Tensor] = []
    for position_k in position_n.split(_BLOCK):
        output_kbd, state = model.encode(text.before(position_k)[:, None].to(model.device), state)
        outputs.append(output_kbd[:, 0])
    return torch.cat(outputs), text.at(position_n).to(model.device)
