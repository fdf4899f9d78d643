"""The back-off table: what a smoothed n-gram model stores, and how a probability is found in it.

For each n-gram that was seen, log P(last token | the tokens before it); for each one that is also a context, the
log back-off weight that multiplies the shorter context's probability for tokens never seen after it. This is what an
ARPA file holds, too. Levels and packed keys are those of ``ngram_counts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

NOTHING = -1
"""In a sequence of ids: no token stands here. In place of an n-gram's number: not in the table."""


@dataclass(frozen=True)
class Level:
    """All n-grams of one length.

    Attributes:
        keys_g: packed keys, strictly increasing.
        log_prob_g: natural log-probability of the last token after the tokens before it.
        log_backoff_g: natural log of the back-off weight of the n-gram as a context, 0 where it is none. Not used in
            the table's last level, where it may be left empty.
    """

    keys_g: Int[ndarray, "G"]
    log_prob_g: Float[ndarray, "G"]
    log_backoff_g: Float[ndarray, "C"]


class BackoffTable:
    """Levels 1 to n of a smoothed n-gram model.

    Args:
        levels: n-grams by length; the first holds the whole vocabulary, in order of id.
    """

    def __init__(self, levels: Sequence[Level]) -> None:
        self.levels = tuple(levels)
        self.order = len(self.levels)
        self.vocabulary_size = len(self.levels[0].keys_g)
        self._is_context = [self._contexts_among(length) for length in range(1, self.order)]

    def is_context(self, length: int) -> Bool[ndarray, "G"]:
        """Which n-grams of this length, below the order, are contexts: something was seen after them.

        An n-gram with a back-off weight is one as well, for that weight holds (a pruned ARPA file can have such).
        """
        return self._is_context[length - 1]

    def parents_and_words(self, length: int) -> tuple[Int[ndarray, "G"], Int[ndarray, "G"]]:
        """(number of the context, last token) of each n-gram of this length."""
        parents_g, words_g = np.divmod(self.levels[length - 1].keys_g, self.vocabulary_size)
        return parents_g, words_g

    def find(
        self, length: int, context: Int[ndarray, "*shape"], word: Int[ndarray, "*shape"]
    ) -> Int[ndarray, "*shape"]:
        """Numbers of the n-grams "context, then word" of this length; ``NOTHING`` where there is none."""
        return find_ngrams(self.levels[length - 1].keys_g, self.vocabulary_size, context, word)

    def contexts(self, sequence_tb: Int[ndarray, "T B"]) -> list[Int[ndarray, "T B"]]:
        """The contexts that end at each position of B sequences, ``NOTHING`` standing for "no token".

        Returns:
            For each length 0 to n-1, the number of the context of that length which ends at (and includes) the
            position; ``NOTHING`` where nothing was seen after those tokens in training.
        """
        contexts = [np.zeros_like(sequence_tb)]
        for length in range(1, self.order):
            before_tb = np.full_like(sequence_tb, NOTHING)
            before_tb[1:] = contexts[-1][:-1]
            if length == 1:
                before_tb[:] = 0
            found_tb = self.find(length, before_tb, sequence_tb)
            is_context_tb = found_tb != NOTHING
            is_context_tb[is_context_tb] = self.is_context(length)[found_tb[is_context_tb]]
            contexts.append(np.where(is_context_tb, found_tb, NOTHING))
        return contexts

    def log_prob(
        self, contexts: list[Int[ndarray, "*shape"]], word: Int[ndarray, "*shape"]
    ) -> Float[ndarray, "*shape"]:
        """Natural log P(word | context), from the contexts of length 0 to n-1 that ``contexts`` gives.

        From the shortest context up: where "context, word" was seen, its own log-probability holds; elsewhere the
        shorter context's, plus the log back-off weight.
        """
        log_prob = self.levels[0].log_prob_g[word]
        for length in range(1, self.order):
            context = contexts[length]
            known = context != NOTHING
            log_prob[known] += self.levels[length - 1].log_backoff_g[context[known]]
            found = self.find(length + 1, context, word)
            seen = found != NOTHING
            log_prob[seen] = self.levels[length].log_prob_g[found[seen]]
        return log_prob

    def distribution(self, contexts: list[Int[ndarray, "B"]]) -> Float[ndarray, "B V"]:
        """Natural log-probabilities of the whole vocabulary after B contexts, each given as for ``log_prob``."""
        log_prob_bv = np.tile(self.levels[0].log_prob_g, (len(contexts[0]), 1))
        for length in range(1, self.order):
            rows_k = np.flatnonzero(contexts[length] != NOTHING)
            context_k = contexts[length][rows_k]
            log_prob_bv[rows_k] += self.levels[length - 1].log_backoff_g[context_k, None]
            level = self.levels[length]
            starts_k = np.searchsorted(level.keys_g, context_k * self.vocabulary_size)
            sizes_k = np.searchsorted(level.keys_g, (context_k + 1) * self.vocabulary_size) - starts_k
            children_m = _ranges(starts_k, sizes_k)
            words_m = level.keys_g[children_m] % self.vocabulary_size
            log_prob_bv[np.repeat(rows_k, sizes_k), words_m] = level.log_prob_g[children_m]
        return log_prob_bv

    def _contexts_among(self, length: int) -> Bool[ndarray, "G"]:
        is_context_g = self.levels[length - 1].log_backoff_g != 0
        is_context_g[self.levels[length].keys_g // self.vocabulary_size] = True
        return is_context_g


def find_ngrams(
    keys_g: Int[ndarray, "G"], vocabulary_size: int, context: Int[ndarray, "*shape"], word: Int[ndarray, "*shape"]
) -> Int[ndarray, "*shape"]:
    """Numbers of the n-grams "context, then word" in a level's sorted keys; ``NOTHING`` where there is none."""
    found = np.full(context.shape, NOTHING)
    asked = (context != NOTHING) & (word != NOTHING)
    wanted_m = context[asked] * vocabulary_size + word[asked]
    place_m = np.searchsorted(keys_g, wanted_m)
    hit_m = place_m < len(keys_g)
    hit_m[hit_m] = keys_g[place_m[hit_m]] == wanted_m[hit_m]
    found[asked] = np.where(hit_m, place_m, NOTHING)
    return found


def _ranges(starts_k: Int[ndarray, "K"], sizes_k: Int[ndarray, "K"]) -> Int[ndarray, "M"]:
    """The integers of the ranges [start, start + size), one range after the other."""
    ends_k = np.cumsum(sizes_k)
    return np.arange(sizes_k.sum()) + np.repeat(starts_k - (ends_k - sizes_k), sizes_k)
