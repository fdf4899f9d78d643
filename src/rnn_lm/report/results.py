"""What a results file holds, and reading one: every number that a person sees comes from here.

``rnn-lm compare`` writes the file; tables, figures and the page are made from it alone, so that any of them can be made
again later without the models.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from rnn_lm.errors import UserError
from rnn_lm.files import read_json
from rnn_lm.schema import first_problem

FORMAT = "rnn_lm results"
VERSION = 1

Policy = Literal["stream", "sentence"]
Verdict = Literal["supported", "not supported", "undecided"]


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


class SplitStatistics(TypedDict):
    """Size of one split; ``oov_rate`` is the share of its tokens outside the vocabulary."""

    sentences: int
    tokens: int
    types: int
    oov_rate: float
    characters: int


class CorpusResult(TypedDict):
    """The text and how it was cut; ``tokens`` names the tokenization."""

    name: str
    source: str
    licence: str
    split: str
    tokens: str
    lowercase: bool
    vocabulary_size: int
    min_count: int
    splits: dict[str, SplitStatistics]


class EmbeddingResult(TypedDict):
    """The input word vectors; the covered shares are of vocabulary types and of training tokens."""

    source: str
    algorithm: str
    dimensions: int
    covered_types: float
    covered_tokens: float
    seconds: float


class _Score(TypedDict):
    perplexity: float
    low: float | None
    high: float | None
    per_seed: list[float]
    bits_per_token: float
    bits_per_character: float
    token_count: int


class Score(_Score, total=False):
    """Perplexity of one split under one policy, with a 95% interval, over ``token_count`` predicted tokens.

    Where there is no interval its ends are None, here and below, and ``note`` says why.
    """

    perplexity_per_word: float | None
    note: str


class _MatchScore(TypedDict):
    match: str
    token_count: int
    perplexity: float
    low: float | None
    high: float | None


class MatchScore(_MatchScore, total=False):
    """Test perplexity where the longest context seen in training has ``match`` tokens ("0" to "4+").

    ``policy`` says under which context policy; where it is missing, the page does not say.
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


class GradientNorms(TypedDict):
    """Gradient norms of one seed by training step; a norm that was not finite is None."""

    seed: int
    step: list[int]
    before: list[float | None]
    after: list[float | None]
    layers: dict[str, list[float | None]]
    clipped_share: float
    loss_spikes: int


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


class Claim(TypedDict):
    """One expectation, tested: the effect with its 95% interval in ``unit``, under one policy."""

    statement: str
    policy: str
    effect: float
    low: float | None
    high: float | None
    p_value: float | None
    verdict: Verdict
    unit: str
    note: str


class _Required(TypedDict):
    format: str
    version: int
    made: Made
    config: dict[str, Any]
    corpus: CorpusResult
    embedding: EmbeddingResult | None
    models: list[ModelResult]
    claims: list[Claim]


class Results(_Required, total=False):
    """A results file. The last three are there where those experiments were run."""

    probes: dict[str, Any]
    gradients: dict[str, Any]
    theory: dict[str, Any]


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        UserError: it is missing, not JSON, not a results file, of another version, or lacks something.
    """
    return check_results(read_json(path), str(path))


def check_results(value: Any, source: str) -> Results:
    """``value`` as ``Results``; raises ``UserError`` naming ``source`` and the first entry that is not as expected."""
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        raise UserError(f"{source}: not a results file; give the results.json that `rnn-lm compare` wrote")
    if value.get("version") != VERSION:
        versions = f"results version {value.get('version')!r}, but this rnn_lm reads {VERSION}"
        raise UserError(f"{source}: {versions}; run the comparison again")
    problem = first_problem(value, Results)
    if problem:
        raise UserError(f"{source}: {problem}; the file is damaged or incomplete, run the comparison again")
    return typing.cast(Results, value)
