"""The ``gradients`` part of a results file: what ``gradients.run`` makes, as docs/gradients.md explains."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Band(TypedDict):
    """A curve with its 10th and 90th percentiles."""

    mean: list[float]
    low: list[float]
    high: list[float]


class SlopeJson(TypedDict):
    """Decay in nats per token, with its interval; the ends are None where there is none."""

    mean: float
    low: float | None
    high: float | None


ByLag = TypedDict(
    "ByLag", {"hidden": Band, "state": Band, "cell": Band, "cell only": Band, "cell rest": Band}, total=False
)  # fmt: skip
"""Norms by lag along each path; ``hidden`` is always there, and those of the cell with an LSTM."""


class TruncationJson(TypedDict):
    """What truncated BPTT cuts off, by its length."""

    bptt_length: list[int]
    window_share: list[float]
    segments_share: list[float]
    window_error: list[float]
    segments_error: list[float]


class SpectrumJson(TypedDict):
    """Exponents, the largest first, with the ends of their intervals; older files have standard errors instead."""

    exponents: list[float]
    low: NotRequired[list[float | None]]
    high: NotRequired[list[float | None]]
    standard_errors: NotRequired[list[float]]


class Lyapunov(SpectrumJson):
    """The exponents of so many steps."""

    steps: NotRequired[int]


class Prediction(TypedDict):
    """Norms by lag, measured and predicted."""

    measured: list[float]
    predicted: list[float]
    measured_slope: NotRequired[float]
    predicted_slope: float
    factor: float
    decades: float


class OneStep(TypedDict):
    """Jacobians of single steps."""

    tokens: list[str]
    spectral_radius: list[float]
    largest_singular_value: list[float]
    singular_values: Band


class Product(TypedDict):
    """Log norms of products of Jacobians."""

    steps: list[int]
    log_norm: list[float]


class Described(TypedDict):
    """Which model it is; ``facts`` are what a reader should know of its training, whatever that was."""

    name: str
    label: str
    weights: Literal["fresh", "trained"]
    hidden_size: NotRequired[int]
    layers: NotRequired[int]
    facts: dict[str, Any]


class ByLags(TypedDict):
    """How far back the gradients of so many positions reach; truncation is of cells with a W_hh alone."""

    positions: int
    by_lag: ByLag
    slope: SlopeJson
    truncation: NotRequired[TruncationJson]


class Jacobians(TypedDict):
    """Jacobians along some of the trajectories, and what they predict; no error where no form is closed."""

    trajectories: NotRequired[int]
    closed_form_error: float | None
    lyapunov: Lyapunov
    prediction: Prediction
    one_step: OneStep
    product: Product


class GradientModel(Described, ByLags, Jacobians):
    """One model, as initialized or as trained."""


class SettingJson(TypedDict):
    """What was trained in the clipping experiment."""

    name: str
    cell: str
    recurrent_gain: float
    learning_rate: float


class ClipJson(TypedDict):
    """A way of clipping."""

    name: str
    clip: str
    threshold: NotRequired[float]


class Spread(TypedDict):
    """Perplexity over seeds."""

    low: float
    median: float
    high: float


class Outcome(TypedDict):
    """What runs came to that differ in their seed alone."""

    runs: int
    diverged: int
    perplexity: Spread | None
    largest_norm: float
    clipped_share: float
    same_weights_as_unclipped: bool
    long_lag_share: float | None


class ClippingRow(Outcome):
    """One setting with one way of clipping, seeds together."""

    setting: SettingJson
    clip: ClipJson


class Norms(TypedDict):
    """Gradient norm of every step."""

    before: list[float]
    after: list[float]


class ClippingRun(TypedDict):
    """One seed."""

    setting: str
    clip: str
    seed: int
    diverged: bool
    stopped_at: int | None
    final_perplexity: float | None
    norms: Norms
    by_lag: list[float] | None


class TrainedRun(ClippingRun):
    """One seed as it was just trained, with the digest of its weights."""

    weights: str


class Clipping(TypedDict):
    """The clipping experiment."""

    rows: list[ClippingRow]
    runs: list[ClippingRun]
    vocabulary_size: int


class GradientsPart(TypedDict):
    """All of it, and the settings that it was made with."""

    config: NotRequired[dict[str, Any]]
    text: str
    models: list[GradientModel]
    clipping: Clipping
