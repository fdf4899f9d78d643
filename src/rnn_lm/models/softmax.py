"""NLL over a vocabulary without ever holding all logits.

The decoder is most of the arithmetic of a small language model: D x V products per token, against about 4 x D x 4D for
an LSTM layer. For N positions, the (N, V) logits would also be most of its memory: 4,480 positions at V = 100,000 are
1.8 GB. Here they exist for a chunk of positions at a time, in one piece of memory that every chunk writes over; asking
the allocator for some 10 MB again and again costs more than the softmax itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.models.language_model import IGNORE

CHUNK_ROWS = 256
"""Most positions whose logits exist at a time."""
CHUNK_NUMBERS = 2**24
"""Most logits that exist at a time (64 MB in float32), which makes chunks of large vocabularies shorter."""


class Decoder(NamedTuple):
    """What turns encoded positions into logits: ``output_nd @ weight_vd.T + bias_v``."""

    weight_vd: Float[Tensor, "V D"]
    bias_v: Float[Tensor, "V"]


def chunk_rows(vocabulary_size: int) -> int:
    """Positions per chunk."""
    return max(1, min(CHUNK_ROWS, CHUNK_NUMBERS // vocabulary_size))


def chunks(count: int, vocabulary_size: int) -> Iterator[slice]:
    """``count`` positions, a chunk at a time."""
    rows = chunk_rows(vocabulary_size)
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))


def probabilities_and_nll(logits_rv: Float[Tensor, "R V"], target_r: Int[Tensor, "R"]) -> Float[Tensor, "R"]:
    """Turn logits into probabilities in place; returns -log P(target) in nats, 0 where the target is ``IGNORE``.

    The most probable entry p of a softmax is at least 1/V, so that its logarithm is exact where that of an improbable
    target would not be: log of the sum of exponentials = largest logit - log p.
    """
    target_logit_r = logits_rv.gather(1, target_r.clamp_min(0).unsqueeze(1)).squeeze(1)
    largest_r = logits_rv.amax(1)
    torch.softmax(logits_rv, 1, out=logits_rv)
    normalizer_r = largest_r - logits_rv.amax(1).log()
    return (normalizer_r - target_logit_r).masked_fill_(target_r == IGNORE, 0.0)


@torch.no_grad()
def nll(output_nd: Float[Tensor, "N D"], decoder: Decoder, target_n: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    """-log P(target) of every position, in nats, without gradients; 0 where the target is ``IGNORE``."""
    size = len(decoder.bias_v)
    scratch_rv = output_nd.new_empty(min(chunk_rows(size), len(output_nd)), size)
    nll_n = torch.empty_like(target_n, dtype=output_nd.dtype)
    for rows in chunks(len(output_nd), size):
        output_rd = output_nd[rows]
        logits_rv = torch.addmm(decoder.bias_v, output_rd, decoder.weight_vd.T, out=scratch_rv[: len(output_rd)])
        nll_n[rows] = probabilities_and_nll(logits_rv, target_n[rows])
    return nll_n
