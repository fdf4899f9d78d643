"""The ``theory`` part of a results file: what ``theory.run`` makes."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


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
