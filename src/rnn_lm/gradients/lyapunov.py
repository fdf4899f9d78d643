"""Lyapunov exponents of a recurrent network driven by real text, and the decay of the gradient that they predict.

The exponents are the mean rates, in nats per step, at which small changes of the state grow (above 0) or fade (below 0)
along orthogonal directions. J^T has J's singular values, so a gradient that flows back shrinks or grows at these same
rates: in the end at the largest of them that the loss can see.

Sources: Benettin, Galgani, Giorgilli and Strelcyn (1980), Meccanica 15 (the algorithm); Geist, Parlitz and Lauterborn
(1990), Progress of Theoretical Physics 83 (its QR form beside others); Vogt, Puelma Touzel, Shlizerman and Lajoie
(2022), Frontiers in Applied Mathematics and Statistics 8 (recurrent networks driven by an input).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.evaluation.jackknife import mean_interval
from rnn_lm.gradients.results import SpectrumJson

QR_EVERY = 2
"""Jacobians multiplied before each decomposition: few enough that no direction is lost to rounding."""
BLIND = 1e-15
"""An overlap smaller than this, relative to the gradient's norm, is rounding and taken as 0."""


@dataclass(frozen=True)
class Spectrum:
    """Lyapunov exponents, the largest first.

    Attributes:
        exponents: means over trajectories, in nats per step.
        low, high: their 95% intervals; None where trajectories are too few.
    """

    exponents: list[float]
    low: list[float | None]
    high: list[float | None]

    def to_json(self) -> SpectrumJson:
        """Return it as plain values."""
        return {"exponents": self.exponents, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class LyapunovRun:
    """What B trajectories came to.

    Attributes:
        exponents_bq: nats per step, in the order in which the algorithm found the directions, which is falling but for
            fluctuations.
        directions_bnq: at the end of the trajectory, orthonormal columns: the first i of them span the i-dimensional
            subspace into which the past has stretched changes the most.
    """

    exponents_bq: Float[Tensor, "B Q"]
    directions_bnq: Float[Tensor, "B N Q"]

    def spectrum(self, apart: int | None = None) -> Spectrum:
        """Exponents, falling, averaged over trajectories, each with its interval.

        The steps of one trajectory hang together, so that a trajectory is one observation.

        Args:
            apart: how many of the trajectories are observations of their own (``Windows.apart``); all, by default.
        """
        sorted_bq = self.exponents_bq.cpu().sort(dim=1, descending=True).values
        found = [mean_interval(values_b.double().numpy(), "trajectories", apart) for values_b in sorted_bq.T]
        return Spectrum([one.value for one in found], [one.low for one in found], [one.high for one in found])


def lyapunov_run(
    jacobians: Iterable[Float[Tensor, "B N N"]], count: int, settle: int, generator: torch.Generator
) -> LyapunovRun:
    """The ``count`` largest exponents of B trajectories.

    Start from ``count`` random orthonormal directions Q. After each step (or few) decompose J Q = Q' R: column i of Q'
    is the i-th direction of growth with what the earlier ones took removed, and log |R_ii| is how much it grew. The
    exponents are the means of these logarithms.

    Args:
        jacobians: one per step.
        count: exponents; at most N.
        settle: first steps that only turn Q towards the leading directions and are not averaged.
        generator: draws the first Q.

    Raises:
        ValueError: there are no more than ``settle`` Jacobians.
    """
    steps, directions, total_bq = 0, torch.empty(0), torch.empty(0)
    for steps, jacobian_bnn in enumerate(jacobians, start=1):
        if steps == 1:
            directions = _random_directions(jacobian_bnn, count, generator)
            total_bq = torch.zeros_like(directions[:, 0])
        directions = jacobian_bnn @ directions
        if (steps - settle) % QR_EVERY == 0:
            lost_b = (directions == 0).all(dim=2).all(dim=1)
            directions, growth_bq = _decompose(directions)
            total_bq = total_bq + growth_bq if steps > settle else total_bq
            if lost_b.any():
                # A step that read nothing, as an mLSTM's first: axes would stand where directions were, and those of
                # what no step reads would come first for good.
                directions = torch.where(
                    lost_b.view(-1, 1, 1), _random_directions(directions, count, generator), directions
                )
    if steps <= settle:
        raise ValueError(f"no more than the {settle} steps that are not averaged")
    # A step left over since the last decomposition; where there is none, R is the identity and adds nothing.
    directions, growth_bq = _decompose(directions)
    return LyapunovRun((total_bq + growth_bq) / (steps - settle), directions)


def _random_directions(like_bnn: Tensor, count: int, generator: torch.Generator) -> Tensor:
    batch, size, _ = like_bnn.shape
    start = torch.randn(batch, size, min(count, size), dtype=like_bnn.dtype, generator=generator)
    return torch.linalg.qr(start).Q.to(like_bnn.device)


def _decompose(stretched_bnq: Tensor) -> tuple[Tensor, Tensor]:
    directions, upper = torch.linalg.qr(stretched_bnq)
    growth_bq = upper.diagonal(dim1=1, dim2=2).abs()
    return directions, growth_bq.clamp_min(torch.finfo(growth_bq.dtype).tiny).log()


def predicted_norms(run: LyapunovRun, gradient_bn: Float[Tensor, "B N"], lags: int) -> Float[Tensor, "K B"]:
    """The norm of the gradient k = 0...lags steps back, predicted from the exponents.

    Let P be the product of k Jacobians, so that P Q(T-k) = Q(T) R. The gradient g(T) becomes P^T g, whose norm is
    |R^T Q(T)^T g|. Replacing R by what its diagonal tends to, exp(k * exponent), leaves::

        norm(k) = sqrt(sum over i of (a_i exp(k exponent_i))^2),     a = Q(T)^T g(T)

    a_i is how much of the loss can be seen along direction i at time T. The slowest direction rules the far end only if
    the loss sees it: an LSTM's saturated cells keep their value almost for ever (an exponent near 0), but tanh'(c)
    hides them from the decoder.

    Args:
        run: along the trajectory that ends at T.
        gradient_bn: d loss(T) / d s(T), the LSTM's c part being 0.
        lags: the longest lag.
    """
    overlap_bq = (run.directions_bnq.mT @ gradient_bn.unsqueeze(2)).squeeze(2)
    seen_bq = overlap_bq.abs() > BLIND * torch.linalg.vector_norm(gradient_bn, dim=1, keepdim=True)
    lag_k = torch.arange(lags + 1, dtype=gradient_bn.dtype, device=gradient_bn.device).view(-1, 1, 1)
    terms_kbq = overlap_bq.abs().log() + lag_k * run.exponents_bq
    return torch.logsumexp(terms_kbq.mul(2).masked_fill(~seen_bq, -torch.inf), dim=2).div(2).exp()
