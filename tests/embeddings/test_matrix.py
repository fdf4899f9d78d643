"""Vectors in the vocabulary's order: coverage, the start of unknown words, neighbors, and the file that is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from rnn_lm.embeddings import EmbeddingMatrix, nearest, read_vectors, save_word2vec_text
from rnn_lm.embeddings.matrix import align
from rnn_lm.errors import UserError
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary

VOCABULARY = Vocabulary.build([["a"] * 6 + ["b"] * 3 + ["c"]])


def test_coverage_counts_words_and_not_the_special_entries() -> None:
    rows = {VOCABULARY.eos_id: np.ones(2), VOCABULARY.encode(["a"])[0]: np.zeros(2)}
    matrix = align(rows, VOCABULARY, "test", generator(1, "vectors"))
    assert matrix.covered_types == pytest.approx(1 / 3)
    assert matrix.covered_tokens == pytest.approx(6 / 10)
    assert matrix.known_v.tolist() == [False, True, True, False, False]


def test_known_rows_are_kept_and_the_others_match_their_scale() -> None:
    words = [f"word{index}" for index in range(2000)]
    vocabulary = Vocabulary.build([words])
    values = np.random.default_rng(0).normal(0.3, 2.0, (1000, 20)).astype(np.float32)
    rows = dict(enumerate(values, start=2))
    matrix = align(rows, vocabulary, "test", generator(1, "vectors"))
    assert torch.equal(matrix.vectors_ve[2:1002], torch.from_numpy(values))
    others = matrix.vectors_ve[~matrix.known_v]
    assert float(others.std()) == pytest.approx(2.0, rel=0.05)
    assert float(others.mean()) == pytest.approx(0.3, abs=0.05)


def test_the_same_seed_draws_the_same_start() -> None:
    rows = {2: np.arange(4.0)}
    first, second, other = (align(rows, VOCABULARY, "test", generator(seed, "vectors")) for seed in (1, 1, 2))
    assert torch.equal(first.vectors_ve, second.vectors_ve)
    assert not torch.equal(first.vectors_ve, other.vectors_ve)


def test_nearest_ranks_by_cosine_and_leaves_out_unknown_words() -> None:
    vectors_ve = torch.tensor([[0.0, 1.0], [1.0, 0.1], [5.0, 0.0], [0.1, 0.2], [1.0, 0.0]])
    known_v = torch.tensor([False, True, True, True, False])
    matrix = EmbeddingMatrix(vectors_ve, known_v, "test", 1.0, 1.0)
    found = nearest(matrix, VOCABULARY, "a", k=5)
    assert [word for word, _ in found] == ["<eos>", "b"]
    assert found[0][1] == pytest.approx(1 / 1.01**0.5)
    assert len(nearest(matrix, VOCABULARY, "a", k=1)) == 1


def test_nearest_refuses_words_without_a_vector() -> None:
    matrix = align({2: np.ones(2), 3: np.ones(2)}, VOCABULARY, "file.txt", generator(1, "vectors"))
    with pytest.raises(UserError, match="'c' has no vector in file.txt"):
        nearest(matrix, VOCABULARY, "c", k=1)
    with pytest.raises(UserError, match="'zebra' is not in the vocabulary; choose"):
        nearest(matrix, VOCABULARY, "zebra", k=1)
    vocabulary = Vocabulary.build([["bread", "wine"]])
    with pytest.raises(UserError, match="did you mean 'bread'"):
        nearest(align({2: np.ones(2)}, vocabulary, "", generator(1, "vectors")), vocabulary, "braed", k=1)


def test_written_text_is_read_back_bit_for_bit_here_and_by_gensim(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    vectors_ve = torch.randn(len(VOCABULARY), 7, generator=generator(1, "vectors"))
    save_word2vec_text(path, VOCABULARY, vectors_ve)
    rows = read_vectors(path, VOCABULARY, dimensions=7)
    assert torch.equal(torch.from_numpy(np.stack([rows[index] for index in range(len(VOCABULARY))])), vectors_ve)
    theirs = KeyedVectors.load_word2vec_format(str(path))
    assert theirs.index_to_key == list(VOCABULARY.tokens)
    assert np.array_equal(theirs.vectors, vectors_ve.numpy())


def test_a_token_of_white_space_cannot_be_written(tmp_path: Path) -> None:
    vocabulary = Vocabulary.build([["a", " "]])
    with pytest.raises(UserError, match="cannot hold the token ' '"):
        save_word2vec_text(tmp_path / "vectors.txt", vocabulary, torch.zeros(4, 2))
