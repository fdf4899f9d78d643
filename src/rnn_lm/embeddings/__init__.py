"""Word vectors as a network's input: trained on the train split, or read from a file, in the vocabulary's order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from rnn_lm.config import EmbeddingConfig
from rnn_lm.embeddings.matrix import EmbeddingMatrix, align, nearest, require_word
from rnn_lm.embeddings.reading import read_vectors
from rnn_lm.embeddings.writing import require_expressible, save_word2vec_text
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.files import user_errors
from rnn_lm.memory import available_memory
from rnn_lm.progress import Progress
from rnn_lm.vocabulary import Vocabulary

__all__ = [
    "EmbeddingMatrix",
    "load_embedding",
    "nearest",
    "read_vectors",
    "require_expressible",
    "require_source",
    "require_word",
    "save_word2vec_text",
]

TRAINED = "word2vec"
RANDOM = "random"
_FEW = 0.1
"""Share of the words below which a file is probably of another language, or of words cut in another way."""
_COPIES = 3
"""How often the vectors are in memory at once: as they are trained or read, and aligned to the vocabulary."""


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
        UserError: the name is unknown, the file is refused (see ``read_vectors``), or memory does not hold the vectors.
    """
    if config.embedding == RANDOM:
        return None
    _require_memory(len(vocabulary), config.embedding_size)
    if config.embedding == TRAINED:
        from rnn_lm.embeddings.word2vec import train_word2vec  # gensim takes a second to import

        rows = train_word2vec(config, vocabulary, sentences, generator, progress)
        return align(rows, vocabulary, f"word2vec ({config.algorithm}) trained on the train split", generator)
    require_source(config)
    path = Path(config.embedding)
    matrix = align(read_vectors(path, vocabulary, config.embedding_size, progress), vocabulary, path.name, generator)
    if matrix.covered_types < _FEW:
        progress.say(
            f"note        {path.name}: covers {matrix.covered_types:.1%} of the words; "
            "is it of another language, or of words cut in another way (--tokens, --lowercase)?"
        )
    return matrix


def require_source(config: EmbeddingConfig) -> None:
    """Find out, before a corpus is read, whether there is what ``--embedding`` names; raises ``UserError`` if not."""
    path = Path(config.embedding)
    if config.embedding in (RANDOM, TRAINED):
        return
    with user_errors(path, "read the word vectors"):
        exists = path.exists()
    if path.is_dir():
        raise UserError(f"--embedding {path}: is a folder; give the file with the vectors")
    if exists:
        return
    if path.suffix or path.name != config.embedding:
        raise UserError(f"--embedding {path}: there is no such file; check the path, or give {TRAINED} or {RANDOM}")
    hint = unknown_name("embedding", config.embedding, (RANDOM, TRAINED))
    raise UserError(f"{hint}; nor is there a file of that name")


def _require_memory(entries: int, size: int) -> None:
    needed, there = 4 * _COPIES * entries * size, available_memory()
    if needed > there:
        raise UserError(
            f"--embedding-size {size}: vectors of {entries:,} words take {needed / 2**30:,.1f} GiB, and this process "
            f"has {there / 2**30:,.1f}; lower it, or --max-vocabulary"
        )
