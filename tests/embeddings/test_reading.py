"""Files of word vectors in every format, sound and damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.embeddings import read_vectors
from rnn_lm.embeddings.word2vec_binary import _BLOCK
from rnn_lm.errors import UserError
from rnn_lm.vocabulary import Vocabulary

WORDS = ["the", "cat", "naïve", "New", "zzz"]
VECTORS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
VOCABULARY = Vocabulary.build([["the", "cat", "naïve", "dog"]])


def keyed_vectors(words: list[str] = WORDS, vectors: np.ndarray = VECTORS) -> KeyedVectors:
    made = KeyedVectors(vectors.shape[1])
    made.add_vectors(words, vectors)
    return made


def glove(words: list[str] = WORDS, vectors: np.ndarray = VECTORS) -> str:
    rows = zip(words, vectors.tolist(), strict=True)
    return "".join(f"{word} {' '.join(map(repr, vector))}\n" for word, vector in rows)


def write(path: Path, kind: str) -> Path:
    if kind == "word2vec text":
        keyed_vectors().save_word2vec_format(str(path))
    elif kind == "word2vec binary":
        keyed_vectors().save_word2vec_format(str(path), binary=True)
    elif kind == "GloVe text":
        path.write_text(glove())
    elif kind == "KeyedVectors":
        keyed_vectors().save(str(path))
    elif kind == "KeyedVectors, array apart":
        keyed_vectors().save(str(path), separately=["vectors"], sep_limit=0)
    return path


KINDS = ["word2vec text", "word2vec binary", "GloVe text", "KeyedVectors", "KeyedVectors, array apart"]


def refusal(path: Path, dimensions: int = 4) -> str:
    with pytest.raises(UserError) as caught:
        read_vectors(path, VOCABULARY, dimensions)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_vocabulary_its_rows(tmp_path: Path, kind: str) -> None:
    rows = read_vectors(write(tmp_path / "vectors", kind), VOCABULARY, dimensions=4)
    assert set(rows) == set(VOCABULARY.encode(["the", "cat", "naïve"]))
    for row, word in enumerate(WORDS[:3]):
        assert np.array_equal(rows[VOCABULARY.encode([word])[0]], VECTORS[row])


@pytest.mark.parametrize("kind", KINDS[:4])
def test_packed_files_read_the_same(tmp_path: Path, kind: str) -> None:
    plain = write(tmp_path / "vectors", kind)
    packed = tmp_path / "vectors.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    expected = read_vectors(plain, VOCABULARY, dimensions=4)
    found = read_vectors(packed, VOCABULARY, dimensions=4)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[index], expected[index]) for index in expected)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_dimension_names_the_flag(tmp_path: Path, kind: str) -> None:
    assert "give --embedding-size 4" in refusal(write(tmp_path / "vectors", kind), dimensions=300)


def test_same_spelling_wins_over_other_capitals_and_the_first_of_equals(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("CAT 1 1\nThe 2 2\ncat 3 3\nTHE 4 4\ncat 5 5\nDog 6 6\n")
    rows = read_vectors(path, VOCABULARY, dimensions=2)
    assert {VOCABULARY.tokens[index]: row[0] for index, row in rows.items()} == {"cat": 3, "the": 2, "dog": 6}


def test_the_sentence_end_of_word2vec_files_is_eos(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("</s> 1 2\n")
    assert list(read_vectors(path, VOCABULARY, dimensions=2)) == [VOCABULARY.eos_id]


def test_words_with_spaces_tabs_and_trailing_blanks(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("cat\t3\t4 \r\nat name 1 2\n. . 5 6\n")
    rows = read_vectors(path, VOCABULARY, dimensions=2)
    assert {index: row.tolist() for index, row in rows.items()} == {VOCABULARY.encode(["cat"])[0]: [3.0, 4.0]}


@given(st.integers(0, 8), st.integers(998, 1002))
@settings(deadline=None, max_examples=9)
def test_binary_rows_may_lie_across_blocks(tmp_path_factory: pytest.TempPathFactory, shift: int, size: int) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.bin"
    record = len(b"filler00 ") + 4 * size
    count = _BLOCK // record
    words = [*(f"filler{index % 100:02d}" for index in range(count)), "x" * shift + "y", "cat", "the"]
    vectors = np.arange(len(words) * size, dtype="<f4").reshape(len(words), size) / 7
    body = b"".join(word.encode() + b" " + vector.tobytes() for word, vector in zip(words, vectors, strict=True))
    path.write_bytes(f"{len(words)} {size}\n".encode() + body)
    rows = read_vectors(path, VOCABULARY, dimensions=size)
    assert np.array_equal(rows[VOCABULARY.encode(["cat"])[0]], vectors[-2])
    assert np.array_equal(rows[VOCABULARY.encode(["the"])[0]], vectors[-1])


def test_missing_file(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "nothing.txt")


def test_folder(tmp_path: Path) -> None:
    assert "Is a directory" in refusal(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").touch()
    assert "the file is empty" in refusal(tmp_path / "vectors.txt")


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        ("2 2\nthe 1 2\ncat 3\n", "line 3 has 1 numbers, not 2"),
        ("the 1 2\ncat 3\n", "line 2 has 1 numbers, not 2"),
        ("the 1 2\n\n", "line 2 has 0 numbers, not 2"),
        ("the 1 2\ncat 3 x\n", "line 2: could not convert"),
        ("the 1 2\ncat 3 nan\n", "line 2: the vector has a number that is not finite"),
        ("3 2\nthe 1 2\ncat 3 4\n", "line 1 promises 3 vectors but 2 follow"),
        ("1 2\nthe 1 2\ncat 3 4\n", "line 1 promises 1 vectors but 2 follow"),
        ("xyzzy 1 2\n", "none of the vocabulary's 6 entries"),
        ("Some prose, not vectors.\n", "line 1 is neither"),
        ("word\n", "line 1 is neither"),
    ],
)
def test_damaged_text(tmp_path: Path, content: str, answer: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    assert answer in refusal(path, dimensions=2)


def test_binary_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "vectors.bin"
    path.write_bytes(bytes(range(128)) * 4)
    assert "line 1 is neither" in refusal(path)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (lambda data: data[:-3], "ends within vector 5 of 5"),
        (lambda data: data.replace(b"5 4\n", b"9 4\n"), "ends within vector 6 of 9"),
        (lambda data: data.replace(b"5 4\n", b"4 4\n"), "goes on after the 4 vectors"),
        (lambda data: data.replace(b"5 4\n", b"5 x\n"), "line 1 is neither"),
        (lambda data: data.replace(b"the ", b"the \0\0\xc0\x7f", 1), "vector 1 has a number that is not finite"),
    ],
)
def test_damaged_binary(tmp_path: Path, change: object, answer: str) -> None:
    path = write(tmp_path / "vectors.bin", "word2vec binary")
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    assert answer in refusal(path)


def test_cut_off_gzip(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt.gz"
    numbers = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32)
    path.write_bytes(gzip.compress(glove([f"w{index}" for index in range(3000)], numbers).encode())[:-9000])
    assert "the gzip file is cut off or damaged" in refusal(path)
