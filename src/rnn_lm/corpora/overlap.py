"""Passages that stand in two places of a corpus: what must not be divided between train and test."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int, UInt64


def sentences_sharing_runs(sentences: Sequence[str], others: Sequence[str], length: int) -> Bool[np.ndarray, "S"]:
    """Which of ``sentences`` have ``length`` words in a row in common with one of ``others``.

    Case and punctuation do not count. Runs are compared by 64-bit hashes: in a corpus of a million words the chance
    that two different ones are taken for equal is below one in a million.
    """
    hash_r, owner_r = _runs([*sentences, *others], length)
    first_r = owner_r < len(sentences)
    shared_s = np.zeros(len(sentences), dtype=bool)
    shared_s[owner_r[first_r][np.isin(hash_r[first_r], hash_r[~first_r])]] = True
    return shared_s


def share_of_runs(sentences: Sequence[str], others: Sequence[str], length: int) -> float:
    """The share of the ``length``-word runs in ``sentences`` that stand in ``others`` too; 0 where there is none."""
    hash_r, owner_r = _runs([*sentences, *others], length)
    first_r = owner_r < len(sentences)
    return float(np.isin(hash_r[first_r], hash_r[~first_r]).mean()) if first_r.any() else 0.0


def _runs(sentences: Sequence[str], length: int) -> tuple[UInt64[np.ndarray, "R"], Int[np.ndarray, "R"]]:
    """(hash of each run of ``length`` words within a sentence, the index of that sentence)."""
    words = re.findall(r"[^\W_]+|\n", "\n".join(sentences).lower())
    ids = {word: index for index, word in enumerate(dict.fromkeys(words))}
    ids_n = np.array([ids[word] for word in words], dtype=np.int64)
    # 64 random bits stand for each word, so that sums of them, weighted by place, spread over all of 64 bits.
    codes_n = np.random.default_rng(0).integers(0, 2**64, len(ids), dtype=np.uint64)[ids_n]
    owner_n = np.concatenate([[0], np.cumsum(ids_n == ids.get("\n", -1))])
    starts = max(0, len(ids_n) - length + 1)
    hash_r = np.zeros(starts, dtype=np.uint64)
    for place in range(length):
        hash_r = hash_r * np.uint64(0x9E3779B97F4A7C15) + codes_n[place : place + starts]
    owner_r = owner_n[:starts]
    within_one = owner_r == owner_n[length : length + starts]
    return hash_r[within_one], owner_r[within_one]
