"""Exercise 3 checked: the paths of ``theory/gating.py`` against autograd through the cells that train."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnn_lm.layers import ElmanCell, GRUCell, LSTMCell
from rnn_lm.layers.cells import CellParameters
from rnn_lm.seeding import generator
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.gating import by_hand, half_life, mixed_paths, products, scale_rows
from rnn_lm.theory.measure import EQUATIONS, cell_path_only, jacobians_by_lag
from rnn_lm.theory.results import CellName, GatedName, GateLag, GatingCurves, HalfLife, PathName
from rnn_lm.theory.statement import Statement, equal

GATED: tuple[GatedName, ...] = ("lstm", "gru")
"""The cells with a gate that keeps the state."""


def random_parameters(
    name: str, input_size: int, hidden_size: int, keep_bias: float, random: torch.Generator
) -> CellParameters:
    """Uniform in +-1/sqrt(H), with ``keep_bias`` added to the gate that keeps the state (f of LSTM, z of GRU)."""
    rows = EQUATIONS[name].gates * hidden_size

    def uniform(*shape: int) -> Tensor:
        return (2 * torch.rand(*shape, generator=random, dtype=torch.float64) - 1) * hidden_size**-0.5

    parameters = CellParameters(uniform(rows, input_size), uniform(rows, hidden_size), uniform(rows), uniform(rows))
    if EQUATIONS[name].gates > 1:
        parameters.bias_ih[hidden_size : 2 * hidden_size] += keep_bias
    return parameters


def run(config: TheoryConfig) -> tuple[list[Statement], GatingCurves]:
    """The exercise's statements and the curves of its figure."""
    random = generator(config.theory_seed, "theory: gating")
    size, steps = config.theory_size, config.theory_steps
    input_te = torch.randn(steps, size, generator=random, dtype=torch.float64)
    statements: list[Statement] = []
    curves: list[GateLag] = []
    for name in GATED:
        parameters = random_parameters(name, size, size, KEEP_BIAS, random)
        found, curve = _paths(name, parameters, input_te)
        statements += found
        curves += curve
    curves += _without_gates(random_parameters("rnn", size, size, 0.0, random), input_te)
    lives, points = _half_lives(input_te, random)
    return [*statements, *lives], {"lags": curves, "half_lives": points}


KEEP_BIAS = 2.0
"""What is added to the keeping gate's bias in the exercise: a half-life of about 5.5 steps."""

_TOTAL = {
    "lstm": "{∂(h_T, c_T)}//{∂(h_0, c_0)} = ∏_t J_t",
    "gru": "{∂h_T}//{∂h_0} = ∏_t J_t",
}

_DIRECT = {
    "lstm": "{∂c_T}//{∂c_0} |_{cell path} = ∏_t diag(f_t)",
    "gru": "{∂h_T}//{∂h_0} |_{direct path} = ∏_t diag(z_t)",
}

_KEEPING_GATE = {"lstm": "forget gates", "gru": "update gates"}


def _paths(name: GatedName, parameters: CellParameters, input_te: Tensor) -> tuple[list[Statement], list[GateLag]]:
    """The total derivative and its direct path, by hand and by autograd, at every lag."""
    cell = EQUATIONS[name]
    steps, size = len(input_te), parameters.weight_hh.shape[1]
    start = tuple(torch.zeros(size, dtype=torch.float64) for _ in range(cell.state_parts))
    jacobians = by_hand(name, parameters, input_te, start)
    input_t1e = input_te.unsqueeze(1)
    total = jacobians_by_lag(cell, parameters, input_t1e, start)
    predicted_total = products([gated + mixed for gated, mixed in jacobians])
    predicted_direct = products([gated for gated, _ in jacobians])[:, -size:, -size:]
    measured_direct = DIRECT_PATH[name](parameters, input_t1e, start)[:, -size:, -size:]
    beyond = total[-1] - _padded(measured_direct[-1], len(total[-1]))
    label = name.upper()
    detail = f"{size} units, {steps} steps, every lag; norm of all products"
    gates = _KEEPING_GATE[name]
    statements = [
        equal(f"{label}: total derivative", _TOTAL[name], predicted_total, total, detail),
        equal(f"{label}: direct path = product of {gates}", _DIRECT[name], predicted_direct, measured_direct, detail),
        equal(
            f"{label}: what the other paths add",
            "∏_t (A_t + B_t) - ∏_t A_t = ∑_s (∏_{t>s} J_t) B_s ∏_{t<s} A_t",
            mixed_paths(jacobians),
            beyond,
            f"{size} units, {steps} steps; norm of total less direct",
        ),
    ]
    pairs: dict[PathName, tuple[Tensor, Tensor]] = {
        "total": (predicted_total[:, -size:, -size:], total[:, -size:, -size:]),
        "direct": (predicted_direct, measured_direct),
    }
    return statements, [point for path, (a, b) in pairs.items() for point in _curve(name, path, a, b)]


def _padded(direct_hh: Tensor, size: int) -> Tensor:
    """The direct path's block at its place in the Jacobian of the whole state."""
    whole = torch.zeros(size, size, dtype=direct_hh.dtype)
    whole[-len(direct_hh) :, -len(direct_hh) :] = direct_hh
    return whole


def _lstm_direct(parameters: CellParameters, input_t1e: Tensor, start: tuple[Tensor, ...]) -> Tensor:
    """Autograd with the hidden state detached before each step: only the cell path is left."""
    return jacobians_by_lag(LSTMCell, parameters, input_t1e, start, cell_path_only)


def _gru_direct(parameters: CellParameters, input_t1e: Tensor, start: tuple[Tensor, ...]) -> Tensor:
    """Autograd with everything but the direct path made constant.

    In a GRU one tensor plays both parts, so it cannot be cut by detaching it. Adding epsilon to h on the direct path
    alone adds z epsilon to h'; that is h' of a cell whose recurrent matrix reads the undisturbed state. Such a cell is
    the GRU with its recurrent matrix set to 0 and what that matrix gave moved into the biases, step by step.
    """
    (hidden_h,) = start
    cell, steps = GRUCell, []
    for input_1e in input_t1e:
        frozen = parameters._replace(
            weight_hh=torch.zeros_like(parameters.weight_hh),
            bias_hh=parameters.bias_hh + parameters.weight_hh @ hidden_h,
        )
        steps.append(jacobians_by_lag(cell, frozen, input_1e.unsqueeze(0), (hidden_h,))[1])
        hidden_h = cell.equations(input_1e, (hidden_h.unsqueeze(0),), parameters)[0].squeeze(0)
    return products(steps)


DIRECT_PATH = {"lstm": _lstm_direct, "gru": _gru_direct}


def _curve(name: CellName, path: PathName, predicted: Tensor, measured: Tensor) -> list[GateLag]:
    """Norm by lag as the root mean square over directions: ||J||_F / sqrt(H), 1 at lag 0."""
    scale = predicted.shape[-1] ** -0.5
    pairs = zip(*((torch.linalg.matrix_norm(part) * scale).tolist() for part in (predicted, measured)), strict=True)
    return [{"cell": name, "path": path, "lag": lag, "predicted": a, "measured": b} for lag, (a, b) in enumerate(pairs)]


def _without_gates(parameters: CellParameters, input_te: Tensor) -> list[GateLag]:
    """The Elman cell at the same start, for comparison in the figure."""
    size = parameters.weight_hh.shape[1]
    hidden_h, matrices = torch.zeros(size, dtype=torch.float64), []
    start = (hidden_h.clone(),)
    for input_e in input_te:
        pre_h = parameters.weight_ih @ input_e + parameters.bias_ih + parameters.weight_hh @ hidden_h
        hidden_h = torch.tanh(pre_h + parameters.bias_hh)
        matrices.append(scale_rows(1 - hidden_h**2, parameters.weight_hh))
    measured = jacobians_by_lag(ElmanCell, parameters, input_te.unsqueeze(1), start)
    return _curve("rnn", "total", products(matrices), measured)


def _half_lives(input_te: Tensor, random: torch.Generator) -> tuple[list[Statement], list[HalfLife]]:
    """The keeping gate's half-life against its bias: with the weights at 0 exactly, with a fresh start nearly."""
    biases = [0.5 * step for step in range(-4, 13)]
    points: list[HalfLife] = []
    statements: list[Statement] = []
    for name in GATED:
        exact = [_measured_life(name, bias, torch.zeros_like(input_te), 0.0, random) for bias in biases]
        predicted = torch.tensor([half_life(bias) for bias in biases], dtype=torch.float64)
        detail = f"weights 0, bias {biases[0]} ... {biases[-1]}; steps, norm over the {len(biases)} biases"
        gate, letter = ("forget", "f") if name == "lstm" else ("update", "z")
        statements.append(
            equal(
                f"{name.upper()}: half-life of the {gate} bias",
                f"k_{{1/2}} = {{ln 2}}//{{-ln sigmoid(b_{letter})}}",
                predicted,
                torch.tensor(exact, dtype=torch.float64),
                detail,
            )
        )
        fresh = [_measured_life(name, bias, input_te, 1.0, random) for bias in biases]
        for bias, life, drawn in zip(biases, exact, fresh, strict=True):
            points.append({"cell": name, "bias": bias, "predicted": half_life(bias), "measured": life, "fresh": drawn})
    return statements, points


def _measured_life(name: str, bias: float, input_te: Tensor, scale: float, random: torch.Generator) -> float:
    """Half-life of the gradient along the direct path, from autograd, with random weights times ``scale``."""
    steps, size = input_te.shape
    drawn = random_parameters(name, size, size, 0.0, random)
    parameters = CellParameters(*(scale * part for part in drawn))
    parameters.bias_ih[size : 2 * size] += bias
    start = tuple(torch.zeros(size, dtype=torch.float64) for _ in range(EQUATIONS[name].state_parts))
    kept_hh = DIRECT_PATH[name](parameters, input_te.unsqueeze(1), start)[-1, -size:, -size:]
    return math.log(2) * steps / -float(kept_hh.diagonal().log().mean())
