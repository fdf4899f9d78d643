"""N-grams of a text and the counts that Kneser-Ney smoothing works on, without a Python loop over tokens.

N-grams of length k form the level k of a tree that is read forwards: the n-gram ``w1 .. wk`` is a child of its
context ``w1 .. w(k-1)``, and its place in the sorted level is its number. A level is therefore one sorted array of
packed keys, ``number of the context * V + last token``, in which the children of a context lie side by side. The root
(level 0) is the empty context, number 0, and level 1 holds the whole vocabulary, so that a token's id is its number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray


@dataclass(frozen=True)
class CountedLevel:
    """All n-grams of one length.

    Attributes:
        keys_g: packed keys (see above), strictly increasing.
        counts_g: adjusted counts, see ``count_ngrams``.
        suffixes_g: for each n-gram, the number of the n-gram one level below that lacks its first token.
    """

    keys_g: Int[ndarray, "G"]
    counts_g: Int[ndarray, "G"]
    suffixes_g: Int[ndarray, "G"]


def count_ngrams(
    ids_n: Int[ndarray, "N"], reach_n: Int[ndarray, "N"], first: int, vocabulary_size: int, order: int
) -> list[CountedLevel]:
    """Count every n-gram of length 1 to ``order`` that ends at some token of a text.

    The longest n-grams have their plain counts. A shorter one has the adjusted count of Kneser-Ney smoothing: the
    number of different tokens seen before it, plus its occurrences that have nothing before them. The latter are the
    n-grams that start with the begin symbol, which thereby keep their plain counts (Heafield et al. 2013, section 3).

    Args:
        ids_n: the tokens to be predicted, each in [0, ``vocabulary_size``).
        reach_n: how many tokens stand before each of them as its context, the begin symbol included; at least 1.
        first: the token that stands before ``ids_n[0]``.
        vocabulary_size: V.
        order: length of the longest n-gram.

    Returns:
        Levels 1 to ``order``. A level that is longer than every context is empty.
    """
    keys, suffixes, counts = [np.arange(vocabulary_size)], [np.zeros(vocabulary_size, np.int64)], []
    node_n = ids_n
    for length in range(2, order + 1):
        extends_n = reach_n >= length - 1
        context_n = np.concatenate([[first], node_n[:-1]])
        unique_g, example_g, inverse_m = _unique(context_n[extends_n] * vocabulary_size + ids_n[extends_n])
        suffix_g = node_n[extends_n][example_g]
        nothing_before_n: Bool[ndarray, "N"] = reach_n == length - 2
        size = len(keys[-1])
        counts.append(np.bincount(suffix_g, minlength=size) + np.bincount(node_n[nothing_before_n], minlength=size))
        keys.append(unique_g)
        suffixes.append(suffix_g)
        node_n = np.full(len(ids_n), -1)
        node_n[extends_n] = inverse_m
    counts.append(np.bincount(node_n[reach_n >= order - 1], minlength=len(keys[-1])))
    return [CountedLevel(*level) for level in zip(keys, counts, suffixes, strict=True)]


def sentence_reach(ids_n: Int[ndarray, "N"], eos_id: int) -> Int[ndarray, "N"]:
    """Length of each token's context where sentences stand apart: 1, the begin symbol, for a sentence's first token."""
    position_n = np.arange(len(ids_n))
    starts_n = np.concatenate([[True], ids_n[:-1] == eos_id])
    return position_n - np.maximum.accumulate(np.where(starts_n, position_n, 0)) + 1


def stream_reach(ids_n: Int[ndarray, "N"]) -> Int[ndarray, "N"]:
    """Length of each token's context where the text is one stream behind a first ``<eos>``."""
    return np.arange(1, len(ids_n) + 1)


def _unique(keys_m: Int[ndarray, "M"]) -> tuple[Int[ndarray, "G"], Int[ndarray, "G"], Int[ndarray, "M"]]:
    """(sorted distinct keys, a position where each occurs, for each position the number of its key)."""
    order_m = np.argsort(keys_m)
    sorted_m = keys_m[order_m]
    new_m = np.ones(len(keys_m), bool)
    new_m[1:] = sorted_m[1:] != sorted_m[:-1]
    inverse_m = np.empty(len(keys_m), np.int64)
    inverse_m[order_m] = np.cumsum(new_m) - 1
    return sorted_m[new_m], order_m[new_m], inverse_m
