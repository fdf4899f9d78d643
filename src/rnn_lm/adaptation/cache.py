"""The continuous neural cache (Grave, Joulin and Usunier 2017, arXiv 1612.04426).

With h_t what the decoder reads at position t, and w_t the token predicted there, the last N positions vote for the
tokens that followed them, each with the weight of its likeness to the present::

    P_cache(w at t)  proportional to  sum over i in t-N .. t-1 of  exp(theta h_t . h_i) [w_i = w]
    P(w)             = (1 - lambda) P_model(w) + lambda P_cache(w)

Only the probability of the token that did follow is needed, so that a block of positions takes one product with the
window, and no distribution over the vocabulary is made.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor


class NeuralCache:
    """Hidden states of the last positions and the tokens that followed, in a ring: constant memory, nothing is moved.

    Args:
        window: N, positions that can vote.
        theta: scale of the likeness.
        block: most positions asked for in one call.
        width: D of the hidden states.
        like: a tensor of their type and device.
    """

    def __init__(self, window: int, theta: float, block: int, width: int, like: Tensor) -> None:
        self.window, self.theta, self.block = window, theta, block
        slots = window + block
        self._hidden_cd = torch.zeros(slots, width, dtype=like.dtype, device=like.device)
        self._next_c = torch.zeros(slots, dtype=torch.int64, device=like.device)
        self._position_c = torch.zeros(slots, dtype=torch.int64, device=like.device)
        self._read = 0

    @torch.no_grad()
    def probability(self, hidden_kd: Float[Tensor, "K D"], next_k: Int[Tensor, "K"]) -> Float[Tensor, "K"]:
        """P_cache of the tokens that follow the next K positions of the text, which are then part of the cache.

        A position sees those before it alone, the ones of its own block included, so that blocks of any size give the
        same. nan at the very first position, when nothing is cached: all votes are barred, its own among them.

        Raises:
            ValueError: K is larger than ``block``: positions still in the window would be written over.
        """
        if len(next_k) > self.block:
            raise ValueError(f"{len(next_k)} positions at once, in a cache made for blocks of {self.block}")
        position_k = self._read + torch.arange(len(next_k), device=next_k.device)
        slot_k = position_k % len(self._next_c)
        self._hidden_cd[slot_k], self._next_c[slot_k], self._position_c[slot_k] = hidden_kd, next_k, position_k
        self._read += len(next_k)
        # Until the ring is full, its tail holds nothing.
        used = slice(min(self._read, len(self._next_c)))
        age_kc = position_k[:, None] - self._position_c[None, used]
        votes_kc = torch.mm(hidden_kd, self._hidden_cd[used].T).mul_(self.theta)
        votes_kc.masked_fill_((age_kc < 1) | (age_kc > self.window), -math.inf)
        torch.softmax(votes_kc, dim=1, out=votes_kc)
        return votes_kc.masked_fill_(self._next_c[None, used] != next_k[:, None], 0.0).sum(1)


def mixed_nll(nll_n: Float64[Tensor, "N"], cached_n: Float64[Tensor, "N"], weight: float) -> Float64[Tensor, "N"]:
    """-log of the mixture, in nats; the model's alone where nothing is cached (nan).

    Args:
        nll_n: the model's -log P of each token.
        cached_n: P_cache of the same tokens.
        weight: lambda, in [0, 1); 0 gives ``nll_n`` back to the bit.
    """
    if weight == 0:
        return nll_n.clone()
    log_cached_n = cached_n.log() + math.log(weight)
    return torch.where(cached_n.isnan(), nll_n, -torch.logaddexp(math.log1p(-weight) - nll_n, log_cached_n))
