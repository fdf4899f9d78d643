"""Which rows of a file of word vectors a vocabulary keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from rnn_lm.errors import UserError
from rnn_lm.vocabulary import Vocabulary

EOS_IN_FILES = b"</s>"
"""How files made by word2vec write the end of a sentence."""


class WantedRows:
    """Collects vectors by id while a file is read from top to bottom.

    A row is a word's if it is spelled the same. Failing that, the first row that differs in capitals alone is: files
    that keep capitals know ``London`` and not ``london``, and others the reverse. Of several rows with one spelling
    the first counts, as in gensim.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._exact = {token.encode(): index for index, token in enumerate(vocabulary.tokens)}
        self._exact.setdefault(EOS_IN_FILES, vocabulary.eos_id)
        self._alike: dict[bytes, list[int]] = {}
        for token, index in self._exact.items():
            self._alike.setdefault(_lower(token), []).append(index)
        self._spelled_the_same: set[int] = set()
        self.rows: dict[int, Float32[np.ndarray, "E"]] = {}

    def __contains__(self, word: bytes) -> bool:
        return _lower(word) in self._alike

    def offer(self, word: bytes, vector: Float32[np.ndarray, "E"]) -> None:
        """Keep ``vector`` for each entry that has none from an equally good spelling yet."""
        exact = self._exact.get(word)
        if exact is not None and exact not in self._spelled_the_same:
            self._spelled_the_same.add(exact)
            self.rows[exact] = vector
        for index in self._alike.get(_lower(word), ()):
            self.rows.setdefault(index, vector)


def require_dimension(path: Path, found: int, wanted: int) -> None:
    """Refuse vectors of another length than the configuration asks for."""
    if found != wanted:
        raise UserError(f"{path}: has {found} dimensions, not {wanted}; give --embedding-size {found}")


def _lower(word: bytes) -> bytes:
    """``word`` in small letters; bytes that are not UTF-8, which some published files hold, stay as they are."""
    return word.decode(errors="surrogateescape").lower().encode(errors="surrogateescape")
