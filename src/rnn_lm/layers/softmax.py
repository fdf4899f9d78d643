"""NLL over a vocabulary without ever holding all logits.

The decoder is most of the arithmetic of a small language model: D x V products per token, against about 4 x D x 4D for
an LSTM layer. For N positions, the (N, V) logits would also be most of its memory: 4,480 positions at V = 100,000 are
1.8 GB. Here they exist for a chunk of positions at a time, in one piece of memory that every chunk writes over; asking
the allocator for some 10 MB again and again costs more than the softmax itself.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from rnn_lm.layers.asking import answers_late
from rnn_lm.padding import IGNORE

CHUNK_ROWS = 1024
"""Most positions whose logits exist at a time. Fewer make smaller products, which run slower."""
DEVICE_CHUNK_ROWS = 8192
"""The same on an accelerator, where many small products keep it waiting for the next."""
CHUNK_NUMBERS = 2**24
"""Most logits that exist at a time (64 MB in float32), which makes chunks of large vocabularies shorter."""
DEVICE_CHUNK_NUMBERS = 2**27
"""The same on an accelerator (512 MB)."""


ALIGNED = 16
"""Numbers in a row of logits are to be a multiple of this, a cache line of float32: MKL's products with rows that begin
anywhere take up to 1.5 times as long on AMD's processors (``benchmarks/nll.py``)."""
FEWEST_ALIGNED = 256
"""Positions that the copy of the decoder that it takes is worth making for."""


class Decoder(NamedTuple):
    """What turns encoded positions into logits: ``output_nd @ weight_vd.T + bias_v``."""

    weight_vd: Float[Tensor, "V D"]
    bias_v: Float[Tensor, "V"]


def chunks(count: int, vocabulary_size: int, device: torch.device | None = None) -> list[slice]:
    """``count`` positions in as few chunks as the limits allow, of equal length but for rounding, the longest first."""
    late = device is not None and answers_late(device)
    most_rows, most_numbers = (DEVICE_CHUNK_ROWS, DEVICE_CHUNK_NUMBERS) if late else (CHUNK_ROWS, CHUNK_NUMBERS)
    most = max(1, min(most_rows, most_numbers // vocabulary_size))
    rows = -(-count // max(1, -(-count // most)))
    return [slice(start, min(start + rows, count)) for start in range(0, count, rows or 1)]


_TINY = 1e-30
"""Probabilities above this have all their digits in float32, and so has their logarithm."""


def probabilities_and_nll(
    logits_rv: Float[Tensor, "R V"], target_r: Int[Tensor, "R"], padded: bool = True
) -> Float[Tensor, "R"]:
    """Turn logits into probabilities in place; returns -log P(target) in nats, 0 where the target is ``IGNORE``.

    Args:
        logits_rv: of each position.
        target_r: ids.
        padded: whether any may be ``IGNORE``.
    """
    index_r1 = (target_r.clamp_min(0) if padded else target_r).unsqueeze(1)
    if answers_late(logits_rv.device):
        # Whether a probability is small is not asked: of logarithms all digits are there in any case.
        torch.log_softmax(logits_rv, 1, out=logits_rv)
        nll_r1 = -logits_rv.gather(1, index_r1)
        logits_rv.exp_()
    else:
        target_logit_r1, largest_r1 = logits_rv.gather(1, index_r1), logits_rv.amax(1, keepdim=True)
        torch.softmax(logits_rv, 1, out=logits_rv)
        probability_r1 = logits_rv.gather(1, index_r1)
        nll_r1 = -probability_r1.log()
        if bool((probability_r1 < _TINY).any()):
            # log of the sum of exponentials = largest logit - log p of the most probable entry, which is 1/V or more.
            normalizer_r1 = largest_r1 - logits_rv.amax(1, keepdim=True).log()
            nll_r1 = torch.where(probability_r1 < _TINY, normalizer_r1 - target_logit_r1, nll_r1)
    return nll_r1.squeeze(1).masked_fill_(target_r == IGNORE, 0.0) if padded else nll_r1.squeeze(1)


@torch.no_grad()
def nll(output_nd: Float[Tensor, "N D"], decoder: Decoder, target_n: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    """-log P(target) of every position, in nats, without gradients; 0 where the target is ``IGNORE``."""
    counted_n = target_n != IGNORE
    if not bool(counted_n.all()):  # no product for padding, which may be a third of a batch of sentences
        nll_n = torch.zeros_like(target_n, dtype=output_nd.dtype)
        nll_n[counted_n] = nll(output_nd[counted_n], decoder, target_n[counted_n])
        return nll_n
    # The copy of the decoder that it may take is not to be larger than the logits of a chunk are.
    small = decoder.weight_vd.numel() <= CHUNK_NUMBERS
    if small and len(output_nd) >= FEWEST_ALIGNED and not answers_late(output_nd.device):
        decoder = aligned(decoder)
    parts = chunks(len(output_nd), len(decoder.bias_v), output_nd.device)
    scratch_rv = output_nd.new_empty(parts[0].stop if parts else 0, len(decoder.bias_v))
    nll_n = torch.empty_like(target_n, dtype=output_nd.dtype)
    for rows in parts:
        output_rd = output_nd[rows]
        logits_rv = torch.addmm(decoder.bias_v, output_rd, decoder.weight_vd.T, out=scratch_rv[: len(output_rd)])
        nll_n[rows] = probabilities_and_nll(logits_rv, target_n[rows])
    return nll_n


def aligned(decoder: Decoder) -> Decoder:
    """The same, or a copy of it with as many words of no probability at its end as ``ALIGNED`` asks for."""
    missing = -len(decoder.bias_v) % ALIGNED
    if not missing:
        return decoder
    weight_vd = functional.pad(decoder.weight_vd, (0, 0, 0, missing))
    return Decoder(weight_vd, functional.pad(decoder.bias_v, (0, missing), value=-math.inf))
