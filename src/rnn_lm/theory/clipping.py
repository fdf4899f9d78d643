"""Exercise 4: what clipping does to an exploding gradient, and that it does nothing to a vanishing one.

The derivation is ``docs/theory/4-clipping.md``; ``theory/exercises/clipping.py`` compares it with
``training.optimizer.clip_gradients``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers import ElmanCell
from rnn_lm.layers.cells import CellParameters


def norm_factor(norm: float, threshold: float) -> float:
    """min(1, threshold / norm): what clipping by norm multiplies every element by."""
    return min(1.0, threshold / norm) if norm > 0 else 1.0


def cosine(left_n: Float[Tensor, " N"], right_n: Float[Tensor, " N"]) -> float:
    """The cosine of the angle between two vectors."""
    return float(left_n @ right_n / (torch.linalg.vector_norm(left_n) * torch.linalg.vector_norm(right_n)))


def gaussian_cosine(threshold: float) -> float:
    """Cosine between a long standard normal gradient and itself clipped by value at ``threshold``.

    E[g clip(g)] = P(|g| < c) = erf(c / sqrt 2) by Stein's lemma, and E[clip(g)^2] by parts.
    """
    within = math.erf(threshold / math.sqrt(2))
    density = math.sqrt(2 / math.pi) * math.exp(-(threshold**2) / 2)
    square = within - threshold * density + threshold**2 * math.erfc(threshold / math.sqrt(2))
    return within / math.sqrt(square)


def spike_cosine(spike: float, size: int) -> float:
    """Cosine for the gradient (spike, 1, ..., 1) clipped by value at 1, which tends to 1 / sqrt(size)."""
    return (spike + size - 1) / math.sqrt((spike**2 + size - 1) * size)


class Cliff(NamedTuple):
    """A one-unit Elman network left to itself for ``steps`` steps: h' = tanh(w h + b), loss (h_T - target)^2 / 2.

    After Pascanu et al. 2013, Section 2.3. Where h_0 lies on the border between two basins of attraction, h_T jumps
    from one to the other: the loss, as a function of (w, b), has a cliff there.
    """

    steps: int = 30
    start: float = 0.5
    target: float = 0.6

    def loss(self, weight_and_bias: Float[Tensor, 2]) -> Float[Tensor, ""]:
        """The loss through the cell that trains."""
        weight, bias = weight_and_bias.unbind()
        zero = torch.zeros(1, 1, dtype=torch.float64)
        parameters = CellParameters(zero, weight.view(1, 1), zero[0], bias.view(1))
        state = (zero + self.start,)
        for _ in range(self.steps):
            state = ElmanCell.equations(zero, state, parameters)
        return (state[0].squeeze() - self.target).square() / 2

    def gradient(self, weight: float, bias: float) -> tuple[float, float]:
        """d loss / d (w, b) by hand: dh'/dw = (1 - h'^2) (h + w dh/dw), dh'/db = (1 - h'^2) (1 + w dh/db)."""
        hidden, by_weight, by_bias = self.start, 0.0, 0.0
        for _ in range(self.steps):
            after = math.tanh(weight * hidden + bias)
            slope = 1 - after**2
            by_weight, by_bias = slope * (hidden + weight * by_weight), slope * (1 + weight * by_bias)
            hidden = after
        return (hidden - self.target) * by_weight, (hidden - self.target) * by_bias
