"""Exercise 2: the spectral radius of the recurrent matrix against the growth and decay of gradients.

The derivation is ``docs/theory/2-spectral-radius.md``. Rates are in nats per step: log of the factor by which the
Jacobian d h_T / d h_0 grows (above 0) or shrinks (below 0) per step.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def spectral_radius(weight_hh: Float[Tensor, "H H"]) -> float:
    """The largest absolute value of an eigenvalue."""
    return float(torch.linalg.eigvals(weight_hh).abs().max())


def chain(size: int, radius: float, forward: float) -> Float[Tensor, "H H"]:
    """``radius`` on the diagonal and ``forward`` below it: each unit feeds the next. As non-normal as matrices get."""
    onward_h = torch.full((size - 1,), forward, dtype=torch.float64)
    return radius * torch.eye(size, dtype=torch.float64) + torch.diag(onward_h, diagonal=-1)


def chain_power(size: int, radius: float, forward: float, power: int) -> Float[Tensor, "H H"]:
    """``chain(...)`` to the k-th power: entry [i, j] is C(k, i-j) radius^(k-i+j) forward^(i-j), a binomial sum."""
    down_h = [
        math.comb(power, step) * radius ** (power - step) * forward**step if step <= power else 0.0
        for step in range(size)
    ]
    offset_hh = torch.arange(size)[:, None] - torch.arange(size)[None, :]
    return torch.tensor(down_h, dtype=torch.float64)[offset_hh.clamp_min(0)] * (offset_hh >= 0)


def eigenvector_condition(weight_hh: Float[Tensor, "H H"]) -> float:
    """kappa(V) of W = V diag(lambda) V^-1: 1 for a normal matrix, large for a far from normal one."""
    return float(torch.linalg.cond(torch.linalg.eig(weight_hh)[1]))


def power_rate(weight_hh: Float[Tensor, "H H"], doublings: int) -> float:
    """(1/k) log ||W^k|| for k = 2^doublings, by repeated squaring with the scale kept apart against overflow."""
    log_scale, power_hh = 0.0, weight_hh
    for _ in range(doublings):
        norm = torch.linalg.matrix_norm(power_hh, 2)
        power_hh = (power_hh / norm) @ (power_hh / norm)
        log_scale = 2 * (log_scale + float(norm.log()))
    return (log_scale + float(torch.linalg.matrix_norm(power_hh, 2).log())) / 2**doublings


def kreiss_constant(weight_hh: Float[Tensor, "H H"]) -> float:
    """max over real z > 1 of (z - 1) ||(z I - W)^-1||: a lower bound of max_k ||W^k|| (Trefethen and Embree 2005)."""
    eye_hh = torch.eye(len(weight_hh), dtype=weight_hh.dtype)
    beyond_z = torch.logspace(-3, 1, 200, dtype=weight_hh.dtype)
    resolvents_zhh = torch.linalg.inv((1 + beyond_z)[:, None, None] * eye_hh - weight_hh)
    return float((beyond_z * torch.linalg.matrix_norm(resolvents_zhh, 2)).max())
