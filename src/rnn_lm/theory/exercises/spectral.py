"""Exercise 2 checked: the rates that ``theory/spectral.py`` predicts against Jacobians of the Elman cell that trains.

Where every h_t is 0, tanh has slope 1, and that cell is the linear network.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers import ElmanCell
from rnn_lm.layers.cells import CellParameters
from rnn_lm.seeding import generator
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.measure import jacobians_by_lag, step_jacobians
from rnn_lm.theory.results import LinearRate, Power, Rate, SpectralCurves, TanhRate
from rnn_lm.theory.spectral import (
    chain,
    chain_power,
    eigenvector_condition,
    kreiss_constant,
    power_rate,
    spectral_radius,
)
from rnn_lm.theory.statement import Statement, at_least, at_most, equal

RADII = tuple(round(0.5 + 0.1 * step, 1) for step in range(11))

CHAIN_UNITS = 4

INPUT_SCALE = 0.3
"""Standard deviation of what each unit is driven with, where the network is not left alone."""


def orthogonal(size: int, random: torch.Generator) -> Float[Tensor, "H H"]:
    """A random orthogonal matrix: every eigenvalue on the unit circle, every singular value 1."""
    return torch.linalg.qr(torch.randn(size, size, generator=random, dtype=torch.float64))[0]


def gaussian(size: int, random: torch.Generator) -> Float[Tensor, "H H"]:
    """A random matrix scaled to spectral radius 1; its largest singular value is about 2."""
    weight_hh = torch.randn(size, size, generator=random, dtype=torch.float64)
    return weight_hh / spectral_radius(weight_hh)


class Trajectory(NamedTuple):
    """An Elman network on its way: its Jacobians from autograd and the slopes of its tanh.

    Attributes:
        product_khh: d h_T / d h_{T-k} for k = 0 ... T.
        step_thh: d h_t / d h_{t-1}.
        slope_th: 1 - h_t^2.
    """

    product_khh: Tensor
    step_thh: Tensor
    slope_th: Tensor

    def largest_rate(self) -> float:
        """(1/T) log ||d h_T / d h_0||: growth of the direction that grows most."""
        return float(torch.linalg.matrix_norm(self.product_khh[-1], 2).log()) / len(self.slope_th)

    def average_rate(self) -> float:
        """Growth averaged over all directions: (1/(T H)) log |det d h_T / d h_0|, one step at a time."""
        return float(torch.linalg.slogdet(self.step_thh).logabsdet.sum()) / self.slope_th.numel()


def follow(
    weight_hh: Float[Tensor, "H H"],
    drive_th: Float[Tensor, "T H"],
    start_h: Float[Tensor, " H"] | None = None,
    bias_h: Float[Tensor, " H"] | None = None,
) -> Trajectory:
    """Run the tanh cell of ``layers/cells/elman.py``; ``drive_th`` is added to what each unit receives."""
    size = len(weight_hh)
    zeros_h = torch.zeros(size, dtype=torch.float64)
    cell = ElmanCell
    parameters = CellParameters(
        torch.eye(size, dtype=torch.float64), weight_hh, zeros_h if bias_h is None else bias_h, zeros_h
    )
    hidden_h = zeros_h if start_h is None else start_h
    states = [hidden_h.unsqueeze(0)]
    for drive_h in drive_th:
        states += cell.equations(drive_h.unsqueeze(0), (states[-1],), parameters)
    hidden_sh = torch.cat(states)
    return Trajectory(
        jacobians_by_lag(cell, parameters, drive_th.unsqueeze(1), (hidden_h,)),
        step_jacobians(cell, parameters, drive_th, (hidden_sh[:-1],)),
        1 - hidden_sh[1:].square(),
    )


def run(config: TheoryConfig) -> tuple[list[Statement], SpectralCurves]:
    """The exercise's statements and the curves of its figure."""
    random = generator(config.theory_seed, "theory: spectral")
    size, steps = config.theory_size, config.theory_steps
    still_th = torch.zeros(steps, size, dtype=torch.float64)
    drive_th = INPUT_SCALE * torch.randn(steps, size, generator=random, dtype=torch.float64)
    base_hh = orthogonal(size, random)
    linear, linear_rates = _linear(base_hh, still_th)
    driven, driven_rates = _driven(base_hh, drive_th)
    statements = [
        *linear,
        *_any_matrix(gaussian(size, random), still_th),
        *driven,
        *_not_sufficient(base_hh, steps, random),
        *_saturation(steps),
        _diagonal_scaling(size, drive_th, random),
    ]
    transient, curves = _transient(3 * steps)
    rates: list[Rate] = [{**left, **right} for left, right in zip(linear_rates, driven_rates, strict=True)]
    return [*statements, *transient], {"rates": rates, "transient": curves}


def _linear(base_hh: Tensor, still_th: Tensor) -> tuple[list[Statement], list[LinearRate]]:
    predicted = [math.log(radius) for radius in RADII]
    measured = [follow(radius * base_hh, still_th).largest_rate() for radius in RADII]
    detail = f"orthogonal W scaled to radius {RADII[0]} ... {RADII[-1]}, {len(still_th)} steps; norm of the 11 rates"
    formula = "{1}//{k} log ‖{∂h_k}//{∂h_0}‖ = log ρ"
    name = "linear network: rate is the log of the radius"
    left, right = (torch.tensor(values, dtype=torch.float64) for values in (predicted, measured))
    curve: list[LinearRate] = [
        {"radius": radius, "predicted_linear": a, "measured_linear": b}
        for radius, a, b in zip(RADII, predicted, measured, strict=True)
    ]
    return [equal(name, formula, left, right, detail)], curve


def _any_matrix(weight_hh: Tensor, still_th: Tensor) -> list[Statement]:
    """What the radius says about a linear network whose matrix is not normal: a band that closes like 1/k."""
    rate, steps = follow(weight_hh, still_th).largest_rate(), len(still_th)
    slack = math.log(eigenvector_condition(weight_hh))
    doublings = 14
    distance = abs(power_rate(weight_hh, doublings))
    detail = f"Gaussian W at radius 1, {steps} steps; kappa(V) = {math.exp(slack):.3g}"
    return [
        at_least("linear network: never below the radius", "log ρ ≤ {1}//{k} log ‖W^k‖", 0.0, rate, detail),
        at_most(
            "linear network: soon near the radius",
            "{1}//{k} log ‖W^k‖ ≤ log ρ + {1}//{k} log κ(V)",
            slack / steps,
            rate,
            detail,
        ),
        at_most(
            "Gelfand: the radius is the limit",
            "|{1}//{k} log ‖W^k‖ - log ρ| ≤ {1}//{k} log κ(V)",
            slack / 2**doublings,
            distance,
            f"Gaussian W at radius 1, k = {2**doublings}",
        ),
    ]


def _driven(base_hh: Tensor, drive_th: Tensor) -> tuple[list[Statement], list[TanhRate]]:
    """The tanh's share, for an orthogonal matrix at every radius, driven by noise."""
    curve: list[TanhRate] = []
    beyond = -math.inf
    for radius in RADII:
        trajectory = follow(radius * base_hh, drive_th)
        share = float(trajectory.slope_th.log().mean())
        highest = float(trajectory.slope_th.max(dim=1).values.log().mean())
        curve.append(
            {
                "radius": radius,
                "predicted_tanh": math.log(radius) + share,
                "measured_tanh": trajectory.average_rate(),
                "bound_tanh": math.log(radius) + highest,
                "largest_tanh": trajectory.largest_rate(),
            }
        )
        beyond = max(beyond, trajectory.largest_rate() - math.log(radius) - highest)
    predicted, measured = (
        torch.tensor(values, dtype=torch.float64)
        for values in ([one["predicted_tanh"] for one in curve], [one["measured_tanh"] for one in curve])
    )
    detail = f"orthogonal W, 11 radii, {len(drive_th)} steps, input of standard deviation {INPUT_SCALE} per unit"
    return [
        equal(
            "tanh network: average rate is the radius' plus the tanh's share",
            "{1}//{kH} log |det {∂h_k}//{∂h_0}| = log ρ + mean log(1 - h_{t,i}^2)",
            predicted,
            measured,
            f"{detail}; norm of the 11 rates",
        ),
        at_most(
            "tanh network: largest rate stays under its bound",
            "{1}//{k} log ‖{∂h_k}//{∂h_0}‖ ≤ log σ + mean_t log max_i (1 - h_{t,i}^2)",
            0.0,
            beyond,
            f"{detail}; largest excess over the bound",
        ),
    ], curve


def _not_sufficient(base_hh: Tensor, steps: int, random: torch.Generator) -> list[Statement]:
    """A radius above 1 that does not explode: a symmetric matrix, whose network comes to rest where slopes are low."""
    size, radius, settle = len(base_hh), 1.5, 200
    spectrum_h = torch.linspace(-0.5, radius, size, dtype=torch.float64)
    weight_hh = base_hh @ torch.diag(spectrum_h) @ base_hh.T
    hidden_h = torch.randn(size, generator=random, dtype=torch.float64).tanh()
    for _ in range(settle):
        hidden_h = torch.tanh(weight_hh @ hidden_h)
    trajectory = follow(weight_hh, torch.zeros(steps, size, dtype=torch.float64), start_h=hidden_h)
    resting_h = trajectory.slope_th[-1]
    predicted = math.log(spectral_radius(resting_h.unsqueeze(1) * weight_hh))
    slack = 0.5 * float((resting_h.max() / resting_h.min()).log()) / steps
    detail = f"symmetric W at radius {radius}, no input, after {settle} steps; nats per step over {steps} more"
    return [
        at_most(
            "radius above 1 need not explode",
            "ρ(W) > 1, {1}//{k} log ‖J_k‖ ≤ 0",
            0.0,
            trajectory.largest_rate(),
            detail,
        ),
        at_most(
            "at rest, the radius of D W decides",
            "|{1}//{k} log ‖J_k‖ - log ρ(D W)| ≤ {1}//{2k} log {max_i D_i}//{min_i D_i}",
            slack,
            abs(trajectory.largest_rate() - predicted),
            f"{detail}; log ρ(D W) = {predicted:.4f}",
        ),
    ]


def _saturation(steps: int) -> list[Statement]:
    """A radius of 0 that explodes: two units that cancel each other, until one of them saturates."""
    weight_hh = torch.tensor([[2.0, 2.0], [-2.0, -2.0]], dtype=torch.float64)
    bias_h = torch.tensor([-2.0, 40.0], dtype=torch.float64)
    resting_h = torch.tensor([0.0, 1.0], dtype=torch.float64)
    trajectory = follow(weight_hh, torch.zeros(steps, 2, dtype=torch.float64), start_h=resting_h, bias_h=bias_h)
    measured = torch.linalg.matrix_norm(trajectory.product_khh[1:], 2)
    predicted = math.sqrt(2) * 2.0 ** torch.arange(1, steps + 1, dtype=torch.float64)
    detail = f"W = [[2, 2], [-2, -2]], one unit saturated: log of ‖J_k‖, k = 1 ... {steps}; norm of these"
    return [
        equal(
            "radius 0 with a saturated unit explodes",
            "ρ(W) = 0, ‖J_k‖ = √{2} · 2^k",
            predicted.log(),
            measured.log(),
            detail,
        )
    ]


def _diagonal_scaling(size: int, drive_th: Tensor, random: torch.Generator) -> Statement:
    """The condition that a saturating tanh cannot undo: a diagonal change of units that makes W a contraction."""
    contraction_hh = 0.95 * orthogonal(size, random)
    scale_h = torch.exp(torch.randn(size, generator=random, dtype=torch.float64))
    weight_hh = contraction_hh * scale_h.unsqueeze(0) / scale_h.unsqueeze(1)
    trajectory = follow(weight_hh, drive_th)
    steps = len(drive_th)
    bound = float(scale_h.max() / scale_h.min()) * 0.95**steps
    return at_most(
        "a diagonal scaling to norm below 1 suffices",
        "‖J_k‖ ≤ κ(P) ‖P W P^{-1}‖^k",
        bound,
        float(torch.linalg.matrix_norm(trajectory.product_khh[-1], 2)),
        f"‖W‖ = {float(torch.linalg.matrix_norm(weight_hh, 2)):.3g}, ‖P W P⁻¹‖ = 0.95, k = {steps}",
    )


def _transient(steps: int) -> tuple[list[Statement], list[Power]]:
    """Radius 0.9 and yet growth at first: a chain of units, measured by autograd and by the binomial theorem."""
    radius, size = 0.9, CHAIN_UNITS
    still_th = torch.zeros(steps, size, dtype=torch.float64)
    statements: list[Statement] = []
    curves: list[Power] = []
    for forward in (0.0, 0.2, 0.4):
        weight_hh = chain(size, radius, forward)
        measured = follow(weight_hh, still_th).product_khh
        predicted = torch.stack([chain_power(size, radius, forward, power) for power in range(steps + 1)])
        left, right = (torch.linalg.matrix_norm(products, 2) for products in (predicted, measured))
        detail = f"radius {radius}, forward weight {forward}, {size} units, k = 0 ... {steps}; norm of all powers"
        formula = "W^k = ∑_j C(k, j) ρ^{k-j} a^j N^j"
        statements.append(equal(f"powers of a chain, a = {forward}", formula, predicted, measured, detail))
        curves += [
            Power(forward=forward, lag=lag, predicted=a, measured=b)
            for lag, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True))
        ]
    peak = float(right.max())
    statements.append(
        at_least(
            "radius below 1 can grow at first (Kreiss)",
            "max_k ‖W^k‖ ≥ max_{z>1} (z - 1) ‖(z I - W)^{-1}‖",
            kreiss_constant(weight_hh),
            peak,
            f"radius {radius}, forward weight {forward}; largest of the first {steps} powers",
        )
    )
    return statements, curves
