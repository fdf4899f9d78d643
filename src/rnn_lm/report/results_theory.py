"""The ``theory`` part of a results file: what ``rnn_lm.theory.run`` returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypedDict

from rnn_lm.schema import first_problem
from rnn_lm.theory.mathml import to_mathml

LONGEST_FORMULA = 400
"""Characters of a formula; the longest of ours has about a hundred."""


class Statement(TypedDict):
    """One statement with what was predicted and measured; infinity stands there as text."""

    name: str
    formula: str
    predicted: float | str
    measured: float | str
    holds: bool


class _Measured(TypedDict):
    predicted: float
    measured: float


class GainLag(_Measured):
    """Exercise 1."""

    gain: float
    lag: int


class CutLength(_Measured):
    """Exercise 1."""

    bptt_length: int


class BpttCurves(TypedDict):
    """Exercise 1."""

    lags: list[GainLag]
    truncation: list[CutLength]


class Rate(TypedDict):
    """Exercise 2."""

    radius: float
    predicted_linear: float
    measured_linear: float
    predicted_tanh: float
    measured_tanh: float
    largest_tanh: float


class Power(_Measured):
    """Exercise 2."""

    forward: float
    lag: int


class SpectralCurves(TypedDict):
    """Exercise 2."""

    rates: list[Rate]
    transient: list[Power]


class GateLag(_Measured):
    """Exercise 3."""

    cell: Literal["lstm", "gru", "rnn"]
    path: Literal["total", "direct"]
    lag: int


class HalfLife(_Measured):
    """Exercise 3."""

    cell: Literal["lstm", "gru"]
    bias: float
    fresh: float


class GatingCurves(TypedDict):
    """Exercise 3."""

    lags: list[GateLag]
    half_lives: list[HalfLife]


class Angle(_Measured):
    """Exercise 4."""

    threshold: float
    norm: float


class Landscape(TypedDict):
    """Exercise 4."""

    w: list[float]
    b: list[float]
    loss: list[list[float]]


class PathPoint(TypedDict):
    """Exercise 4."""

    clip: Literal["none", "norm"]
    update: int
    w: float
    b: float


class ClippingCurves(TypedDict):
    """Exercise 4."""

    angles: list[Angle]
    landscape: Landscape
    paths: list[PathPoint]


class Delay(_Measured):
    """Exercise 5."""

    delay: int


class Machine(TypedDict):
    """Exercise 5."""

    bits: int
    stored: float
    recalled: float
    bound: float


class RecallPoint(TypedDict):
    """Exercise 5."""

    stored: float
    bits: float
    low: float
    high: float


class RoundedPoint(TypedDict):
    """Exercise 5."""

    state_bits: int
    bits: float


class Network(TypedDict):
    """Exercise 5."""

    name: Literal["rnn", "gru", "lstm", "attention"]
    numbers: int
    by_length: list[RecallPoint]
    by_rounding: list[RoundedPoint]


class CapacityCurves(TypedDict):
    """Exercise 5."""

    memory: list[Delay]
    units: int
    machines: list[Machine]
    recall: list[Network]


class Exercise(TypedDict):
    """One exercise; ``curves`` as ``CURVES`` says."""

    name: Literal["bptt", "spectral", "gating", "clipping", "capacity"]
    title: str
    statements: list[Statement]
    curves: dict[str, Any]


class TheoryPart(TypedDict):
    """All of it."""

    exercises: list[Exercise]


CURVES: dict[str, Any] = {
    "bptt": BpttCurves,
    "spectral": SpectralCurves,
    "gating": GatingCurves,
    "clipping": ClippingCurves,
    "capacity": CapacityCurves,
}
"""What the curves of each exercise hold."""


def inconsistencies(part: TheoryPart) -> Iterator[str]:
    """Where entries that are each as expected do not go together."""
    names = [exercise["name"] for exercise in part["exercises"]]
    if len(set(names)) < len(names):
        yield "exercises: two have the same name"
    for index, exercise in enumerate(part["exercises"]):
        where = f"exercises[{index}]"
        for number, statement in enumerate(exercise["statements"]):
            if not _is_formula(statement["formula"]):
                yield f"{where}.statements[{number}].formula is none"
        curves = exercise["curves"]
        problem = first_problem(curves, CURVES[exercise["name"]], f"{where}.curves")
        if problem:
            yield problem
            return
        empty = [name for name, value in curves.items() if isinstance(value, list) and not value]
        if empty:
            yield f"{where}.curves.{empty[0]} is empty"
            return
        if exercise["name"] == "clipping":
            yield from _landscape_inconsistencies(curves, f"{where}.curves")
        if exercise["name"] == "capacity":
            yield from _recall_inconsistencies(curves["recall"], f"{where}.curves.recall")


def _is_formula(formula: str) -> bool:
    if len(formula) > LONGEST_FORMULA:
        return False
    try:
        to_mathml(formula)
    except (ValueError, RecursionError):
        return False
    return True


def _landscape_inconsistencies(curves: dict[str, Any], where: str) -> Iterator[str]:
    grid = curves["landscape"]
    if min(len(grid["w"]), len(grid["b"])) < 2 or len(grid["loss"]) != len(grid["w"]):
        yield f"{where}.landscape is no grid"
    elif any(len(row) != len(grid["b"]) for row in grid["loss"]):
        yield f"{where}.landscape.loss is no grid"
    if not any(point["clip"] == "none" for point in curves["paths"]):
        yield f"{where}.paths lacks the one without clipping"


def _recall_inconsistencies(networks: list[Network], where: str) -> Iterator[str]:
    recurrent = [network for network in networks if network["name"] != "attention"]
    rounded = [point["state_bits"] for network in networks for point in network["by_rounding"]]
    if not recurrent or not any(network["by_length"] for network in recurrent) or not rounded:
        yield f"{where} lacks the recurrent networks' points"
    elif min(rounded) < 1:
        yield f"{where}: a state has less than one bit"
