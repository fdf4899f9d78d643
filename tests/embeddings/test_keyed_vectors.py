"""gensim's pickles are read as data: what would run code is refused before anything runs."""

from __future__ import annotations

import contextlib
import gzip
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.harness import limits
from rnn_lm.embeddings import pickle_data, read_vectors
from rnn_lm.errors import UserError
from rnn_lm.vocabulary import Vocabulary

VOCABULARY = Vocabulary.build([["a", "b"]])


class Calls:
    """Pickles as "call ``function`` with ``arguments``"."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.function, self.arguments


def keyed_vectors() -> KeyedVectors:
    made = KeyedVectors(3)
    made.add_vectors(["a", "b"], np.arange(6, dtype=np.float32).reshape(2, 3))
    return made


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_vectors(path, VOCABULARY, dimensions=3)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_malicious_pickle_does_nothing(tmp_path: Path, protocol: int) -> None:
    target, path = tmp_path / "made by the attacker", tmp_path / "vectors.kv"
    path.write_bytes(pickle.dumps(Calls(os.mkdir, str(target)), protocol))
    assert "mkdir" in refusal(path)
    assert not target.exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_code_hidden_in_sound_vectors_does_nothing(tmp_path: Path, protocol: int) -> None:
    target, path = tmp_path / "made by the attacker", tmp_path / "vectors.kv"
    vectors = keyed_vectors()
    vectors.expandos["extra"] = Calls(eval, f"__import__('os').mkdir({str(target)!r})")
    path.write_bytes(pickle.dumps(vectors, protocol))
    assert "eval" in refusal(path)
    assert not target.exists()


@pytest.mark.parametrize("function", [getattr, np.load, np.frombuffer, pickle.loads, KeyedVectors.load])
def test_importable_functions_are_refused_by_name(tmp_path: Path, function: Callable[..., object]) -> None:
    path = tmp_path / "vectors.kv"
    path.write_bytes(pickle.dumps(Calls(function, b"x"), 4))
    assert "not plain gensim KeyedVectors" in refusal(path)


def test_whole_models_are_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "word2vec.model"
    Word2Vec([["a", "b"]] * 5, vector_size=3, min_count=1, workers=1, seed=1).save(str(path))
    assert "save_word2vec_format" in refusal(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("index_to_key", None),
        ("index_to_key", [1, 2]),
        ("index_to_key", ["a", "b", "c"]),
        ("vectors", None),
        ("vectors", np.zeros(3, np.float32)),
        ("vectors", np.zeros((2, 3), np.int64)),
        ("vectors", np.array([["a"], ["b"]], object)),
        ("vectors", np.full((2, 3), np.nan, np.float32)),
        ("vectors", "three"),
    ],
)
def test_fields_that_make_no_sense(tmp_path: Path, field: str, value: Any) -> None:
    path = tmp_path / "vectors.kv"
    vectors = keyed_vectors()
    setattr(vectors, field, value)
    path.write_bytes(pickle.dumps(vectors, 4))
    assert "vectors.kv" in refusal(path)


def test_other_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.kv"
    path.write_bytes(pickle.dumps({"index_to_key": ["a"]}, 4))
    assert "holds no gensim KeyedVectors" in refusal(path)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_precisions_and_memory_orders(tmp_path: Path, kind: type) -> None:
    path = tmp_path / "vectors.kv"
    vectors = keyed_vectors()
    vectors.vectors = np.asfortranarray(vectors.vectors.astype(kind))
    vectors.save(str(path))
    rows = read_vectors(path, VOCABULARY, dimensions=3)
    assert rows[VOCABULARY.encode(["b"])[0]].tolist() == [3.0, 4.0, 5.0]


def test_array_apart_missing_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "vectors.kv"
    keyed_vectors().save(str(path), separately=["vectors"], sep_limit=0)
    apart = tmp_path / "vectors.kv.vectors.npy"
    whole = apart.read_bytes()
    apart.write_bytes(whole[:-4])
    assert "vectors.kv.vectors.npy: not a whole numpy array" in refusal(path)
    np.save(apart, np.array([[Calls(os.getpid)] * 3] * 2, object), allow_pickle=True)
    assert "not a whole numpy array" in refusal(path)
    apart.unlink()
    assert "vectors.kv.vectors.npy" in refusal(path)


HEAD = b"\x80\x02cgensim.models.keyedvectors\nKeyedVectors\n)\x81}("
NESTED_KEY = HEAD + b")" + b"\x85" * 60_000 + b"Nu" + b"b."
DOUBLED_KEY = HEAD + b")" + b"2\x86" * 200 + b"Nu" + b"b."
FAR_MEMO = HEAD + b"Nr\xff\xff\xff\x7fNub."
UNTRUE_LENGTH = HEAD + b"\x8e" + (2**60).to_bytes(8, "little") + b"xNub."
PILE = b"\x80\x02" + b"]" * 3_000 + b"."
SWELLING = b"\x80\x02" + b"}\x940" * 3_000 + b"N."


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (NESTED_KEY, "a key that is a tuple"),
        (DOUBLED_KEY, "a key that is a tuple"),
        (FAR_MEMO, "has a key that is a NoneType"),
        (UNTRUE_LENGTH, "it is cut off"),
        (PILE, "more values than any vectors need"),
        (SWELLING, "more memory than any vectors need"),
        (b"\x80\x02h\x00.", "recalls what it never remembered"),
        (b"\x80\x02(e.", "adds to what is no list"),
        (b"\x80\x02P1\n.", "the instruction b'P'"),
        (b"\x80\x02.", "takes a value where there is none"),
        (b"\x80", "it is cut off"),
    ],
)
def test_pickles_made_to_crash_hang_or_swell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, answer: str
) -> None:
    monkeypatch.setattr(pickle_data, "DEEPEST", 2_000)
    monkeypatch.setattr(pickle_data, "_FREE", 1 << 16 if content == SWELLING else 1 << 24)
    path = tmp_path / "vectors.kv"
    path.write_bytes(content)
    with limits():
        assert answer in refusal(path)


def test_deep_values_in_fields_that_are_not_read_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "vectors.kv"
    sound = pickle.dumps(keyed_vectors(), 2)
    assert sound.endswith(b"ub.")
    deep = b"X\x04\x00\x00\x00deep)" + b"\x85" * 20_000 + b"X\x04\x00\x00\x00wide)" + b"2\x86" * 200
    path.write_bytes(sound[:-3] + deep + sound[-3:])
    assert len(read_vectors(path, VOCABULARY, dimensions=3)) == 2


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
def test_orders_of_bytes_and_of_memory(tmp_path: Path, kind: str, order: Literal["C", "F"], protocol: int) -> None:
    path = tmp_path / "vectors.kv"
    vectors = keyed_vectors()
    vectors.vectors = vectors.vectors.astype(kind, order=order)
    path.write_bytes(pickle.dumps(vectors, protocol))
    rows = read_vectors(path, VOCABULARY, dimensions=3)
    assert rows[VOCABULARY.encode(["b"])[0]].tolist() == [3.0, 4.0, 5.0]
    np.save(tmp_path / "vectors.kv.vectors.npy", vectors.vectors)
    vectors.vectors, vectors.__dict__["__numpys"] = None, ["vectors"]
    path.write_bytes(pickle.dumps(vectors, protocol))
    rows = read_vectors(path, VOCABULARY, dimensions=3)
    assert rows[VOCABULARY.encode(["b"])[0]].tolist() == [3.0, 4.0, 5.0]


@pytest.mark.parametrize("value", [1e300, 1e31, -np.inf])
def test_numbers_beyond_float32_are_refused(tmp_path: Path, value: float) -> None:
    path = tmp_path / "vectors.kv"
    vectors = keyed_vectors()
    vectors.vectors = np.array([[1, 2, 3], [4, value, 6]], np.float64)
    path.write_bytes(pickle.dumps(vectors, 4))
    assert "the vector of 'b' has a number" in refusal(path)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 99), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999, 999999999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (2, 3), }",
        "[" * 5000,
    ],
)
def test_npy_headers_that_lie(tmp_path: Path, header: str) -> None:
    path = tmp_path / "vectors.kv"
    keyed_vectors().save(str(path), separately=["vectors"], sep_limit=0)
    beside = tmp_path / "vectors.kv.vectors.npy"
    numbers = beside.read_bytes()[-24:]
    beside.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + numbers)
    assert "vectors.kv.vectors.npy: not a whole numpy array" in refusal(path)


def test_arrays_apart_of_older_versions_and_of_packed_files(tmp_path: Path) -> None:
    path = tmp_path / "vectors.kv"
    keyed_vectors().save(str(path), separately=["vectors"], sep_limit=0)
    (tmp_path / "vectors.kv.vectors.npy").rename(tmp_path / "vectors.kv.syn0.npy")
    old = path.read_bytes().replace(b"\x94\x8c\x07vectors\x94a", b"\x94\x8c\x04syn0\x94a")
    path.write_bytes(old.replace(b"\x8c\x08__numpys\x94]\x94\x8c\x07vectors", b"\x8c\x08__numpys\x94]\x94\x8c\x04syn0"))
    assert len(read_vectors(path, VOCABULARY, dimensions=3)) == 2
    (tmp_path / "vectors.kv.syn0.npy").unlink()
    assert "vectors.kv.syn0.npy: there is no such file" in refusal(path)
    packed = tmp_path / "vectors.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert "vectors.gz.syn0.npz, which is packed too" in refusal(packed)


SOUND = pickle.dumps(keyed_vectors(), 4)


@given(st.dictionaries(st.integers(1, len(SOUND) - 1), st.integers(0, 255), max_size=3), st.integers(1, len(SOUND)))
@settings(deadline=None, max_examples=150)
def test_any_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, int], length: int
) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.kv"
    path.write_bytes(bytes(changes.get(place, byte) for place, byte in enumerate(SOUND))[:length])
    with contextlib.suppress(UserError):  # anything else that is raised fails the test
        read_vectors(path, VOCABULARY, dimensions=3)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_protocols_of_older_versions(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "vectors.kv"
    path.write_bytes(pickle.dumps(keyed_vectors(), protocol))
    rows = read_vectors(path, VOCABULARY, dimensions=3)
    assert rows[VOCABULARY.encode(["b"])[0]].tolist() == [3.0, 4.0, 5.0]


def test_field_names_of_older_versions(tmp_path: Path) -> None:
    path = tmp_path / "vectors.kv"
    vectors = keyed_vectors()
    vectors.__dict__["index2word"] = vectors.__dict__.pop("index_to_key")
    vectors.__dict__["syn0"] = vectors.__dict__.pop("vectors")
    path.write_bytes(pickle.dumps(vectors, 2))
    assert len(read_vectors(path, VOCABULARY, dimensions=3)) == 2
