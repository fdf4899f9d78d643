"""Training losses over the vocabulary: exact, without ever holding all logits, and sampled.

The decoder is most of the arithmetic of a small language model: D x V products per token, against about 4 x D x 4D for
an LSTM layer. Both losses here therefore work on flattened positions (N = T * B) and in chunks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.models.language_model import IGNORE
from rnn_lm.models.recurrent import RecurrentLanguageModel

CHUNK_ROWS = 256
"""Positions whose logits exist at a time in the exact loss."""


class Decoder(NamedTuple):
    """What turns encoded positions into logits: ``output_nd @ weight_vd.T + bias_v``."""

    weight_vd: Float[Tensor, "V D"]
    bias_v: Float[Tensor, "V"]

    @classmethod
    def of(cls, model: RecurrentLanguageModel) -> Decoder:
        """The decoder of ``model``."""
        return cls(model.decoder_weight_vd, model.decoder_bias_v)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Sum of NLL over positions, its gradients computed chunk by chunk in the forward pass.

    With p = softmax(logits), d NLL / d logits = p - onehot(target): all that backward needs is known as soon as a
    chunk's logits are, so the (N, V) matrix is never kept. Memory is CHUNK_ROWS * V floats instead of N * V.
    """

    @staticmethod
    def forward(ctx: Any, output_nd: Tensor, weight_vd: Tensor, bias_v: Tensor, target_n: Tensor) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        grad_output_nd = torch.empty_like(output_nd)
        grad_weight_vd = torch.zeros_like(weight_vd)
        grad_bias_v = torch.zeros_like(bias_v)
        for start in range(0, len(target_n), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            output, target = output_nd[rows], target_n[rows]
            logits = torch.addmm(bias_v, output, weight_vd.T)
            counted = (target != IGNORE).to(logits.dtype)
            index = target.clamp_min(0).unsqueeze(1)
            normalizer = torch.logsumexp(logits, dim=1)
            total += ((normalizer - logits.gather(1, index).squeeze(1)) * counted).sum(dtype=torch.float64)
            grad = logits.sub_(normalizer.unsqueeze(1)).exp_().mul_(counted.unsqueeze(1))
            grad.scatter_add_(1, index, -counted.unsqueeze(1))
            torch.mm(grad, weight_vd, out=grad_output_nd[rows])
            grad_weight_vd.addmm_(grad.T, output)
            grad_bias_v += grad.sum(0)
        ctx.save_for_backward(grad_output_nd, grad_weight_vd, grad_bias_v)
        return total.to(output_nd.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (scale,) = grad_outputs
        grad_output_nd, grad_weight_vd, grad_bias_v = ctx.saved_tensors
        return grad_output_nd * scale, grad_weight_vd * scale, grad_bias_v * scale, None


def exact_loss(output_nd: Float[Tensor, "N D"], decoder: Decoder, target_n: Int[Tensor, "N"]) -> Float[Tensor, ""]:
    """Sum of -log P(target) in nats over the positions whose target is not ``IGNORE``."""
    loss = _ChunkedCrossEntropy.apply(output_nd, decoder.weight_vd, decoder.bias_v, target_n)
    assert isinstance(loss, Tensor)
    return loss


class NoiseDistribution:
    """Noise words for the sampled softmax: unigram counts to the power 0.75 (Mikolov et al. 2013).

    Args:
        counts_v: how often each token occurs in train; tokens never seen are given count 1.
    """

    def __init__(self, counts_v: Int[Tensor, "V"]) -> None:
        weights = counts_v.clamp_min(1).double().pow(0.75)
        probabilities = weights / weights.sum()
        self.log_probability_v = probabilities.log().float()
        self._cumulative_v = probabilities.cumsum(0)

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, "S"]:
        """``count`` ids, with replacement, by inverting the cumulative distribution."""
        uniform = torch.rand(count, generator=generator, dtype=torch.float64)
        return torch.searchsorted(self._cumulative_v, uniform).clamp_max(len(self._cumulative_v) - 1)


def sampled_loss(
    output_nd: Float[Tensor, "N D"],
    decoder: Decoder,
    target_n: Int[Tensor, "N"],
    noise_s: Int[Tensor, "S"],
    noise: NoiseDistribution,
) -> Float[Tensor, ""]:
    """The loss of telling each target from S noise words shared by all positions (Bengio and Senecal 2008).

    Each logit is lowered by the log of its word's expected count among the noise, S * q(word), which makes the
    gradient an estimate of the exact softmax's (Jean et al. 2015, Section 3); noise that equals the position's own
    target is struck out. For training only: its value is not a perplexity.
    """
    counted_n = target_n != IGNORE
    output_nd, target_n = output_nd[counted_n], target_n[counted_n]
    # One gather for targets and noise together: its gradient is then one scatter into the weight matrix.
    ids = torch.cat([target_n, noise_s])
    correction = noise.log_probability_v[ids] + torch.log(torch.tensor(float(len(noise_s))))
    weight_md = torch.nn.functional.embedding(ids, decoder.weight_vd)
    bias_m = decoder.bias_v[ids] - correction.to(output_nd.dtype)
    count = len(target_n)
    true_n = (output_nd * weight_md[:count]).sum(1) + bias_m[:count]
    noise_ns = torch.addmm(bias_m[count:], output_nd, weight_md[count:].T)
    noise_ns = noise_ns.masked_fill(target_n.unsqueeze(1) == noise_s, -torch.inf)
    return (torch.logaddexp(noise_ns.logsumexp(1), true_n) - true_n).sum()
