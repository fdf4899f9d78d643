"""Vectors in the vocabulary's order: coverage, the start of unknown words, neighbors, and the file that is written."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.embeddings import EmbeddingMatrix, nearest, read_vectors, require_expressible, save_word2vec_text
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
    save_word2vec_text(path, VOCABULARY, vectors_ve, torch.ones(len(VOCABULARY), dtype=torch.bool))
    rows = read_vectors(path, VOCABULARY, dimensions=7)
    assert torch.equal(torch.from_numpy(np.stack([rows[index] for index in range(len(VOCABULARY))])), vectors_ve)
    theirs = KeyedVectors.load_word2vec_format(str(path))
    assert theirs.index_to_key == list(VOCABULARY.tokens)
    assert np.array_equal(theirs.vectors, vectors_ve.numpy())


@pytest.mark.parametrize("token", ["a ", "a\nb", "\n", "of 0.5"])
def test_a_token_that_would_be_read_as_another_is_refused(tmp_path: Path, token: str) -> None:
    vocabulary = Vocabulary.build([["a", token]])
    with pytest.raises(UserError, match="cannot hold the token"):
        require_expressible(tmp_path / "vectors.txt", vocabulary)
    with pytest.raises(UserError, match="cannot hold the token"):
        save_word2vec_text(tmp_path / "vectors.txt", vocabulary, torch.zeros(4, 2), torch.ones(4, dtype=torch.bool))


def test_rows_that_start_at_random_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    matrix = align({2: np.ones(2), 3: np.array([1.0, 2.0])}, VOCABULARY, "test", generator(1, "vectors"))
    save_word2vec_text(path, VOCABULARY, matrix.vectors_ve, matrix.known_v)
    assert path.read_text() == "2 2\na 1.0 1.0\nb 1.0 2.0\n"
    again = align(read_vectors(path, VOCABULARY, 2), VOCABULARY, "test", generator(2, "vectors"))
    assert (again.covered_types, again.covered_tokens) == (matrix.covered_types, matrix.covered_tokens)
    assert again.covered_types == pytest.approx(2 / 3)


def _can_be_written(token: str) -> bool:
    return "\n" not in token and (token == token.rstrip(" \t") or not token.strip(" \t"))


_TOKENS = st.text(st.sampled_from("ab .5\t\r\u00a0\u3000\u0085\ufeff\x0b\x1cé"), max_size=4).filter(_can_be_written)


@given(st.lists(_TOKENS, min_size=1, max_size=12, unique_by=str.lower), st.integers(1, 3), st.randoms())
@settings(deadline=None, max_examples=40)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[str], size: int, random: Random
) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
    vocabulary = Vocabulary.build([tokens])
    rows = {
        vocabulary.encode([token])[0]: np.array([random.choice([0, 1, -2.5, 1e-7]) for _ in range(size)], np.float32)
        for token in random.sample(tokens, random.randint(1, len(tokens)))
    }
    matrix = align(rows, vocabulary, "test", generator(1, "vectors"))
    try:
        save_word2vec_text(path, vocabulary, matrix.vectors_ve, matrix.known_v)
    except UserError:  # an extra number, as in "a 0.5"
        assert any(re.search(r"[ \t][.5]*5[.5]*", token) for token in tokens)
        return
    again = read_vectors(path, vocabulary, size)
    assert again.keys() == rows.keys()
    assert all(np.array_equal(again[index], rows[index]) for index in rows)


def test_immense_vectors_give_a_start_that_is_finite() -> None:
    matrix = align({2: np.array([1e30, -1e30])}, VOCABULARY, "test", generator(1, "vectors"))
    assert torch.isfinite(matrix.vectors_ve).all()
