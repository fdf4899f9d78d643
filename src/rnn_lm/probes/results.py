"""The ``probes`` part of a results file: what ``probes.run`` makes, and natural pairs if they were asked."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class NamedModel(TypedDict):
    """A model and what it is called."""

    name: str
    label: str


class ProbedModel(NamedModel):
    """A model with its size and its training, seeds together; the last two by seed, where there was a loss."""

    parameters: int
    seconds: NotRequired[float]
    tokens: NotRequired[int]
    train_loss: NotRequired[list[float]]
    clipped_share: NotRequired[list[float]]


class _Accuracy(TypedDict):
    accuracy: float
    low: float | None
    high: float | None


class Accuracy(_Accuracy, total=False):
    """A share of right answers; its interval's ends are None where there is none, and ``note`` says why."""

    note: str


class DistancePoint(Accuracy):
    """One distance of a curve."""

    distance: int
    per_seed: list[float]


class DistanceCurve(TypedDict):
    """Accuracy by distance of one model."""

    model: str
    points: list[DistancePoint]


class HalfLifeJson(TypedDict):
    """How far accuracy reaches: in words, and the figures of ``curves.HalfLife``."""

    value: NotRequired[float | None]
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    longest: NotRequired[int]
    start: NotRequired[float]
    shape: NotRequired[float]
    text: str


class ModelHalfLife(HalfLifeJson):
    """That of one model."""

    model: str


class AttractorCell(Accuracy):
    """One model at one distance with so many attractors."""

    model: str
    distance: int
    attractors: int


class LoadCell(Accuracy):
    """One model at one distance with so much to carry."""

    model: str
    distance: int
    load: int


class Example(TypedDict):
    """One question with its right answer and a wrong one."""

    text: str
    right: str
    wrong: str


class _ProbeClaim(TypedDict):
    statement: str
    unit: NotRequired[str]
    effect: float | None
    low: float | None
    high: float | None
    p_value: float | None
    over: NotRequired[str | None]
    verdict: Literal["supported", "not supported", "undecided", "not tested"]
    note: str


class ProbeClaim(_ProbeClaim, total=False):
    """One expectation about a probe, tested; ``reason`` says why there is no interval, where there is none."""

    reason: str


class ProbeResult(TypedDict):
    """One generated language: curves, half-lives, attractors and claims."""

    name: str
    label: str
    question: str
    distance_unit: str
    chance: float
    trained_distance: int
    items_per_distance: NotRequired[int]
    example: Example
    models: list[ProbedModel]
    curves: list[DistanceCurve]
    half_lives: list[ModelHalfLife]
    attractors: list[AttractorCell]
    loads: NotRequired[list[LoadCell]]
    load_unit: NotRequired[str]
    filler_unit: NotRequired[str]
    claims: list[ProbeClaim]


class NaturalExample(Example):
    """An example of one construction."""

    construction: str


class ConstructionCell(Accuracy):
    """One model on one construction."""

    model: str
    construction: str
    items: int


class NaturalAttractorCell(Accuracy):
    """One model on all pairs with so many attractors."""

    model: str
    attractors: int
    items: int


class NaturalDistanceCell(Accuracy):
    """One model on all pairs with so many tokens between subject and verb."""

    model: str
    distance: int
    items: int


class NaturalFindings(TypedDict):
    """Minimal pairs from the corpus' own vocabulary, models by name."""

    chance: float
    items: NotRequired[int]
    examples: list[NaturalExample]
    by_construction: list[ConstructionCell]
    by_attractors: list[NaturalAttractorCell]
    by_distance: NotRequired[list[NaturalDistanceCell]]


class NaturalResult(NaturalFindings):
    """The same with what the models are called."""

    labels: dict[str, str]


class _Generated(TypedDict):
    seeds: list[int]
    models: list[NamedModel]
    probes: list[ProbeResult]


class ProbesPart(_Generated, total=False):
    """All of it; ``natural`` is there where the corpus has the words for it."""

    natural: NaturalResult


class GeneratedResult(_Generated):
    """The generated languages as they were just asked: with the settings and the seconds that it took."""

    settings: dict[str, Any]
    seconds: float
    training_seconds: float


class AskedProbes(GeneratedResult, total=False):
    """The same with natural pairs, where the corpus has the words for them."""

    natural: NaturalResult
