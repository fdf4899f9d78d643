"""Files of word vectors in every format, sound and damaged."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.embeddings import read_vectors, source
from rnn_lm.embeddings.word2vec_binary import _BLOCK
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress, Task
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
    path.write_text("cat\t3\t4 \r\nat name 1 2\n. . 5 6\nroute 66 0.5 1.5\n")
    rows, said = read_and_listen(path, dimensions=2)
    assert {index: row.tolist() for index, row in rows.items()} == {VOCABULARY.encode(["cat"])[0]: [3.0, 4.0]}
    assert said == ["note        vectors.txt: 3 rows (the first: line 2) have words that hold spaces"]


def read_and_listen(path: Path, dimensions: int, vocabulary: Vocabulary = VOCABULARY) -> tuple[dict, list[str]]:
    """The rows, and what a person is told of them."""
    said: list[str] = []

    class Listener(SilentProgress):
        def say(self, message: str) -> None:
            said.append(message)

    return read_vectors(path, vocabulary, dimensions, Listener()), said


def cosine(rows: dict, first: str, second: str) -> float:
    one, other = (rows[VOCABULARY.encode([word])[0]] for word in (first, second))
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("word", [b"caf\xe9", b"a\x00b", b"\x07", b"\x1c", b"\x85", b"\xe3\x80\x80", b"a\x0bb"])
@pytest.mark.parametrize("header", [b"3 3\n", b""])
def test_no_byte_in_a_word_makes_text_binary(tmp_path: Path, word: bytes, header: bytes) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(header + b"the 0.1 0.2 0.3\n" + word + b" 0.1 0.2 0.4\ncat 0.5 0.4 0.3\n")
    rows, said = read_and_listen(path, dimensions=3)
    assert cosine(rows, "the", "cat") == pytest.approx(0.83, abs=0.005)
    undecodable = word in (b"caf\xe9", b"\x85")
    assert [("not UTF-8" in note, f"line {3 if header else 2}" in note) for note in said] == [
        (True, True)
    ] * undecodable


@pytest.mark.parametrize("break_", [b"", b"\n"])
@pytest.mark.parametrize("letters", [b"AAAA", b"1e9 ", b"z.5\n"])
def test_binary_vectors_may_be_letters(tmp_path: Path, letters: bytes, break_: bytes) -> None:
    path = tmp_path / "vectors.bin"
    body = b"".join(word + b" " + letters + b"tree" + break_ for word in (b"the", b"cat", b"dog"))
    path.write_bytes(b"3 2\n" + body)
    rows = read_vectors(path, VOCABULARY, dimensions=2)
    assert len(rows) == 3
    assert rows[VOCABULARY.encode(["cat"])[0]].tobytes() == letters + b"tree"


@given(st.lists(st.lists(st.floats(-4, 4, width=32), min_size=3, max_size=3), min_size=4, max_size=4), st.booleans())
@settings(deadline=None, max_examples=30)
def test_any_numbers_are_told_apart_in_text_and_in_binary(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[list[float]], breaks: bool
) -> None:
    folder = tmp_path_factory.mktemp("vectors")
    vectors = np.array(numbers, "<f4")
    words = ["the", "cat", "naïve", "dog"]
    text, binary = (folder / name for name in ("text", "binary"))
    text.write_text("4 3\n" + glove(words, vectors))
    rows = (word.encode() + b" " + vector.tobytes() for word, vector in zip(words, vectors, strict=True))
    binary.write_bytes(b"4 3\n" + b"".join(row + b"\n" * breaks for row in rows))
    for path in (text, binary):
        found = read_vectors(path, VOCABULARY, dimensions=3)
        for word, vector in zip(words, vectors, strict=True):
            assert np.array_equal(found[VOCABULARY.encode([word])[0]], vector)


@pytest.mark.parametrize("start", ["", "2 3\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("gap", [" ", "   ", "\t", "\t ", " \t  "])
@pytest.mark.parametrize("end", ["\n", " \r\n", "\t\n", "\n\n \n"])
def test_white_space_and_byte_order_marks_lose_no_row(
    tmp_path: Path, start: str, mark: bytes, gap: str, end: str
) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(mark + f"{start}the{gap}0.1{gap}0.2 0.3\ncat{gap}0.5 0.4{gap}0.3{end}".encode())
    rows, said = read_and_listen(path, dimensions=3)
    assert cosine(rows, "the", "cat") == pytest.approx(0.83, abs=0.005)
    assert said == []


def test_indented_rows_and_the_space_as_a_word(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("  1 2\n  a 3 4\n 5 6\na 7 8\n")
    vocabulary = Vocabulary.build([[" ", "a", "b"]])
    rows, said = read_and_listen(path, 2, vocabulary)
    assert {vocabulary.tokens[index]: row.tolist() for index, row in rows.items()} == {" ": [1, 2], "a": [3, 4]}
    assert [note.split(": ", 1)[1].split(" (")[0] for note in said] == ["2 rows", "1 row", "1 row"]


def test_repeated_words_and_a_row_fewer_are_said(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("5 2\nthe 1 2\ncat 3 4\ncat 5 6\nthe 7 8\n")
    rows, said = read_and_listen(path, dimensions=2)
    assert rows[VOCABULARY.encode(["cat"])[0]].tolist() == [3, 4]
    assert said == [
        "note        vectors.txt: line 1 promises 5 vectors and 4 follow, each of them whole",
        "note        vectors.txt: 2 rows (the first: line 4) give a word again: the first vector of each counts",
    ]


def test_a_whole_row_fewer_in_binary_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "vectors.bin", "word2vec binary")
    path.write_bytes(path.read_bytes().replace(b"5 4\n", b"6 4\n"))
    rows, said = read_and_listen(path, dimensions=4)
    assert len(rows) == 3
    assert said == ["note        vectors.bin: line 1 promises 6 vectors and 5 follow, each of them whole"]


def test_a_pipe_is_read_and_its_end_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def feed() -> None:
        with path.open("wb", buffering=0) as file:
            for piece in (b"2", b" 2\nthe 1", b" 2\nc", b"at 3 4\n"):
                file.write(piece)
                time.sleep(0.02)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    assert len(read_vectors(path, VOCABULARY, dimensions=2)) == 2
    feeder.join()


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
        ("the 1 2\n\ncat 3 4\n", "line 2 is blank, and rows follow it"),
        ("the 1 2\ncat 3 x\n", "line 2: could not convert"),
        ("the 1 2\ncat 3 nan\n", "line 2: the vector has a number that is not finite"),
        ("4 2\nthe 1 2\ncat 3 4\n", "line 1 promises 4 vectors but 2 follow"),
        ("3 2\nthe 1 2\ncat 3 4", "line 1 promises 3 vectors but 2 follow"),
        ("3 2\nthe 1 2\ncat 3", "line 3 has 1 numbers, not 2"),
        ("3 2\nthe 1.5 2\ncat 3 4 5.5\ndog 1 2\n", "line 3 has 3 numbers or more, not 2"),
        ("the 1 2\ncat 3 4 5\ndog 1 2\n", "line 2 has 3 numbers or more, not 2"),
        ("the 1 2\ncat 7 0.5 1\n", "line 2 has 3 numbers or more, not 2"),
        ("3 2\nthe 1 2 3\ncat 1 2 3\ndog 1 2 3\n", "line 1 promises 2 numbers in a row, but the rows have 3"),
        ("the 1 2\ncat 0,5 1\ndog 1 2\n", "line 2: could not convert string to float: '0,5'"),
        ("the 1 2\ncat 1e300 1\n", "line 2: the vector has a number that is not finite"),
        ("the 1 2\ncat 1e31 1\n", "line 2: the vector has a number beyond 1e+30"),
        ("the 1 2\n 1 2 3.5\n", "line 2 has 3 numbers or more, not 2"),
        ("the 1 2\ncat 1_0 2\n", "line 2: could not convert"),
        ("2 0\nthe\ncat\n", "line 1 speaks of vectors of 0 numbers"),
        ("2 100000000\nthe 1 2\n", "line 1 speaks of vectors of 100,000,000 numbers"),
        ("9" * 5000 + " 2\nthe 1 2\ncat 1 2\n", "line 1 has 1 numbers, not 2"),
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


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (bz2.compress(b"the 1 2 3 4\n"), "packed by bzip2"),
        (lzma.compress(b"the 1 2 3 4\n"), "packed by xz"),
        (gzip.compress(gzip.compress(b"the 1 2 3 4\n")), "gzip twice"),
        (b"PK\x03\x04" + bytes(60), "a zip archive"),
        (b"wiki.vec" + bytes(249) + b"ustar\x0000" + bytes(247), "a tar archive"),
        (struct.pack("<14i", 793712314, 12, 4, 5, 5, 5, 5, 1, 3, 2, 2000000, 3, 6, 100), "a fastText model"),
        (gzip.compress(struct.pack("<3i", 793712314, 12, 4)), "a fastText model"),
        ("the 1 2 3 4\n".encode("utf-16"), "UTF-16"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
        (b"\x93NUMPY\x01\x00", "a numpy array without words"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path: Path, content: bytes, answer: str) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(content)
    assert answer in refusal(path)


@pytest.mark.parametrize("start", [b"2 4\nthe 1 2 3 4\n", b"the 1 2 3 4\n", b"2 4\nthe 0000000000000000", b""])
def test_a_line_without_end_is_refused_in_bounded_memory(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress(start + b"x" * (3 << 20)))
    message = refusal(path)
    assert any(words in message for words in ("bytes, as no word", "is neither", "has no end within"))


def test_gzip_that_unpacks_out_of_proportion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_RATIO_FROM", 1 << 20)
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress((b"zz 1 2 3" + b" " * 4000 + b"4\n") * 700, 9))
    assert "unpacks to more than 100 times its size" in refusal(path)


def test_how_much_has_been_read_is_reported(tmp_path: Path) -> None:
    reported: list[tuple[float, float]] = []

    class Listener(SilentProgress):
        @contextlib.contextmanager
        def task(self, name: str, total: float) -> Iterator[Task]:
            assert name == "vectors"

            class Counter:
                def update(self, completed: float, **figures: float | str) -> None:
                    assert not figures
                    reported.append((completed, total))

            yield Counter()

    path = write(tmp_path / "vectors.txt", "GloVe text")
    read_vectors(path, VOCABULARY, 4, Listener())
    assert reported[-1] == (path.stat().st_size, path.stat().st_size)


def test_cut_off_gzip(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt.gz"
    numbers = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32)
    path.write_bytes(gzip.compress(glove([f"w{index}" for index in range(3000)], numbers).encode())[:-9000])
    assert "the gzip file is cut off or damaged" in refusal(path)
