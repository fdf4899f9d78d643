"""``rnn-lm embed``: word vectors on their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rnn_lm.config import CorpusConfig, EmbeddingConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """Train word2vec on the train split, or read vectors from a file; report coverage; show nearest neighbors."""

    out: Path | None = None
    """Write the vectors, aligned to the vocabulary, to this file in word2vec's text format."""
    near: tuple[str, ...] = ()
    """Words whose neighbors to show. Default: five from the vocabulary."""
    neighbors: int = 8
    """Neighbors per word."""
    embedding_seed: int = 1
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
    from rnn_lm.embeddings import load_embedding, nearest, save_word2vec_text
    from rnn_lm.experiments.prepare import prepare
    from rnn_lm.seeding import generator

    progress = TerminalProgress()
    prepared = prepare(options.corpus, progress)
    vocabulary = prepared.vocabulary
    source = generator(options.embedding_seed, "word vectors")
    matrix = load_embedding(options.embedding, vocabulary, prepared.corpus.train.sentences, source, progress)
    assert matrix is not None  # only a random start has none, which Options refuses
    progress.say(
        f"embedding   {matrix.source}: {matrix.vectors_ve.shape[1]} dimensions, "
        f"{matrix.covered_types:.1%} of types and {matrix.covered_tokens:.1%} of tokens covered"
    )
    # Frequent words have the best vectors and the most frequent say the least: start a little way down the list.
    for word in options.near or vocabulary.tokens[100:200:20]:
        near = nearest(matrix, vocabulary, word, options.neighbors)
        progress.say(f"  {word:<12} {', '.join(f'{other} {cosine:.2f}' for other, cosine in near)}")
    if options.out is not None:
        save_word2vec_text(options.out, vocabulary, matrix.vectors_ve)
        progress.say(f"vectors in {options.out}; next: rnn-lm train --embedding {options.out}")
