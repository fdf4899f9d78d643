"""Which rows of a file of word vectors a vocabulary keeps, and what is to be said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from rnn_lm.errors import UserError
from rnn_lm.vocabulary import Vocabulary

EOS_IN_FILES = "</s>"
"""How files made by word2vec write the end of a sentence."""
LARGEST = 1e30
"""The largest number of a vector that is believed: its square is beyond what the network's numbers can hold."""
MOST_DIMENSIONS = 100_000
"""The longest vectors that ``EmbeddingConfig`` can ask for."""

_SENTENCES = {
    "not UTF-8": (
        "holds bytes that are not UTF-8",
        "hold bytes that are not UTF-8",
        ", so no token matches; if the file is in another encoding, convert it (iconv -f latin1 -t utf-8)",
    ),
    "repeated": ("gives a word again", "give a word again", ": the first vector of each counts"),
    "spaces": ("has a word that holds spaces", "have words that hold spaces", ""),
    "no word": ("has no word before the numbers", "have no word before the numbers", ""),
}
"""What is said of one row, of several, and of both."""


class WantedRows:
    """Collects vectors by id while a file is read from top to bottom.

    A row is a word's if it is spelled the same. Failing that, the first row that differs in capitals alone is: files
    that keep capitals know ``London`` and not ``london``, and others the reverse. Of several rows with one spelling
    the first counts, as in gensim.

    Attributes:
        rows: the vectors by id.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._exact = {token: index for index, token in enumerate(vocabulary.tokens)}
        self._exact.setdefault(EOS_IN_FILES, vocabulary.eos_id)
        self._alike: dict[str, list[int]] = {}
        for token, index in self._exact.items():
            self._alike.setdefault(token.lower(), []).append(index)
        self._spelled_the_same: set[int] = set()
        self._remarks: dict[str, tuple[int, int]] = {}
        self.rows: dict[int, Float32[np.ndarray, "E"]] = {}

    def token(self, word: bytes, number: int) -> str | None:
        """``word`` as text where an entry may take its vector, else None; ``number`` is its line's or row's."""
        try:
            text = word.decode()
        except UnicodeDecodeError:
            self.remark("not UTF-8", number)
            return None
        return text if text in self else None

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._alike

    def offer(self, word: str, vector: Float32[np.ndarray, "E"], number: int) -> None:
        """Keep ``vector`` for each entry that has none from an equally good spelling yet."""
        exact = self._exact.get(word)
        if exact is not None and exact in self._spelled_the_same:
            self.remark("repeated", number)
        elif exact is not None:
            self._spelled_the_same.add(exact)
            self.rows[exact] = vector
        for index in self._alike.get(word.lower(), ()):
            self.rows.setdefault(index, vector)

    def remark(self, kind: str, number: int) -> None:
        """Count a row of which a person should hear: ``kind`` is a key of ``_SENTENCES``."""
        count, first = self._remarks.get(kind, (0, number))
        self._remarks[kind] = (count + 1, first)

    def remarks(self, unit: str) -> list[str]:
        """A sentence per kind of remarkable row; ``unit`` is what the numbers count (line, vector)."""
        sentences: list[str] = []
        for kind, (count, first) in self._remarks.items():
            one, several, rest = _SENTENCES[kind]
            rows = f"1 row ({unit} {first:,}) {one}"
            sentences.append((rows if count == 1 else f"{count:,} rows (the first: {unit} {first:,}) {several}") + rest)
        return sentences


def require_dimension(path: Path, found: int, wanted: int) -> None:
    """Refuse vectors of another length than the configuration asks for."""
    if found > MOST_DIMENSIONS or found == 0:
        raise UserError(f"{path}: line 1 speaks of vectors of {found:,} numbers; the file is damaged")
    if found != wanted:
        raise UserError(f"{path}: has {found} dimensions, not {wanted}; give --embedding-size {found}")


def float32_vector(values: Any) -> Float32[np.ndarray, "E"]:
    """``values`` as float32; raises ``ValueError`` where one is not finite or beyond ``LARGEST``."""
    with np.errstate(over="ignore", invalid="ignore"):
        vector = np.array(values, dtype=np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("the vector has a number that is not finite")
    if np.abs(vector).max(initial=0.0) > LARGEST:
        raise ValueError(f"the vector has a number beyond {LARGEST:g}")
    return vector
