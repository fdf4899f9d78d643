"""What a results file holds, and reading one: every number that a person sees comes from here.

``rnn-lm compare`` writes the file; tables, figures and the page are made from it alone, so that any of them can be made
again later without the models.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from rnn_lm.errors import UserError
from rnn_lm.evaluation.score import CorpusResult, Policy, Score
from rnn_lm.files import read_json
from rnn_lm.gradients.results import GradientsPart
from rnn_lm.probes.results import ProbesPart
from rnn_lm.report import results_gradients, results_probes, results_theory
from rnn_lm.report.limits import beyond_limits
from rnn_lm.schema import first_problem
from rnn_lm.theory.results import TheoryPart
from rnn_lm.training.log import GradientNorms

FORMAT = "rnn_lm results"
VERSION = 1

Verdict = Literal["supported", "not supported", "undecided", "not tested"]


class Made(TypedDict):
    """How, when and with what the results were made; ``seconds`` is the whole run."""

    command: str
    date: str
    rnn_lm: str
    torch: str
    python: str
    platform: str
    threads: int
    seconds: float
    device: NotRequired[str]
    precision: NotRequired[str]
    workers: NotRequired[int]


class EmbeddingResult(TypedDict):
    """The input word vectors; the covered shares are of vocabulary types and of training tokens."""

    source: str
    algorithm: str
    dimensions: int
    covered_types: float
    covered_tokens: float
    seconds: float


class _MatchScore(TypedDict):
    match: str
    token_count: int
    perplexity: float
    low: float | None
    high: float | None


class MatchScore(_MatchScore, total=False):
    """Test perplexity where the longest context seen in training has ``match`` tokens ("0" to "4+").

    Where there is no interval its ends are None, here and below, and ``note`` says why. ``policy`` says under which
    context policy; where it is missing, the page does not say.
    """

    policy: str
    note: str


class CurvePoint(TypedDict):
    """One point of a learning curve; a perplexity that was not measured there is None."""

    step: int
    epoch: float
    tokens: int
    seconds: float
    learning_rate: float
    train_perplexity: float | None
    valid_perplexity: float | None


class Curve(TypedDict):
    """The learning curve of one seed."""

    seed: int
    points: list[CurvePoint]


class Sample(TypedDict):
    """Generated text and the settings it was sampled with."""

    prompt: str
    text: str
    settings: dict[str, Any]


class ModelResult(TypedDict):
    """Everything measured about one model.

    ``kind`` is "ngram", "recurrent" or another; ``steps`` and ``seconds`` are its training, seeds together.
    """

    name: str
    label: str
    kind: str
    parameters: int
    settings: dict[str, Any]
    seeds: list[int]
    steps: int
    seconds: float
    perplexity: dict[Policy, dict[str, Score]]
    breakdown: list[MatchScore]
    curves: list[Curve]
    gradient_norms: list[GradientNorms]
    samples: list[Sample]


class _Claim(TypedDict):
    statement: str
    policy: str
    effect: float | None
    low: float | None
    high: float | None
    p_value: float | None
    verdict: Verdict
    unit: str
    note: str


class Claim(_Claim, total=False):
    """One expectation, tested: the effect with its 95% interval in ``unit``, under one policy.

    ``note`` says what the effect is, and ``reason`` why there is no interval or, where the text gave no occasion to
    test anything, no effect.
    """

    reason: str


class Parts(TypedDict, total=False):
    """What is added about the models, each where that experiment was run."""

    probes: ProbesPart
    gradients: GradientsPart
    theory: TheoryPart


class _Compared(TypedDict):
    corpus: CorpusResult
    embedding: EmbeddingResult | None
    models: list[ModelResult]
    claims: list[Claim]


class Compared(_Compared, Parts):
    """What a comparison found."""


class _Head(TypedDict):
    format: str
    version: int
    made: Made
    config: dict[str, Any]


class Results(_Head, Compared):
    """A results file: what a comparison found, with its settings and where it was made."""


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        UserError: it is missing, not JSON, not a results file, of another version, or lacks something.
    """
    return check_results(read_json(path), str(path))


def check_results(value: Any, source: str) -> Results:
    """``value`` as ``Results``; raises ``UserError`` naming ``source`` and the first entry that is not as expected."""
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise UserError(f"{source}: {_what_it_is(value)}; give the results.json that `rnn-lm compare` wrote")
    if value.get("version") != VERSION:
        versions = f"results version {str(value.get('version'))[:20]}, but this rnn_lm reads {VERSION}"
        raise UserError(f"{source}: {versions}; run the comparison again")
    problem = first_problem(value, Results) or beyond_limits(value)
    checked = typing.cast(Results, value)
    problem = problem or next(_inconsistencies(checked), None)
    if problem:
        raise UserError(f"{source}: {problem}; the file is damaged or incomplete, run the comparison again")
    return checked


_OTHERS = {"probes": "rnn-lm probe", "gradients": "rnn-lm gradients", "theory": "rnn-lm theory"}


def _what_it_is(value: Any) -> str:
    if not isinstance(value, Mapping):
        return "not a results file"
    if value.get("format") == "rnn_lm sweep results":
        return "the results of a sweep, whose figures are in the folder figures beside it"
    made_by = next((command for part, command in _OTHERS.items() if part in value and "models" not in value), None)
    if made_by is not None:
        return f"the results of `{made_by}` alone, whose tables it printed and whose figures it drew"
    return "not a results file"


def _inconsistencies(results: Results) -> Iterator[str]:
    """Where entries that are each as expected do not go together, or have no logarithm where one is drawn."""
    names = [model["name"] for model in results["models"]]
    labels = [model["label"] for model in results["models"]]
    if len(set(names)) < len(names) or len(set(labels)) < len(labels):
        yield "models: two have the same name or label"
    for index, model in enumerate(results["models"]):
        yield from (f"models[{index}].{problem}" for problem in _model_inconsistencies(model))
    for name, module in (("probes", results_probes), ("gradients", results_gradients), ("theory", results_theory)):
        if name in results:
            yield from (f"{name}.{problem}" for problem in module.inconsistencies(results[name]))


def _model_inconsistencies(model: ModelResult) -> Iterator[str]:
    for policy, splits in model["perplexity"].items():
        for split, score in splits.items():
            values = [score["perplexity"], score["low"], score["high"], *score["per_seed"]]
            yield from _not_positive(values, f"perplexity.{policy}.{split}")
    for index, bucket in enumerate(model["breakdown"]):
        yield from _not_positive((bucket["perplexity"], bucket["low"], bucket["high"]), f"breakdown[{index}]")
    for index, curve in enumerate(model["curves"]):
        yield from _not_positive([point["valid_perplexity"] for point in curve["points"]], f"curves[{index}]")
    for index, norms in enumerate(model["gradient_norms"]):
        lengths = {len(column) for column in (norms["step"], norms["before"], norms["after"])}
        if len(lengths) > 1:
            yield f"gradient_norms[{index}] has step, before and after of different lengths"


def _not_positive(values: Iterable[float | None], where: str) -> Iterator[str]:
    if any(value is not None and value <= 0 for value in values):
        yield f"{where} has a perplexity that is not above 0"
