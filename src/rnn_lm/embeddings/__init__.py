"""Word vectors as a network's input: trained on the train split, or read from a file, in the vocabulary's order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from rnn_lm.config import EmbeddingConfig
from rnn_lm.embeddings.matrix import EmbeddingMatrix, align, nearest, save_word2vec_text
from rnn_lm.embeddings.reading import read_vectors
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.progress import Progress
from rnn_lm.vocabulary import Vocabulary

__all__ = ["EmbeddingMatrix", "load_embedding", "nearest", "read_vectors", "save_word2vec_text"]

TRAINED = "word2vec"
RANDOM = "random"


def load_embedding(
    config: EmbeddingConfig,
    vocabulary: Vocabulary,
    sentences: Iterable[Sequence[str]],
    generator: torch.Generator,
    progress: Progress,
) -> EmbeddingMatrix | None:
    """The vectors that ``config`` asks for, one per entry of ``vocabulary``.

    Args:
        config: what to train or which file to read.
        vocabulary: V entries.
        sentences: the train split, tokens without ``<eos>``; read by word2vec alone.
        generator: seeds word2vec, and draws the vectors of words that are in no file.
        progress: told of each epoch.

    Returns:
        None for ``random``: the model draws its own start.

    Raises:
        UserError: the name is unknown, or the file is refused (see ``read_vectors``).
    """
    if config.embedding == RANDOM:
        return None
    if config.embedding == TRAINED:
        from rnn_lm.embeddings.word2vec import train_word2vec  # gensim takes a second to import

        rows = train_word2vec(config, vocabulary, sentences, generator, progress)
        return align(rows, vocabulary, f"word2vec ({config.algorithm}) trained on the train split", generator)
    path = Path(config.embedding)
    if not path.suffix and path.name == config.embedding and not path.exists():
        hint = unknown_name("embedding", config.embedding, (RANDOM, TRAINED))
        raise UserError(f"{hint}; nor is there a file of that name")
    rows = read_vectors(path, vocabulary, config.embedding_size)
    return align(rows, vocabulary, path.name, generator)
