"""The adaptive softmax (Grave et al. 2017): frequent words at once, rare ones in clusters that are asked when needed.

Words are numbered by falling frequency, so that clusters are ranges of ids. A cluster has one entry among the frequent
words, and within it a softmax over fewer dimensions. Probabilities are exact: they sum to one over the vocabulary.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.errors import UserError
from rnn_lm.padding import IGNORE

_FIRST, _SECOND = 10, 3
"""The most frequent tenth of the vocabulary is scored at once; those up to a third are a cluster, the rest another."""
LEAST_VOCABULARY = 2 * _FIRST
"""Words that there must be for clusters to be made of them."""
_DIVISOR = 4.0
"""Each cluster has this many times fewer dimensions than the one before."""


def cutoffs(vocabulary_size: int) -> tuple[int, int]:
    """Where clusters begin; raises ``UserError`` for a vocabulary that is too small to have any."""
    if vocabulary_size < LEAST_VOCABULARY:
        raise UserError(f"--decoder adaptive needs a vocabulary of {LEAST_VOCABULARY} or more, not {vocabulary_size}")
    return vocabulary_size // _FIRST, vocabulary_size // _SECOND


def adaptive_softmax(width: int, vocabulary_size: int) -> nn.AdaptiveLogSoftmaxWithLoss:
    """The decoder, reading (N, ``width``); its numbers are for the caller to draw.

    Raises:
        UserError: the vocabulary is too small for clusters, or the width for the last one's share of it.
    """
    if width < _DIVISOR**2:
        raise UserError(f"--decoder adaptive needs --hidden-size {_DIVISOR**2:g} or more, not {width}")
    with torch.random.fork_rng(devices=[]):  # torch fills it from the global generator, which is not ours to advance
        return nn.AdaptiveLogSoftmaxWithLoss(width, vocabulary_size, list(cutoffs(vocabulary_size)), _DIVISOR)


def adaptive_size(width: int, vocabulary_size: int) -> int:
    """Numbers that ``adaptive_softmax`` consists of."""
    first, second = cutoffs(vocabulary_size)
    narrow, narrower = int(width // _DIVISOR), int(width // _DIVISOR**2)
    clusters = width * narrow + narrow * (second - first) + width * narrower + narrower * (vocabulary_size - second)
    return width * (first + 2) + clusters


def adaptive_nll(
    adaptive: nn.AdaptiveLogSoftmaxWithLoss, output_nd: Float[Tensor, "N D"], target_n: Int[Tensor, "N"]
) -> Float[Tensor, "N"]:
    """-log P(target) of every position, in nats; 0 where the target is ``IGNORE``."""
    counted_n = target_n != IGNORE
    if not bool(counted_n.any()):
        return output_nd.sum(1) * 0.0  # differentiable all the same: one process's columns may be padding alone
    nll_n = output_nd.new_zeros(len(target_n))
    log_probability, _ = adaptive(output_nd[counted_n], target_n[counted_n])
    return nll_n.masked_scatter(counted_n, -log_probability)
