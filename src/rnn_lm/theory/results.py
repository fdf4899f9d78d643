"""The ``theory`` part of a results file: what ``theory.run`` makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, TypedDict

Relation: TypeAlias = Literal["=", "≤", "≥"]
Name: TypeAlias = Literal["bptt", "spectral", "gating", "clipping", "capacity", "linear"]
GatedName: TypeAlias = Literal["lstm", "gru"]
CellName: TypeAlias = Literal["lstm", "gru", "rnn"]
PathName: TypeAlias = Literal["total", "direct"]
NetworkName: TypeAlias = Literal["rnn", "gru", "lstm", "mingru", "mlstm", "deltanet", "attention"]


class StatementJson(TypedDict):
    """One statement with what was predicted and measured; infinity stands there as text."""

    name: str
    formula: str
    relation: Relation
    predicted: float | str
    measured: float | str
    error: float | str
    tolerance: float
    detail: str
    holds: bool
    mathml: str


class _Measured(TypedDict):
    predicted: float
    measured: float


class MeasuredLag(_Measured):
    """What was predicted and measured so many steps back."""

    lag: int


class GainLag(MeasuredLag):
    """Exercise 1."""

    gain: float


class CutLength(_Measured):
    """Exercise 1."""

    bptt_length: int


class BpttCurves(TypedDict):
    """Exercise 1."""

    lags: list[GainLag]
    truncation: list[CutLength]


class LinearRate(TypedDict):
    """Exercise 2, the linear network."""

    radius: float
    predicted_linear: float
    measured_linear: float


class TanhRate(TypedDict):
    """Exercise 2, the tanh network."""

    radius: float
    predicted_tanh: float
    measured_tanh: float
    bound_tanh: float
    largest_tanh: float


class Rate(LinearRate, TanhRate):
    """Exercise 2, both."""


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

    cell: CellName
    path: PathName
    lag: int


class HalfLife(_Measured):
    """Exercise 3."""

    cell: GatedName
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
    loss: float
    norm: float


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

    length: int
    stored: float
    bits: float
    low: float
    high: float
    fano: float


class RoundedPoint(RecallPoint):
    """Exercise 5."""

    bits_per_number: int
    state_bits: int


class Network(TypedDict):
    """Exercise 5."""

    name: NetworkName
    numbers: int
    by_length: list[RecallPoint]
    by_rounding: list[RoundedPoint]


class ExactCurves(TypedDict):
    """Exercise 5, what is computed."""

    memory: list[Delay]
    units: int
    machines: list[Machine]


class CapacityCurves(ExactCurves):
    """Exercise 5, with what is trained."""

    recall: list[Network]


class KeptLag(MeasuredLag):
    """Exercise 6."""

    bias: float


class ParityPoint(TypedDict):
    """Exercise 6: so many ones, and what readers make of them."""

    ones: int
    parity: float
    positive: float
    negative: float


class LinearCurves(TypedDict):
    """Exercise 6."""

    lags: list[KeptLag]
    parity: list[ParityPoint]


class Exercise(TypedDict):
    """One exercise; ``curves`` as ``CURVES`` says."""

    name: Name
    title: str
    page: str
    statements: list[StatementJson]
    curves: Mapping[str, Any]


class TheoryPart(TypedDict):
    """All of it."""

    exercises: list[Exercise]


class CheckedTheory(TheoryPart):
    """All of it, as it was just made: with its settings and the seconds that it took."""

    config: dict[str, Any]
    seconds: float


CURVES: dict[Name, type] = {
    "bptt": BpttCurves,
    "spectral": SpectralCurves,
    "gating": GatingCurves,
    "clipping": ClippingCurves,
    "capacity": CapacityCurves,
    "linear": LinearCurves,
}
"""What the curves of each exercise hold."""
