"""Training losses over the vocabulary: exact, without ever holding all logits, and sampled.

Both work on flattened positions (N = T * B) and know their gradients in closed form: with p = softmax(logits), the
gradient of NLL to the logits is p - onehot(target). All that backward needs is therefore known as soon as the logits
are, and they need not be kept for it. Both return the NLL times a ``scale``, which is multiplied into the small factors
of these products rather than into gradients of the size of the vocabulary.
"""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.layers.adaptive import adaptive_nll
from rnn_lm.layers.asking import answers_late, is_known_one, maybe
from rnn_lm.layers.packing import product_dtype
from rnn_lm.layers.softmax import Decoder, chunks, probabilities_and_nll
from rnn_lm.padding import IGNORE

WIDE_PRODUCTS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 8)
"""Whether CUDA's products of 16-bit numbers may be given out in float32, as they were summed, in one pass."""


class Scratch:
    """Memory that is written over at every step; the allocator would hand it out anew each time, page by page."""

    def __init__(self) -> None:
        self._memory: dict[str, Tensor] = {}

    def take(self, name: str, rows: int, columns: int, like: Tensor) -> Tensor:
        """(rows, columns) of undefined content, contiguous, valid until ``name`` is taken again."""
        memory = self._memory.get(name)
        wanted = rows * columns
        if memory is None or memory.numel() < wanted or (memory.dtype, memory.device) != (like.dtype, like.device):
            memory = self._memory[name] = like.new_empty(wanted)
        return memory[:wanted].view(rows, columns)


def _sum_dtype(device: torch.device) -> torch.dtype:
    """What positions are summed in: float64, which Apple's GPUs lack."""
    return torch.float32 if device.type == "mps" else torch.float64


def multiply_into(left: Tensor, right: Tensor, out: Tensor, scale: float = 1.0, keep: float = 0.0) -> Tensor:
    """out = keep * out + scale * left @ right, where ``left`` and ``right`` may be of fewer digits than ``out``."""
    if left.dtype == out.dtype:
        return torch.addmm(out, left, right, beta=keep, alpha=scale, out=out)
    if WIDE_PRODUCTS and out.is_cuda:
        return torch.addmm(out, left, right, out_dtype=out.dtype, beta=keep, alpha=scale, out=out)
    product = torch.mm(left, right)
    return out.copy_(product).mul_(scale) if keep == 0 else out.mul_(keep).add_(product, alpha=scale)


class _ClosedForm(torch.autograd.Function):
    """Shared backward: the gradients of output, weight and bias were found on the way forward.

    They are kept as plain attributes and given away: of a tensor that is still saved elsewhere autograd makes a copy
    before it becomes a parameter's gradient, here one of the size of the vocabulary.
    """

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (factor,) = grad_outputs
        found, ctx.gradients = ctx.gradients, None
        if found is None:
            raise RuntimeError("the gradients of this loss were given away by an earlier backward pass")
        if not is_known_one(factor) and maybe(factor != 1.0):
            found = tuple(gradient * factor for gradient in found)
        return (*found, *(None,) * ctx.others)


class _ExactLoss(_ClosedForm):
    """Memory is a chunk of logits instead of all N * V."""

    @staticmethod
    def forward(
        ctx: Any,
        output_nd: Tensor,
        weight_vd: Tensor,
        bias_v: Tensor,
        target_n: Tensor,
        scale: float,
        scratch: Scratch,
        padded: bool,
    ) -> Tensor:
        count, size = len(target_n), len(bias_v)
        sums: list[Tensor] = []
        digits = product_dtype(weight_vd)
        output_nd, factor_vd = output_nd.to(digits), weight_vd.to(digits)
        grad_output_nd = torch.empty_like(output_nd, dtype=weight_vd.dtype)
        grad_weight_vd, grad_bias_v = torch.empty_like(weight_vd), torch.empty_like(bias_v)
        for rows in chunks(count, size, output_nd.device):
            output_rd, target_r = output_nd[rows], target_n[rows]
            logits_rv = scratch.take("logits", len(target_r), size, weight_vd)
            logits_into(output_rd, factor_vd, bias_v, logits_rv)
            sums.append(probabilities_and_nll(logits_rv, target_r, padded).sum(dtype=_sum_dtype(output_nd.device)))
            slope_v = _minus_one_hot(logits_rv, target_r, padded).sum(0)
            if rows.start:
                grad_bias_v.add_(slope_v, alpha=scale)
            else:
                torch.mul(slope_v, scale, out=grad_bias_v)
            slope_rv = logits_rv.to(digits)
            multiply_into(slope_rv, factor_vd, grad_output_nd[rows], scale)
            # keep = 0 does not read what is there: the first chunk needs no zeros.
            multiply_into(slope_rv.T, output_rd, grad_weight_vd, scale, keep=float(rows.start > 0))
        ctx.gradients = grad_output_nd, grad_weight_vd, grad_bias_v
        ctx.others = 4
        return torch.mul(reduce(torch.add, sums), scale, out=weight_vd.new_empty(()))


def logits_into(output_rd: Tensor, weight_vd: Tensor, bias_v: Tensor, out: Tensor) -> None:
    """out = output_rd @ weight_vd.T + bias_v, where the factors may be of fewer digits than ``out``."""
    if output_rd.dtype == out.dtype:
        torch.addmm(bias_v, output_rd, weight_vd.T, out=out)
    else:
        multiply_into(output_rd, weight_vd.T, out).add_(bias_v)


def _minus_one_hot(probabilities_rv: Tensor, target_r: Tensor, padded: bool) -> Tensor:
    """p - onehot(target) in place; rows of padding become 0."""
    if not padded:
        return probabilities_rv.scatter_(1, target_r.unsqueeze(1), -1.0, reduce="add")
    ignored_r = target_r == IGNORE
    if maybe(ignored_r):
        probabilities_rv.masked_fill_(ignored_r.unsqueeze(1), 0.0)
    ones_r1 = (~ignored_r).to(probabilities_rv.dtype).unsqueeze(1)
    return probabilities_rv.scatter_add_(1, target_r.clamp_min(0).unsqueeze(1), -ones_r1)


def exact_loss(
    output_nd: Float[Tensor, "N D"],
    decoder: Decoder,
    target_n: Int[Tensor, "N"],
    scale: float = 1.0,
    scratch: Scratch | None = None,
    padded: bool = True,
) -> Float[Tensor, ""]:
    """``scale`` times the sum of -log P(target), in nats, over the positions whose target is not ``IGNORE``.

    Args:
        output_nd: what the decoder reads.
        decoder: its matrix and bias.
        target_n: ids.
        scale: see above.
        scratch: memory of chunks.
        padded: whether any target may be ``IGNORE``; where none is, a device is spared to look for them.
    """
    arguments = (output_nd, decoder.weight_vd, decoder.bias_v, target_n, scale, scratch or Scratch(), padded)
    loss = _ExactLoss.apply(*arguments)
    assert isinstance(loss, Tensor)
    return loss


class NoiseDistribution:
    """Noise words for the sampled softmax: unigram counts to the power 0.75 (Mikolov et al. 2013).

    Args:
        counts_v: how often each token occurs in train; tokens never seen are given count 1.
        device: where the loss is computed. Noise is drawn where its generator is.
    """

    def __init__(self, counts_v: Int[Tensor, "V"], device: torch.device | None = None) -> None:
        weights = counts_v.clamp_min(1).double().pow(0.75)
        probabilities = weights / weights.sum()
        self.log_probability_v = probabilities.log().float().to(device)
        self._cumulative_v = probabilities.cumsum(0)

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, "S"]:
        """``count`` ids, with replacement, by inverting the cumulative distribution."""
        uniform = torch.rand(count, generator=generator, dtype=torch.float64, device=generator.device)
        if self._cumulative_v.device != generator.device:
            self._cumulative_v = self._cumulative_v.to(generator.device)
        return torch.searchsorted(self._cumulative_v, uniform).clamp_max(len(self._cumulative_v) - 1)


class _SampledLoss(_ClosedForm):
    """The softmax over each target and the noise: column 0 is the target, column 1 + s is noise word s."""

    @staticmethod
    def forward(
        ctx: Any,
        output_nd: Tensor,
        weight_vd: Tensor,
        bias_v: Tensor,
        target_n: Tensor,
        noise_s: Tensor,
        correction_m: Tensor,
        scale: float,
        scratch: Scratch,
    ) -> Tensor:
        count = len(target_n)
        # One gather for targets and noise together: its gradient is then one scatter into the weight matrix.
        ids_m = torch.cat([target_n, noise_s])
        digits = product_dtype(weight_vd)
        output_nd = output_nd.to(weight_vd.dtype)
        counted_n = target_n != IGNORE
        target_n = target_n.clamp_min(0)
        weight_md = weight_vd.index_select(0, ids_m)
        bias_m = bias_v.index_select(0, ids_m) - correction_m.to(bias_v.dtype)
        target_nd, noise_sd = weight_md[:count], weight_md[count:]
        logits_nm = scratch.take("sampled", count, 1 + len(noise_s), output_nd)
        logits_ns = logits_nm[:, 1:]
        factor_nd, factor_sd = output_nd.to(digits), noise_sd.to(digits)
        logits_into(factor_nd, factor_sd, bias_m[count:], logits_ns)
        logits_ns.masked_fill_(target_n.unsqueeze(1) == noise_s, -math.inf)
        torch.sum(output_nd * target_nd, dim=1, out=logits_nm[:, 0]).add_(bias_m[:count])
        column_n = torch.where(counted_n, 0, IGNORE)
        total = probabilities_and_nll(logits_nm, column_n).sum(dtype=_sum_dtype(output_nd.device))

        slope_n = logits_nm[:, :1].sub_(1.0)
        if maybe(~counted_n):
            logits_nm.masked_fill_(~counted_n.unsqueeze(1), 0.0)
        slope_ns = logits_ns.to(digits)
        grad_output_nd = multiply_into(slope_ns, factor_sd, slope_n * target_nd, scale, keep=scale)
        grad_md = torch.empty_like(weight_md)
        torch.mul(output_nd, slope_n * scale, out=grad_md[:count])
        multiply_into(slope_ns.T, factor_nd, grad_md[count:], scale)
        grad_bias_m = torch.cat([slope_n.squeeze(1), logits_ns.sum(0)]) * scale
        ctx.gradients = (
            grad_output_nd,
            torch.zeros_like(weight_vd).index_add_(0, ids_m, grad_md),
            torch.zeros_like(bias_v).index_add_(0, ids_m, grad_bias_m),
        )
        ctx.others = 5
        return (total * scale).to(output_nd.dtype)


def sampled_loss(
    output_nd: Float[Tensor, "N D"],
    decoder: Decoder,
    target_n: Int[Tensor, "N"],
    noise_s: Int[Tensor, "S"],
    noise: NoiseDistribution,
    scale: float = 1.0,
    scratch: Scratch | None = None,
) -> Float[Tensor, ""]:
    """The loss of telling each target from S noise words shared by all positions (Bengio and Senecal 2008).

    Each logit is lowered by the log of its word's expected count among the noise, S * q(word), which makes the
    gradient an estimate of the exact softmax's (Jean et al. 2015, Section 3); noise that equals the position's own
    target is struck out. For training only: its value is not a perplexity.
    """
    counted_n = target_n != IGNORE
    # How many are left is a question: a device computes padding, too, and leaves it out of what comes of it.
    if not answers_late(target_n.device) and not bool(counted_n.all()):
        output_nd, target_n = output_nd[counted_n], target_n[counted_n]
    noise_s = noise_s.to(target_n.device)
    ids_m = torch.cat([target_n.clamp_min(0), noise_s])
    correction_m = noise.log_probability_v[ids_m] + math.log(len(noise_s))
    loss = _SampledLoss.apply(
        output_nd, decoder.weight_vd, decoder.bias_v, target_n, noise_s, correction_m, scale, scratch or Scratch()
    )
    assert isinstance(loss, Tensor)
    return loss


def adaptive_loss(
    output_nd: Float[Tensor, "N D"],
    adaptive: nn.AdaptiveLogSoftmaxWithLoss,
    target_n: Int[Tensor, "N"],
    scale: float = 1.0,
) -> Float[Tensor, ""]:
    """``scale`` times the sum of -log P(target), in nats, under an adaptive decoder."""
    return adaptive_nll(adaptive, output_nd, target_n).sum() * scale
