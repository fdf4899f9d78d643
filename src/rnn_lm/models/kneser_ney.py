"""Interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998, section 3), as KenLM's lmplz computes it.

With c the adjusted count of ``ngram_counts``, h a context, h' the context without its first token::

    P(w | h) = (c(h w) - D(c(h w))) / C(h)  +  gamma(h) P(w | h')          C(h)     = sum over w of c(h w)
                                                                           gamma(h) = sum over w of D(c(h w)) / C(h)

and P(w | h) = P(w | h') for a context that was never seen. Below the empty context lies the uniform distribution over
the vocabulary, so that every token has a probability above 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from rnn_lm.models.ngram_counts import CountedLevel
from rnn_lm.models.ngram_table import BackoffTable, Level


@dataclass(frozen=True)
class Discounts:
    """What is taken from an adjusted count of 1, of 2, and of 3 or more."""

    one: float
    two: float
    three: float


FALLBACK = Discounts(0.5, 1.0, 1.5)
"""Used where the formula gives no usable discounts; the values of lmplz --discount_fallback."""


def estimate_discounts(counts_g: Int[ndarray, "G"]) -> Discounts:
    """The discounts of one level from its counts of counts (Chen and Goodman 1998, equation 26).

    With n_c the number of n-grams whose adjusted count is c: Y = n_1 / (n_1 + 2 n_2), D(c) = c - (c+1) Y n_(c+1) / n_c.

    Returns:
        ``FALLBACK`` where the formula divides by n_c = 0 or gives a discount that is not above 0, as can happen in
        small or artificial texts. (lmplz lets a discount of exactly 0 pass; after a context all of whose tokens went
        undiscounted, every other token would have probability 0.)
    """
    n_c = np.bincount(np.minimum(counts_g, 5), minlength=6).tolist()
    if 0 in n_c[1:4]:
        return FALLBACK
    y = n_c[1] / (n_c[1] + 2 * n_c[2])
    one, two, three = (c - (c + 1) * y * n_c[c + 1] / n_c[c] for c in (1, 2, 3))
    return Discounts(one, two, three) if min(one, two, three) > 0 else FALLBACK


def fallback_note(discounts: Sequence[Discounts], ngram_counts: Sequence[int]) -> str | None:
    """What to say of the lengths of n-gram whose discounts are ``FALLBACK``; None where there are none.

    Args:
        discounts: of each length.
        ngram_counts: n-grams of each length; of what no sentence is long enough for, nothing is said.
    """
    pairs = enumerate(zip(discounts, ngram_counts, strict=True), start=1)
    lengths = [str(length) for length, (discount, count) in pairs if discount == FALLBACK and count]
    if not lengths:
        return None
    used = ", ".join(f"{amount:g}" for amount in astuple(FALLBACK))
    return (
        f"the text is too small or too regular to estimate the discounts of {'-, '.join(lengths)}-grams from: {used} "
        "are used, as by KenLM's lmplz --discount_fallback"
    )


def smooth(counted: Sequence[CountedLevel], discounts: Sequence[Discounts]) -> BackoffTable:
    """The smoothed model of counted n-grams.

    Args:
        counted: levels 1 to n; level 1 holds the whole vocabulary.
        discounts: one per level.
    """
    vocabulary_size = len(counted[0].keys_g)
    prob_g = np.array([1 / vocabulary_size])
    log_backoffs, log_probs = [], []
    for level, discount in zip(counted, discounts, strict=True):
        contexts_g = level.keys_g // vocabulary_size
        discount_g = np.array([0.0, discount.one, discount.two, discount.three])[np.minimum(level.counts_g, 3)]
        total_c = np.bincount(contexts_g, level.counts_g, minlength=len(prob_g))
        held_back_c = np.bincount(contexts_g, discount_g, minlength=len(prob_g))
        backoff_c = np.divide(held_back_c, total_c, out=np.ones(len(prob_g)), where=total_c > 0)
        own_g = (level.counts_g - discount_g) / total_c[contexts_g]
        prob_g = own_g + backoff_c[contexts_g] * prob_g[level.suffixes_g]
        log_backoffs.append(np.log(backoff_c))
        log_probs.append(np.minimum(np.log(prob_g), 0.0))
    log_backoffs = [*log_backoffs[1:], np.empty(0)]
    return BackoffTable([Level(c.keys_g, p, b) for c, p, b in zip(counted, log_probs, log_backoffs, strict=True)])
