"""Exercise 6: what follows the LSTM, h_t = a_t h_{t-1} + b_t with gates that do not look at h.

The derivation is ``docs/theory/6-after-the-lstm.md``. No autograd here: ``theory/exercises/linear.py`` compares.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Pair = tuple[Tensor, Tensor]
"""(a, b): the map h -> a h + b, of one step or of many in a row."""


def after(later: Pair, earlier: Pair) -> Pair:
    """Return one map for two in a row: (a_2, b_2) after (a_1, b_1) is (a_2 a_1, a_2 b_1 + b_2)."""
    return later[0] * earlier[0], later[0] * earlier[1] + later[1]


def by_doubling(decay_th: Float[Tensor, "T H"], entering_th: Float[Tensor, "T H"]) -> tuple[Pair, int]:
    """Return the maps from the start to every t, and in how many rounds they were made: ceil(log2 T).

    In each round every t takes in what ends where its own stretch begins (Hillis and Steele 1986): all at once.
    """
    reach, rounds = 1, 0
    while reach < len(decay_th):
        decay, entering = after((decay_th[reach:], entering_th[reach:]), (decay_th[:-reach], entering_th[:-reach]))
        decay_th = torch.cat([decay_th[:reach], decay])
        entering_th = torch.cat([entering_th[:reach], entering])
        reach, rounds = 2 * reach, rounds + 1
    return (decay_th, entering_th), rounds


def gate_products(decay_th: Float[Tensor, "T H"]) -> Float[Tensor, "S H"]:
    """Return a_T a_{T-1} ... a_{T-k+1} for k = 0 ... T."""
    return torch.cat([torch.ones_like(decay_th[:1]), decay_th.flip(0).cumprod(0)])


def flowing_back(decay_th: Float[Tensor, "T H"], grad_th: Float[Tensor, "T H"]) -> Float[Tensor, "T H"]:
    """Return every g_t = dL/dh_t + a_{t+1} g_{t+1}, where ``grad_th`` is what the loss reads of each h_t itself."""
    flowing = [grad_th[-1]]
    for decay_h, grad_h in zip(decay_th.flip(0), grad_th.flip(0)[1:], strict=False):
        flowing.append(grad_h + decay_h * flowing[-1])
    return torch.stack(flowing).flip(0)


def sign_changes(values_k: Float[Tensor, "*R K"]) -> int:
    """Return how often a row changes its sign, of the row that does so most."""
    return int((values_k[..., 1:].sign() != values_k[..., :-1].sign()).sum(-1).max())


def swap(size: int, first: int, second: int) -> Float[Tensor, "N N"]:
    """Return I - 2 k k^T, k = (e_i - e_j) / sqrt 2: the delta rule's step with b = 2, which exchanges i and j."""
    key_n = torch.zeros(size, dtype=torch.float64)
    key_n[first], key_n[second] = 0.5**0.5, -(0.5**0.5)
    return torch.eye(size, dtype=torch.float64) - 2 * torch.outer(key_n, key_n)
