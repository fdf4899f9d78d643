"""All that is measured of one model, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

import torch
from torch import Tensor

from rnn_lm.gradients.by_lag import SMALLEST, fitted_slope, geometric_summary, lag_gradients, norms_by_lag
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.gradients.diagonal import gate_error, gated_norms, gated_product, gated_run, gates_along
from rnn_lm.gradients.jacobians import (
    along,
    has_closed_form,
    jacobian_by_autograd,
    log_product_norms,
    singular_values,
    spectral_radius,
)
from rnn_lm.gradients.lyapunov import lyapunov_run, predicted_norms
from rnn_lm.gradients.results import Band, ByLag, ByLags, Jacobians, OneStep, Prediction, Product
from rnn_lm.gradients.truncation import truncation
from rnn_lm.gradients.unroll import LayerTrace, unroll
from rnn_lm.gradients.windows import Windows, spread_windows
from rnn_lm.layers.cells import LinearCell, TorchCell
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText

FIT_FROM = 0.25
"""Slopes are fitted over the lags beyond this share of the longest one: nearer ones are still turning."""
PRODUCT_POINTS = 9
"""Lengths at which the norm of a product is taken, evenly spread on a log scale."""


def measure_lags(model: RecurrentLanguageModel, text: EncodedText, config: GradientsConfig) -> ByLags:
    """Norms by lag and what truncation cuts off, averaged over ``config.positions`` places in ``text``.

    Args:
        model: in float64.
        text: held out from training.
        config: sizes.
    """
    windows = _windows(text, config).to(model.device)
    norms = norms_by_lag(model, windows, config.lags)
    slope = fitted_slope(norms["hidden"], _fit_from(config), windows.apart)
    found: ByLags = {
        "positions": windows.input_tb.shape[1],
        "by_lag": _bands(norms),
        "slope": slope.to_json(),
    }
    if all(isinstance(cell, TorchCell) for cell in model.cells):
        found["truncation"] = truncation(model, windows, config.lags, config.bptt_lengths).to_json()
    return found


def measure_jacobians(
    model: RecurrentLanguageModel, text: EncodedText, tokens: tuple[str, ...], config: GradientsConfig
) -> Jacobians:
    """Jacobians, their products and Lyapunov exponents of the last layer at some of the places of ``measure_lags``.

    Args:
        model: in float64.
        text: held out from training.
        tokens: the vocabulary, for the labels of the trajectory.
        config: sizes.
    """
    windows = _some(_windows(text, config), config.trajectories).to(model.device)
    with torch.no_grad():
        trace = unroll(model, windows.input_tb, model.initial_state(windows.input_tb.shape[1])).layers[-1]
    gradients_kbn = lag_gradients(model, windows, config.lags).state_kbn
    labels = [tokens[index] for index in windows.input_tb[-config.jacobians :, 0].tolist()]
    if isinstance(trace.layer, LinearCell):
        return _of_gates(trace, gradients_kbn, windows, labels, config)
    cell = model.config.cell
    directions = generator(config.gradients_seed, "directions")
    run = lyapunov_run(along(trace, cell), config.exponents, config.warm_up, directions)
    return {
        "trajectories": windows.input_tb.shape[1],
        "closed_form_error": _closed_form_error(trace, cell),
        "lyapunov": {**run.spectrum(windows.apart).to_json(), "steps": config.lags + 1},
        "prediction": _prediction(gradients_kbn, predicted_norms(run, gradients_kbn[0], config.lags), config),
        "one_step": _one_step(trace, cell, labels, config),
        "product": _product(trace, cell, config),
    }


def _of_gates(
    trace: LayerTrace, gradients_kbn: Tensor, windows: Windows, labels: list[str], config: GradientsConfig
) -> Jacobians:
    """The same of a linear cell, whose Jacobians are diagonal: from its gates alone."""
    gates_tbh = gates_along(trace)
    run = gated_run(gates_tbh, config.exponents, config.warm_up)
    values_kn = gates_tbh[-config.jacobians :, 0].sort(dim=1, descending=True).values
    largest, steps = values_kn[:, 0].tolist(), _product_steps(config)
    return {
        "trajectories": windows.input_tb.shape[1],
        "closed_form_error": gate_error(trace),
        "lyapunov": {**run.spectrum(windows.apart).to_json(), "steps": config.lags + 1},
        "prediction": _prediction(gradients_kbn, gated_norms(gates_tbh, gradients_kbn[0], config.lags), config),
        "one_step": {
            "tokens": labels,
            "spectral_radius": largest,
            "largest_singular_value": [*largest],
            "singular_values": _summary(values_kn),
        },
        "product": {"steps": steps, "log_norm": gated_product(gates_tbh[config.warm_up :, 0], steps)},
    }


def _bands(norms: Mapping[str, Tensor]) -> ByLag:
    """The norms of ``norms_by_lag``, each path over its positions."""
    bands: ByLag = {"hidden": geometric_summary(norms["hidden"]), "state": geometric_summary(norms["state"])}
    if "cell" in norms:
        bands["cell"] = geometric_summary(norms["cell"])
        bands["cell only"] = geometric_summary(norms["cell only"])
        bands["cell rest"] = geometric_summary(norms["cell rest"])
    return bands


def _windows(text: EncodedText, config: GradientsConfig) -> Windows:
    return spread_windows(text, config.warm_up + config.lags + 1, config.positions)


def _some(windows: Windows, count: int) -> Windows:
    columns_b = torch.linspace(0, windows.input_tb.shape[1] - 1, count + 2).round().long()[1:-1]
    return windows.chosen(columns_b)


def _fit_from(config: GradientsConfig) -> int:
    return round(FIT_FROM * config.lags)


def _closed_form_error(trace: LayerTrace, cell: str) -> float | None:
    """Largest difference between the closed form, if any, and autograd in the Jacobian of the last step."""
    if not has_closed_form(trace.layer, cell):
        return None
    last = len(trace.input_tbe) - 1
    (closed_bnn,) = along(trace, cell, last)
    by_autograd_bnn = jacobian_by_autograd(trace.layer, trace.input_tbe[last], trace.states[last])
    return float((closed_bnn - by_autograd_bnn).abs().max())


def _prediction(gradients_kbn: Tensor, predicted_kb: Tensor, config: GradientsConfig) -> Prediction:
    """The norm by lag that is predicted, beside the one that autograd measures at the same positions."""
    measured_kb = torch.linalg.vector_norm(gradients_kbn, dim=-1).clamp_min(SMALLEST)
    predicted_kb = predicted_kb.clamp_min(SMALLEST)
    far = _fit_from(config)
    off_kb = (predicted_kb / measured_kb).log().abs()
    return {
        "measured": geometric_summary(measured_kb)["mean"],
        "predicted": geometric_summary(predicted_kb)["mean"],
        "measured_slope": fitted_slope(measured_kb, far).mean,
        "predicted_slope": fitted_slope(predicted_kb, far).mean,
        "factor": float(off_kb[1:].mean().exp()),
        "decades": float((measured_kb[0] / measured_kb[-1]).log10().mean()),
    }


def _one_step(trace: LayerTrace, cell: str, labels: list[str], config: GradientsConfig) -> OneStep:
    """Eigenvalues and singular values of the last steps of the first trajectory, each beside the token it reads."""
    start = len(trace.input_tbe) - config.jacobians
    first = [jacobian_bnn[:1] for jacobian_bnn in along(trace, cell, start)]
    values_kn = torch.cat([singular_values(jacobian_bnn) for jacobian_bnn in first])
    return {
        "tokens": labels,
        "spectral_radius": torch.cat([spectral_radius(jacobian_bnn) for jacobian_bnn in first]).tolist(),
        "largest_singular_value": values_kn[:, 0].tolist(),
        "singular_values": _summary(values_kn),
    }


def _summary(values_kn: Tensor) -> Band:
    values_kn = values_kn.cpu()
    low, high = torch.quantile(values_kn, torch.tensor([0.1, 0.9], dtype=values_kn.dtype), dim=0)
    return {"mean": values_kn.mean(0).tolist(), "low": low.tolist(), "high": high.tolist()}


def _product(trace: LayerTrace, cell: str, config: GradientsConfig) -> Product:
    """log of the norm of the product of the first k Jacobians after the warm-up, for k up to ``lags``."""
    steps = _product_steps(config)
    first = (jacobian_bnn[:1] for jacobian_bnn in along(trace, cell, config.warm_up))
    return {"steps": steps, "log_norm": log_product_norms(islice(first, steps[-1]), steps)[:, 0].tolist()}


def _product_steps(config: GradientsConfig) -> list[int]:
    return sorted({round(config.lags ** (share / PRODUCT_POINTS)) for share in range(PRODUCT_POINTS + 1)})
