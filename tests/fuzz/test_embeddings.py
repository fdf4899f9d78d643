"""Files of word vectors in every format, changed at random."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from fuzz.harness import fuzz, mutated_bytes
from rnn_lm.embeddings import read_vectors
from rnn_lm.vocabulary import Vocabulary

pytestmark = pytest.mark.slow
WORDS = ["the", "cat", "sat", "route 66"]
VOCABULARY = Vocabulary.build([["the", "cat", "sat"]])
VECTORS = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
GLOVE = "".join(f"{word} {' '.join(map(repr, row))}\n" for word, row in zip(WORDS, VECTORS.tolist(), strict=True))
BINARY = b"".join(word.encode() + b" " + row.tobytes() for word, row in zip(WORDS[:3], VECTORS, strict=False))


def pickles() -> list[bytes]:
    made = KeyedVectors(3)
    made.add_vectors(WORDS[:3], VECTORS[:3])
    return [pickle.dumps(made, protocol) for protocol in (2, 4, 5)]


def array_file(kind: str) -> bytes:
    file = io.BytesIO()
    np.save(file, VECTORS.astype(kind))
    return file.getvalue()


ORIGINALS = {
    "text": [f"4 3\n{GLOVE}".encode(), b"\xef\xbb\xbf4 3\n" + GLOVE.replace(" ", "\t").encode()],
    "glove": [GLOVE.encode()],
    "binary": [b"3 3\n" + BINARY],
    "pickle": pickles(),
}


@pytest.mark.parametrize("kind", ORIGINALS)
def test_a_changed_file_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    tried = fuzz(
        lambda path: read_vectors(path, VOCABULARY, 3), mutated_bytes(*ORIGINALS[kind]), tmp_path / "vectors.txt"
    )
    assert tried > 0


def test_a_changed_array_is_read_or_refused(tmp_path: Path) -> None:
    made = KeyedVectors(3)
    made.add_vectors(WORDS, VECTORS)
    path = tmp_path / "vectors.kv"
    made.save(str(path), separately=["vectors"], sep_limit=0)
    beside = tmp_path / "vectors.kv.vectors.npy"
    assert (
        fuzz(lambda _: read_vectors(path, VOCABULARY, 3), mutated_bytes(*map(array_file, ["<f4", ">f8"])), beside) > 0
    )
