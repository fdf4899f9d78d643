"""The models that a comparison is between: trained, scored and kept, each in a folder of its own."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from rnn_lm.config import CorpusConfig, EmbeddingConfig, GenerationConfig, ModelConfig, NgramConfig, TrainingConfig
from rnn_lm.evaluation.perplexity import Policy, TokenScores
from rnn_lm.experiments.model_runs import (
    RecurrentSpec,
    dropouts,
    matched_to,
    train_ngram,
    train_recurrent,
    with_dropout_scaled,
)
from rnn_lm.experiments.scores import POLICIES, Scores, score_model
from rnn_lm.experiments.vectors import InputVectors
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.families import BASELINE, family_name, family_of
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.probes.config import SMALL
from rnn_lm.progress import Progress, SilentProgress, duration
from rnn_lm.runtime import Runtime
from rnn_lm.training.trainer import TrainingResult

RANDOM = "-random"
"""Ends the name of a model whose input vectors start at random while the others' come from word2vec."""

Made: TypeAlias = tuple[RecurrentSpec, NeuralLanguageModel, TrainingResult, Scores]
"""A neural model of one seed, and what is known of it."""


@dataclass(frozen=True)
class CompareSettings:
    """All that a comparison needs to know.

    Attributes:
        corpus, ngram, embedding, model, training, generation: see each.
        models: names of those to compare; sizes of neural ones are matched to the parameter count of ``model``.
        learning_rates: peak learning rate of each model that is not to have ``training``'s.
        dropout_scales: what the dropout of ``model`` is multiplied by for each model that is not to have it whole.
        seeds: how many times each neural model is trained, from seed ``training.seed`` on.
        parts: what is added about the models: "probes", "gradients", "theory".
        suites: what the part "probes" trains on and asks.
    """

    corpus: CorpusConfig
    ngram: NgramConfig
    embedding: EmbeddingConfig
    model: ModelConfig
    training: TrainingConfig
    generation: GenerationConfig
    models: tuple[str, ...]
    learning_rates: dict[str, float]
    dropout_scales: dict[str, float]
    seeds: int
    parts: tuple[str, ...]
    suites: tuple[str, ...] = SMALL.probes

    @property
    def neural(self) -> tuple[str, ...]:
        """The models that are trained, not counted."""
        return tuple(name for name in self.models if name != BASELINE)

    @classmethod
    def upgraded(cls, values: dict[str, Any]) -> dict[str, Any]:
        """What version 0.1 kept of a comparison: the n-gram and ``cells``."""
        if not isinstance(values.get("cells"), list):  # where it is something else, whoever reads it says so
            return values
        return {"models": [BASELINE, *values["cells"]], **{key: one for key, one in values.items() if key != "cells"}}

    def specs(self, vocabulary_size: int, vectors: InputVectors) -> list[RecurrentSpec]:
        """Every neural model to train, seed by seed, so that one seed of all is there before the next is begun."""
        size = vectors.size
        specs = []
        for seed in range(self.training.seed, self.training.seed + self.seeds):
            for name in self.neural:
                rate = self.learning_rates.get(name, self.training.learning_rate)
                training = replace(self.training, seed=seed, learning_rate=rate)
                model = with_dropout_scaled(
                    matched_to(name, self.model, vocabulary_size, size), self.dropout_scales.get(name, 1.0)
                )
                specs.append(RecurrentSpec(name, model, training, self.embedding, vectors.vectors_ve, size))
                if name == self.model.cell and self.embedding.embedding != "random":
                    random = replace(self.embedding, embedding="random", freeze_embedding=False)
                    specs.append(RecurrentSpec(name + RANDOM, model, training, random, None, size))
        return specs


def usual_rates(models: Sequence[str], training: TrainingConfig) -> dict[str, float]:
    """Peak learning rates of the models that want a lower one than ``training`` has, by cell or family."""
    wanted = {
        name: CELLS[name].learning_rate if name in CELLS else family_of(name).learning_rate
        for name in models
        if name != BASELINE
    }
    return {name: rate for name, rate in wanted.items() if rate is not None and rate < training.learning_rate}


@dataclass(frozen=True)
class Member:
    """One model of the comparison, over its seeds.

    Attributes:
        name: "ngram", "rnn", "lstm-random"...
        kind: its family: "ngram", "recurrent", "attention"...
        parameters: numbers it consists of.
        settings: what a person should know of how it was made.
        seeds: of its training; one entry for the n-gram.
        models: one per seed, each behind the common seam.
        scores: one per seed.
        results: of training, one per seed; none for the n-gram.
        seconds: of training, all seeds.
    """

    name: str
    kind: str
    parameters: int
    settings: dict[str, Any]
    seeds: list[int]
    models: list[LanguageModel]
    scores: list[Scores]
    results: list[TrainingResult]
    seconds: float

    def test_scores(self, policy: Policy) -> list[TokenScores]:
        """Scores of the test split under ``policy``, one per seed."""
        return [scores[policy, "test"] for scores in self.scores]


@dataclass(frozen=True)
class Ngrams:
    """The n-gram baseline under each policy: n-grams that end with the sentence, and n-grams that run on."""

    by_policy: dict[Policy, NgramLanguageModel]
    member: Member


def member_folder(folder: Path, name: str, *, seed: int = 0, policy: Policy = "stream") -> Path:
    """Where a comparison in ``folder`` keeps a model: the n-gram by the policy it is scored under, others by seed."""
    return folder / (f"{name}-{policy}" if name == BASELINE else f"{name}-seed{seed}")


def make_ngrams(
    settings: CompareSettings, folder: Path, prepared: PreparedCorpus, progress: Progress, *, resume: bool
) -> Ngrams:
    """Train and score the baseline twice, so that under either policy it was trained the way it is scored."""
    started = time.monotonic()
    models: dict[Policy, NgramLanguageModel] = {
        policy: train_ngram(
            member_folder(folder, BASELINE, policy=policy),
            replace(settings.ngram, boundary=policy),
            prepared,
            progress,
            resume=resume,
        )
        for policy in POLICIES
    }
    seconds = time.monotonic() - started
    scores: Scores = {}
    for policy, model in models.items():
        scores |= score_model(member_folder(folder, BASELINE, policy=policy), model, prepared, progress, (policy,))
    model = models["sentence"]
    made = {"order": settings.ngram.order, "smoothing": "interpolated modified Kneser-Ney"}
    member = Member("ngram", "ngram", model.parameters_count, made, [0], [model], [scores], [], seconds)
    progress.say(f"  {member.name}: {_figures(member)}")
    return Ngrams(models, member)


def make_neural(
    specs: Sequence[RecurrentSpec],
    folder: Path,
    prepared: PreparedCorpus,
    progress: Progress,
    runtime: Runtime | None = None,
    *,
    resume: bool,
    made: Collection[int] = (),
) -> list[Member]:
    """Train and score every neural model of the comparison, in the order of ``specs``.

    Those whose numbers, from 0, are in ``made`` have just been made by other processes: they are read back, silently.
    """
    size = len(prepared.vocabulary)
    seeds: dict[str, list[Made]] = {}
    for number, spec in enumerate(specs):
        told = SilentProgress() if number in made else progress
        told.say(f"[{number + 1}/{len(specs)}] {described(spec, size)}")
        one = make_one(spec, folder, prepared, told, runtime, resume=resume or number in made)
        seeds.setdefault(spec.name, []).append(one)
        told.say(f"  {spec.name}: {found(one, size)}")
    return [_member(one, size) for one in seeds.values()]


def make_one(
    spec: RecurrentSpec,
    folder: Path,
    prepared: PreparedCorpus,
    progress: Progress,
    runtime: Runtime | None = None,
    *,
    resume: bool,
) -> Made:
    """Train and score one model of the comparison in ``folder``."""
    own = member_folder(folder, spec.name, seed=spec.training.seed)
    trained = train_recurrent(own, spec, prepared, progress, runtime=runtime, resume=resume)
    return spec, trained.model, trained.result, score_model(own, trained.model, prepared, progress, POLICIES)


def _member(seeds: list[Made], vocabulary_size: int) -> Member:
    specs, models, results, scores = zip(*seeds, strict=True)
    spec: RecurrentSpec = specs[0]
    settings = {
        "cell": spec.model.cell,
        "hidden_size": spec.model.hidden_size,
        "layers": spec.model.layers,
        "embedding": spec.embedding.embedding,
        "embedding_size": spec.embedding_size,
        "learning_rate": spec.training.learning_rate,
        **{name: value for name, value in dropouts(spec.model).items() if value > 0},
        "budget": spec.training.budget,
    }
    chosen = {result.precision for result in results} - {"32-true"}
    if chosen:
        settings["precision"] = ", ".join(sorted(chosen))
    return Member(
        spec.name,
        family_name(spec.model.cell),
        _parameters(spec, vocabulary_size),
        settings,
        [spec.training.seed for spec in specs],
        list(models),
        list(scores),
        list(results),
        sum(result.position.seconds for result in results),
    )


def _parameters(spec: RecurrentSpec, vocabulary_size: int) -> int:
    return family_of(spec.model.cell).count(vocabulary_size, spec.embedding_size, spec.model)


def described(spec: RecurrentSpec, vocabulary_size: int) -> str:
    """What is about to be made, for a line."""
    return (
        f"{spec.name}, seed {spec.training.seed}: {spec.model.layers} x {spec.model.hidden_size} units, "
        f"{_parameters(spec, vocabulary_size):,} parameters, {spec.embedding.embedding} input, {spec.training.budget}"
    )


def found(one: Made, vocabulary_size: int) -> str:
    """What a model has come to, for a line."""
    return _figures(_member([one], vocabulary_size))


def _figures(member: Member) -> str:
    shown = ", ".join(f"{policy} {member.test_scores(policy)[0].total.perplexity:.2f}" for policy in POLICIES)
    return f"test perplexity {shown}; trained in {duration(member.seconds)}"
