"""``rnn-lm embed``: word vectors on their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rnn_lm.conditions import only
from rnn_lm.config import CorpusConfig, EmbeddingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import require_output
from rnn_lm.progress import TerminalProgress
from rnn_lm.vocabulary import EOS, UNK, Vocabulary

if TYPE_CHECKING:
    from rnn_lm.embeddings import EmbeddingMatrix


@dataclass(frozen=True)
class Options:
    """Train word2vec on the train split, or read vectors from a file; report coverage; show nearest neighbors."""

    IDLE: ClassVar = {"freeze_embedding": "embed trains no network"}

    out: Path | None = None
    """Write the vectors of the vocabulary's words, but for those that start at random, to this file in word2vec's text
    format."""
    overwrite: bool = False
    """Let --out replace a file that is there."""
    near: tuple[str, ...] = ()
    """Words whose neighbors to show. Default: five from the vocabulary."""
    neighbors: int = 8
    """Neighbors per word."""
    embedding_seed: int = field(default=1, metadata=only(embedding="word2vec"))
    """Seeds word2vec."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)

    def __post_init__(self) -> None:
        if self.embedding.embedding == "random":
            raise UserError("--embedding random has nothing to show; use word2vec or a file")
        if self.neighbors < 1:
            raise UserError("--neighbors must be at least 1")


def run(options: Options) -> None:
    """Make the vectors, and show or write them."""
    from rnn_lm.embeddings import (
        load_embedding,
        nearest,
        require_expressible,
        require_source,
        require_word,
        save_word2vec_text,
    )
    from rnn_lm.prepare import prepare
    from rnn_lm.seeding import generator

    if options.out is not None:
        require_output(options.out, "--out", overwrite=options.overwrite)
    require_source(options.embedding)
    progress = TerminalProgress()
    prepared = prepare(options.corpus, progress)
    vocabulary = prepared.vocabulary
    for word in options.near:
        require_word(vocabulary, word)
    if options.out is not None:
        require_expressible(options.out, vocabulary)
    source = generator(options.embedding_seed, "word vectors")
    matrix = load_embedding(options.embedding, vocabulary, prepared.corpus.train.sentences, source, progress)
    assert matrix is not None  # only a random start has none, which Options refuses
    size = matrix.vectors_ve.shape[1]
    progress.say(
        f"embedding   {matrix.source}: {size} dimensions, "
        f"{matrix.covered_types:.1%} of types and {matrix.covered_tokens:.1%} of tokens covered"
    )
    for word in options.near or _examples(matrix, vocabulary):
        near = nearest(matrix, vocabulary, word, options.neighbors)
        progress.say(f"  {word:<12} {', '.join(f'{other} {cosine:.2f}' for other, cosine in near)}")
    if options.out is not None:
        save_word2vec_text(options.out, vocabulary, matrix.vectors_ve, matrix.known_v)
        asked = "" if size == EmbeddingConfig.embedding_size else f" --embedding-size {size}"
        progress.say(
            f"vectors of {int(matrix.known_v.sum()):,} entries in {options.out}; "
            f"next: rnn-lm train --embedding {options.out}{asked}"
        )


def _examples(matrix: EmbeddingMatrix, vocabulary: Vocabulary) -> list[str]:
    """Five words that have a vector. Frequent ones have the best, and the most frequent say the least."""
    known = [token for token, has_one in zip(vocabulary.tokens, matrix.known_v.tolist(), strict=True) if has_one]
    return known[100:200:20] or [word for word in known if word not in (UNK, EOS)][:5]
