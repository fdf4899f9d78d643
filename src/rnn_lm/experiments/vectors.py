"""The input vectors of an experiment: made once, used by all of its models, kept for a resumed run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import EmbeddingConfig
from rnn_lm.embeddings import load_embedding
from rnn_lm.errors import UserError
from rnn_lm.experiments.prepare import PreparedCorpus
from rnn_lm.progress import Progress
from rnn_lm.seeding import generator
from rnn_lm.training.checkpoint import read_checkpoint, write_checkpoint

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
    facts: dict[str, Any] | None

    def describe(self) -> dict[str, Any] | None:
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
    if kept is not None and kept.exists():
        tensors, facts = read_checkpoint(kept)
        vectors_ve = tensors["vectors"]
        if len(vectors_ve) != len(prepared.vocabulary):
            raise UserError(f"{kept}: vectors of another vocabulary; delete the file to make them again")
        return InputVectors(vectors_ve, vectors_ve.shape[1], facts["embedding"])
    started = time.monotonic()
    matrix = load_embedding(
        config, prepared.vocabulary, prepared.corpus.train.sentences, generator(seed, "word vectors"), progress
    )
    assert matrix is not None  # only a random start has none
    facts = {
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
        write_checkpoint(kept, {"vectors": matrix.vectors_ve}, {"embedding": facts})
    return InputVectors(matrix.vectors_ve.to(torch.float32), facts["dimensions"], facts)
