"""Training word vectors, and what --embedding can name."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnn_lm.config import EmbeddingConfig
from rnn_lm.embeddings import EmbeddingMatrix, load_embedding, nearest
from rnn_lm.embeddings.word2vec import _AsRead
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress, Task
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary

DAYS, BEASTS = ["monday", "tuesday", "friday", "sunday"], ["cat", "dog", "cow", "hen"]
CONFIG = EmbeddingConfig(embedding_size=12, embedding_epochs=4, window=3)


def _sentences() -> list[list[str]]:
    """Days and beasts in frames of their own; a word that stands once, and so has no entry."""
    choose = np.random.default_rng(0).choice
    days = [["we", "met", "on", str(choose(DAYS)), "at", "noon"] for _ in range(400)]
    beasts = [["the", str(choose(BEASTS)), "ate", "its", "food"] for _ in range(400)]
    return [*days, *beasts, ["once"]]


SENTENCES = _sentences()
VOCABULARY = Vocabulary.build(SENTENCES, min_count=2)


def train(config: EmbeddingConfig, seed: int = 1) -> EmbeddingMatrix:
    matrix = load_embedding(config, VOCABULARY, SENTENCES, generator(seed, "vectors"), SilentProgress())
    assert matrix is not None
    return matrix


@pytest.mark.parametrize("algorithm", ["skip-gram", "cbow"])
def test_words_used_alike_come_close(algorithm: str) -> None:
    matrix = train(replace(CONFIG, algorithm=algorithm, embedding_epochs=30))  # pyright: ignore[reportArgumentType]
    assert {word for word, _ in nearest(matrix, VOCABULARY, "monday", k=3)} == set(DAYS) - {"monday"}
    assert {word for word, _ in nearest(matrix, VOCABULARY, "cat", k=3)} == set(BEASTS) - {"cat"}
    assert algorithm in matrix.source


def test_sentences_need_not_be_in_memory() -> None:
    class Anew:
        def __iter__(self) -> Iterator[list[str]]:
            return iter(_sentences())

    matrix = load_embedding(CONFIG, VOCABULARY, Anew(), generator(1, "vectors"), SilentProgress())
    assert matrix is not None
    assert torch.equal(matrix.vectors_ve, train(CONFIG).vectors_ve)


def test_every_entry_is_covered_unk_and_eos_too() -> None:
    matrix = train(CONFIG)
    assert matrix.known_v.all()
    assert (matrix.covered_types, matrix.covered_tokens) == (1.0, 1.0)
    assert tuple(matrix.vectors_ve.shape) == (len(VOCABULARY), 12)


def test_the_same_seed_gives_the_same_bits() -> None:
    assert torch.equal(train(CONFIG).vectors_ve, train(CONFIG).vectors_ve)
    assert not torch.equal(train(CONFIG).vectors_ve, train(CONFIG, seed=2).vectors_ve)


@pytest.mark.parametrize(
    "change", [{"algorithm": "cbow"}, {"window": 1}, {"negatives": 2}, {"embedding_epochs": 1}, {"embedding_size": 8}]
)
def test_every_setting_counts(change: dict[str, object]) -> None:
    changed = train(replace(CONFIG, **change))  # pyright: ignore[reportArgumentType]
    usual = train(CONFIG)
    same_shape = changed.vectors_ve.shape == usual.vectors_ve.shape
    assert not (same_shape and torch.equal(changed.vectors_ve, usual.vectors_ve))


def test_epochs_are_reported_and_the_terminal_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    reported: list[float] = []

    class Listener(SilentProgress):
        @contextlib.contextmanager
        def task(self, name: str, total: float) -> Iterator[Task]:
            assert (name, total) == ("word2vec", CONFIG.embedding_epochs)

            class Counter:
                def update(self, completed: float, **figures: float | str) -> None:
                    assert not figures
                    reported.append(completed)

            yield Counter()

    level = logging.getLogger("gensim").level
    load_embedding(CONFIG, VOCABULARY, SENTENCES, generator(1, "vectors"), Listener())
    assert reported == [1, 2, 3, 4]
    assert not caplog.records
    assert logging.getLogger("gensim").level == level


def test_random_leaves_the_start_to_the_model() -> None:
    config = replace(CONFIG, embedding="random")
    assert load_embedding(config, VOCABULARY, SENTENCES, generator(1, "vectors"), SilentProgress()) is None


@pytest.mark.parametrize(
    ("name", "answer"), [("word2vek", "did you mean 'word2vec'"), ("no/such/file.txt", "there is no such file")]
)
def test_unknown_names(name: str, answer: str) -> None:
    config = replace(CONFIG, embedding=name)
    with pytest.raises(UserError, match=answer):
        load_embedding(config, VOCABULARY, SENTENCES, generator(1, "vectors"), SilentProgress())


@pytest.mark.parametrize("sentences", [[["only"]], [["only"] * 50], [[]], [["a"], ["b"]]])
def test_odd_texts_are_trained_on(sentences: list[list[str]]) -> None:
    vocabulary = Vocabulary.build([["only", "a", "b"]])
    config = replace(CONFIG, embedding_epochs=1)
    matrix = load_embedding(config, vocabulary, sentences, generator(1, "vectors"), SilentProgress())
    assert matrix is not None
    assert torch.isfinite(matrix.vectors_ve).all()
    assert matrix.known_v[vocabulary.eos_id]


def test_a_long_sentence_is_read_to_its_end() -> None:
    vocabulary = Vocabulary.build([["a", "b", "rare"]])
    long = ["a", "b"] * 6000 + ["rare"] * 3
    pieces = list(_AsRead([long], vocabulary))
    assert [token for piece in pieces for token in piece] == [*long, "<eos>"]
    assert max(map(len, pieces)) <= 10_000
