"""The input vectors of an experiment: made once, used by all of its models, kept for a resumed run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.checkpoint import read_checkpoint, require_facts, write_checkpoint
from rnn_lm.config import EmbeddingConfig, to_json
from rnn_lm.embeddings import load_embedding
from rnn_lm.errors import UserError
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress
from rnn_lm.report.results import EmbeddingResult
from rnn_lm.seeding import generator

KEPT = "embedding.safetensors"


@dataclass(frozen=True)
class InputVectors:
    """Word vectors aligned to the vocabulary, or the wish for a random start.

    Attributes:
        vectors_ve: None for a random start.
        size: E.
        facts: what a results file says of them; None for a random start.
    """

    vectors_ve: Float[Tensor, "V E"] | None
    size: int
    facts: EmbeddingResult | None

    def describe(self) -> EmbeddingResult | None:
        """The embedding part of a results file."""
        return self.facts


def input_vectors(
    config: EmbeddingConfig, prepared: PreparedCorpus, folder: Path | None, seed: int, progress: Progress
) -> InputVectors:
    """Train or read the vectors that ``config`` asks for, and say how much of the vocabulary they cover.

    Args:
        config: random, word2vec, or a file.
        prepared: whose train split word2vec learns from, and whose vocabulary a file is aligned to.
        folder: keep the vectors here, and read them back from here; None keeps nothing.
        seed: of word2vec's training.
        progress: told of each epoch.

    Raises:
        UserError: see ``load_embedding``.
    """
    if config.embedding == "random":
        return InputVectors(None, config.embedding_size, None)
    kept = folder / KEPT if folder is not None else None
    made_from = _dependencies(config, prepared, seed)
    if kept is not None and kept.exists():
        try:
            return _read(kept, made_from, len(prepared.vocabulary))
        except UserError as error:
            progress.say(f"note        {error}; the vectors are made again")
    started = time.monotonic()
    matrix = load_embedding(
        config, prepared.vocabulary, prepared.corpus.train.sentences, generator(seed, "word vectors"), progress
    )
    assert matrix is not None  # only a random start has none
    facts: EmbeddingResult = {
        "source": matrix.source,
        "algorithm": config.algorithm if config.embedding == "word2vec" else "",
        "dimensions": int(matrix.vectors_ve.shape[1]),
        "covered_types": matrix.covered_types,
        "covered_tokens": matrix.covered_tokens,
        "seconds": time.monotonic() - started,
    }
    progress.say(
        f"embedding   {facts['source']}: {facts['dimensions']} dimensions, {facts['covered_types']:.1%} of types and "
        f"{facts['covered_tokens']:.1%} of tokens covered"
    )
    if kept is not None:
        write_checkpoint(kept, {"vectors": matrix.vectors_ve}, {"embedding": facts, "made_from": made_from})
    return InputVectors(matrix.vectors_ve.to(torch.float32), facts["dimensions"], facts)


def _dependencies(config: EmbeddingConfig, prepared: PreparedCorpus, seed: int) -> dict[str, Any]:
    """What vectors depend on, as it stands in the file."""
    digests = {name: prepared.digests[name] for name in ("train text", "vocabulary")}
    return {"config": to_json(replace(config, freeze_embedding=False)), "seed": seed, **digests}


def _read(path: Path, made_from: dict[str, Any], words: int) -> InputVectors:
    tensors, facts = read_checkpoint(path)
    # Version 0.1 did not write down what they were made from: there, the number of words is what can be compared.
    if facts.get("made_from", made_from) != made_from:
        raise UserError(f"{path}: vectors of another text, vocabulary or setting")
    require_facts(path, facts.get("embedding"), EmbeddingResult)
    vectors_ve = tensors.get("vectors", torch.empty(0))
    if vectors_ve.shape != (words, facts["embedding"]["dimensions"]) or not vectors_ve.is_floating_point():
        raise UserError(f"{path}: vectors of another vocabulary")
    if not bool(torch.isfinite(vectors_ve).all()):
        raise UserError(f"{path}: holds what is no number")
    return InputVectors(vectors_ve.to(torch.float32), vectors_ve.shape[1], facts["embedding"])
