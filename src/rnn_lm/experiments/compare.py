"""The main job: n-gram, RNN, GRU and LSTM on one corpus, with intervals, claims and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from jaxtyping import Int

from rnn_lm.config import GenerationConfig
from rnn_lm.evaluation.breakdown import by_context_match
from rnn_lm.evaluation.figures import TextPerplexity
from rnn_lm.evaluation.generation import generate
from rnn_lm.evaluation.perplexity import Policy
from rnn_lm.experiments.claims import BLOCKS, compare_claims
from rnn_lm.experiments.members import CompareSettings, Member, make_neural, make_ngrams
from rnn_lm.experiments.parts import PartContext, run_parts
from rnn_lm.experiments.scores import POLICIES, SCORED_SPLITS
from rnn_lm.experiments.side_by_side import make_side_by_side
from rnn_lm.experiments.vectors import input_vectors
from rnn_lm.labels import label_of, labels_of
from rnn_lm.models.families import BASELINE
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.prepare import PreparedCorpus, prepare
from rnn_lm.progress import Progress
from rnn_lm.report.results import Claim, Compared, CurvePoint, MatchScore, ModelResult, Sample
from rnn_lm.runs import MANIFEST, bind_run, read_run
from rnn_lm.runtime import Runtime
from rnn_lm.training.log import ValidationRecord, gradient_summary
from rnn_lm.training.validation import shown_perplexity

HEADLINE: Policy = "stream"
"""The policy under which the breakdown by seen context is shown."""
PROMPT_TOKENS = 4
"""Length of the prompt taken from the valid text."""

Matches = Mapping[Policy, Int[np.ndarray, "N"]]
"""Per policy, for each test token, how much of its context was seen in training."""


def run_compare(
    settings: CompareSettings,
    folder: Path,
    progress: Progress,
    runtime: Runtime | None = None,
    *,
    resume: bool,
    workers: int = 1,
) -> Compared:
    """Train, score and test everything; returns the parts of results.json that this job makes.

    Args:
        settings: what to compare.
        folder: a started run; each model gets a folder in it.
        progress: told of everything.
        runtime: where the recurrent models are trained, and probes and gradients computed; default: the CPU.
        resume: finished models are read back, an unfinished one is gone on with.
        workers: how many recurrent models are trained and scored at a time, each in a process; more than one on the
            CPU alone.
    """
    prepared = prepare(settings.corpus, progress, folder)
    if (folder / MANIFEST).exists():
        bind_run(read_run(folder, "compare"), prepared.digests)
    prepared.save_tokenizer(folder)
    ngrams = make_ngrams(settings, folder, prepared, progress, resume=resume)
    made = make_side_by_side(settings, prepared, folder, progress, runtime, workers, resume=resume)
    vectors = input_vectors(settings.embedding, prepared, folder, settings.training.seed, progress)
    specs = settings.specs(len(prepared.vocabulary), vectors)
    members = make_neural(specs, folder, prepared, progress, runtime, resume=resume, made=made)
    if BASELINE in settings.models:
        members.insert(0, ngrams.member)
    test_ids_n = prepared.texts["test"].ids_n
    matches: Matches = {policy: model.context_match(test_ids_n).numpy() for policy, model in ngrams.by_policy.items()}
    labels = labels_of(member.name for member in members)
    context = PartContext(prepared, members, labels, folder, progress, settings.suites, runtime or Runtime())
    return {
        "corpus": prepared.describe(),
        "embedding": vectors.describe(),
        "models": [_model_result(member, settings, prepared, matches) for member in members],
        "claims": _claims(members, matches, settings.model.cell),
        **run_parts(settings.parts, context),
    }


def _claims(members: list[Member], matches: Matches, reference: str) -> list[Claim]:
    return [
        claim
        for policy in POLICIES
        for claim in compare_claims(
            {member.name: member.test_scores(policy) for member in members},
            labels_of(member.name for member in members),
            matches[policy],
            policy,
            reference,
        )
    ]


def _model_result(member: Member, settings: CompareSettings, prepared: PreparedCorpus, matches: Matches) -> ModelResult:
    return {
        "name": member.name,
        "label": label_of(member.name),
        "kind": member.kind,
        "parameters": member.parameters,
        "settings": member.settings,
        "seeds": member.seeds,
        "steps": member.results[0].position.step if member.results else 0,
        "seconds": member.seconds,
        "perplexity": {
            policy: {
                split: TextPerplexity.of(
                    [scores[policy, split] for scores in member.scores], prepared.readings[split], BLOCKS
                ).to_json()
                for split in SCORED_SPLITS
            }
            for policy in POLICIES
        },
        "breakdown": _breakdown(member, matches),
        "curves": [
            {"seed": seed, "points": curve_of(result.log.validations)}
            for seed, result in zip(member.seeds, member.results, strict=False)
        ],
        "gradient_norms": [
            gradient_summary(result.log.steps, seed) for seed, result in zip(member.seeds, member.results, strict=False)
        ],
        "samples": _samples(member.models[0], settings.generation, prepared),
    }


def _breakdown(member: Member, matches: Matches) -> list[MatchScore]:
    buckets = by_context_match(member.test_scores(HEADLINE), matches[HEADLINE], BLOCKS)
    found: list[MatchScore] = []
    for bucket in buckets:
        score: MatchScore = {
            "policy": HEADLINE,
            "match": bucket.match,
            "token_count": bucket.token_count,
            "perplexity": bucket.perplexity.value,
            "low": bucket.perplexity.low,
            "high": bucket.perplexity.high,
        }
        if bucket.perplexity.note:
            score["note"] = bucket.perplexity.note
        found.append(score)
    return found


def curve_of(log: Sequence[ValidationRecord]) -> list[CurvePoint]:
    """The learning curve that a run's validations draw."""
    return [
        {
            "step": record.step,
            "epoch": record.epoch,
            "tokens": record.tokens,
            "seconds": record.seconds,
            "learning_rate": record.learning_rate,
            "train_perplexity": None if record.train_nll is None else shown_perplexity(record.train_nll),
            "valid_perplexity": shown_perplexity(record.valid_nll),
        }
        for record in log
    ]


def _samples(model: LanguageModel, config: GenerationConfig, prepared: PreparedCorpus) -> list[Sample]:
    """Text from nothing and from the start of a sentence in the middle of valid, the same for every model."""
    sentences = prepared.corpus.valid.sentences
    middle = sentences[len(sentences) // 2][:PROMPT_TOKENS]
    codec = prepared.codec
    samples: list[Sample] = []
    for prompt in ([], middle):
        text = codec.decode(generate(model, codec.vocabulary.encode(prompt), config, codec.vocabulary)).rstrip()
        shown = {key: value for key, value in asdict(config).items() if key not in {"prompt", "allow_unk"}}
        samples.append({"prompt": codec.tokenization.join(prompt).rstrip(), "text": text, "settings": shown})
    return samples
