"""Tables of ``rnn-lm gradients``, from the "gradients" part of a results file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rnn_lm.report import numbers
from rnn_lm.report.tables import Column, Table, text_column

SHOWN_LENGTHS = (5, 10, 20, 35, 50, 100)
"""The values of bptt_length that stand in the table; the figure has all of them."""
USUAL_LENGTH = 35
"""The bptt_length whose row is seen of a long table: the default in training."""
WEIGHTS = {"fresh": "untrained", "trained": "trained"}
"""What a model's weights are called in tables."""


def gradients_tables(gradients: Mapping[str, Any]) -> tuple[Table, ...]:
    """All of them."""
    return (
        decay_table(gradients),
        jacobians_table(gradients),
        *([truncation_table(gradients)] if has_truncation(gradients) else []),
        clipping_table(gradients, "exploding"),
        clipping_table(gradients, "vanishing"),
    )


def decay_table(gradients: Mapping[str, Any]) -> Table:
    """Decay of the gradient by lag: measured, and predicted from the exponents."""
    rows = tuple(_decay_row(model) for model in gradients["models"])
    positions = max(model["positions"] for model in gradients["models"])
    table = Table(
        f"Decay of ∂loss(T)/∂h(T−k), in nats per token over the far lags, at {positions} positions of the "
        f"{gradients['text']}. Half-life: how many tokens back the gradient halves at that rate. Predicted: the "
        "same slope from Lyapunov exponents and what the loss sees of each direction. Error: typical factor between "
        "the predicted and the measured norm at one lag, while the norm itself falls by the last column's powers of "
        "ten",
        (text_column("Model"), text_column("Weights"), Column("Valid perplexity"), Column("Measured"),
         Column("95% interval"), Column("Half-life"), Column("Predicted"), Column("Largest exponent"),
         Column("Error"), Column("Powers of ten")),
        rows,
    )  # fmt: skip
    measured = any(model["facts"].get("valid_perplexity") is not None for model in gradients["models"])
    return table if measured else table.without("Valid perplexity")


def _decay_row(model: Mapping[str, Any]) -> tuple[str, ...]:
    slope, prediction = model["slope"], model["prediction"]
    half = math.log(2) / -slope["mean"] if slope["mean"] < 0 else None
    return (
        model["label"],
        WEIGHTS[model["weights"]],
        numbers.perplexity(model["facts"].get("valid_perplexity")),
        _rate(slope["mean"]),
        numbers.MISSING if slope["low"] is None else f"{_rate(slope['low'])} to {_rate(slope['high'])}",
        numbers.significant(half),
        _rate(prediction["predicted_slope"]),
        _rate(model["lyapunov"]["exponents"][0]),
        f"{prediction['factor']:.2f}",
        f"{prediction['decades']:.1f}",
    )


def _rate(value: float) -> str:
    return f"{value:.4f}".replace("-", "−")


def _tenths(perplexity: float) -> str:
    """With one decimal, where a perplexity is one that anybody would read."""
    return f"{perplexity:.1f}" if perplexity < 1e6 else numbers.perplexity(perplexity)


def _same_bits(row: Mapping[str, Any]) -> str:
    if row["clip"]["clip"] == "none":
        return numbers.MISSING
    return "yes" if row["same_weights_as_unclipped"] else "no"


def jacobians_table(gradients: Mapping[str, Any]) -> Table:
    """One-step Jacobians along the trajectory."""

    def row(model: Mapping[str, Any]) -> tuple[str, ...]:
        step, values = model["one_step"], model["one_step"]["singular_values"]["mean"]
        count = len(step["tokens"])
        return (
            model["label"],
            WEIGHTS[model["weights"]],
            numbers.count(len(values)),
            f"{sum(step['spectral_radius']) / count:.3f}",
            f"{sum(step['largest_singular_value']) / count:.3f}",
            f"{values[len(values) // 2]:.3g}",
            numbers.MISSING if (error := model["closed_form_error"]) is None else f"{error:.0e}",
        )

    return Table(
        "One-step Jacobians ∂s(t+1)/∂s(t) along a real trajectory, means over tokens. Closed form: largest difference "
        "of any entry to autograd",
        (text_column("Model"), text_column("Weights"), Column("Dimensions"), Column("Spectral radius"),
         Column("Largest singular value"), Column("Middle one"), Column("Closed form")),
        tuple(map(row, gradients["models"])),
    )  # fmt: skip


def has_truncation(gradients: Mapping[str, Any]) -> bool:
    """Whether a model has the W_hh that truncation is measured by."""
    return any("truncation" in model for model in gradients["models"])


def truncation_table(gradients: Mapping[str, Any]) -> Table:
    """What truncation cuts off, by bptt_length: share of the mass, and error of the gradient."""
    models = [model for model in gradients["models"] if "truncation" in model]
    lengths = [length for length in models[0]["truncation"]["bptt_length"] if length in SHOWN_LENGTHS]

    def row(model: Mapping[str, Any], length: int) -> tuple[str, ...]:
        cut = model["truncation"]
        index = cut["bptt_length"].index(length)
        kinds = ("window_share", "window_error", "segments_share", "segments_error")
        shares = (numbers.share(cut[kind][index]) for kind in kinds)
        return (model["label"], WEIGHTS[model["weights"]], str(length), *shares)

    cases = [(model, length) for model in models for length in lengths]
    usual = min(lengths, key=lambda length: abs(length - USUAL_LENGTH), default=None)
    trained = [i for i, (model, length) in enumerate(cases) if model["weights"] == "trained" and length == usual]
    return Table(
        "What truncation leaves out of the gradient of W_hh. Window: every loss sees the last n steps. Segments: the "
        "text is cut every n rows, as in training. Share: of the summed norms of what single lags contribute. Error: "
        "norm of the difference, relative to the whole gradient, summed over positions",
        (text_column("Model"), text_column("Weights"), Column("bptt_length n"), Column("Window, share"),
         Column("Window, error"), Column("Segments, share"), Column("Segments, error")),
        tuple(row(*case) for case in cases),
        telling=trained[-1] if trained else 0,
    )  # fmt: skip


def clipping_table(gradients: Mapping[str, Any], setting: str) -> Table:
    """Outcome of the clipping experiment in one of its settings."""
    rows = [row for row in gradients["clipping"]["rows"] if row["setting"]["name"] == setting]
    made = rows[0]["setting"]

    def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
        perplexity = row["perplexity"]
        return (
            row["clip"]["name"],
            f"{row['diverged']} of {row['runs']}",
            numbers.perplexity(perplexity and perplexity["median"]),
            f"{_tenths(perplexity['low'])} to {_tenths(perplexity['high'])}" if perplexity else numbers.MISSING,
            f"{row['largest_norm']:.2g}",
            numbers.share(row["clipped_share"]),
            _same_bits(row),
            numbers.MISSING if row["long_lag_share"] is None else f"{row['long_lag_share']:.1e}",
        )

    return Table(
        f"{setting.capitalize()} setting: {made['cell']}, spectral radius {made['recurrent_gain']:g} at the start, "
        f"plain gradient descent at {made['learning_rate']:g}. Same bits: whether the weights at the end equal those "
        "of the run without clipping. Far gradient: its norm 40 tokens back, relative to lag 0",
        (text_column("Clipping"), Column("Diverged"), Column("Valid perplexity, median"), Column("lowest to highest"),
         Column("Largest norm"), Column("Steps clipped"), Column("Same bits"), Column("Far gradient")),
        tuple(map(cells, rows)),
    )  # fmt: skip
