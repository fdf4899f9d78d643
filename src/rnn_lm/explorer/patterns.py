"""Units that are on over a phrase, and other places of a corpus where they are, as LSTMVis shows them (Strobelt et al.
2018, section 5).

    phrase                  the  king  of  Israel          on at a token: the value is at least the threshold
    unit 17     -.1   |     .6    .7   .8    .7   |  .0    on over the phrase, off before and after it: in the pattern
    unit 40      .9   |     .9    .9   .9    .9   |  .9    on over it, and not off around it: in it without edges alone

A unit that is as far below zero is on as well, with the other sign: each unit stands for two columns, above and below.
Places are ordered by how many of the pattern's columns are on over as many tokens, then by how few others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray


@dataclass(frozen=True)
class Match:
    """A place with some of a pattern.

    Attributes:
        position: of its first token.
        shared: columns of the pattern that are on over it.
        others: columns that are on over it and not in the pattern.
    """

    position: int
    shared: int
    others: int


def on_over(values_nu: Float[ndarray, "N U"], threshold: float) -> Bool[ndarray, "N C"]:
    """Return where each unit is on: U columns for at least ``threshold``, then U for at most minus that."""
    return np.concatenate([values_nu >= threshold, values_nu <= -threshold], axis=1)


def on_throughout(on_nc: Bool[ndarray, "N C"], length: int, stretch: int, edges: bool) -> Bool[ndarray, "P C"]:
    """Return which columns are on at all ``length`` tokens from each position on.

    Args:
        on_nc: where they are on at all.
        length: of a phrase.
        stretch: tokens that were read in one go: before the first and after the last of them nothing is on.
        edges: whether a column must be off at the tokens before and after the phrase.

    Returns:
        A row for each position from which a phrase fits into the tokens; a phrase that would leave a stretch has none.
    """
    places = len(on_nc) - length + 1
    found_pc = np.ones((max(places, 0), on_nc.shape[1]), bool)
    for step in range(length):
        found_pc &= on_nc[step : step + places]
    starts_p = np.arange(len(found_pc))
    found_pc[starts_p % stretch + length > stretch] = False
    if edges:
        before_p, after_p = starts_p - 1, starts_p + length
        has_before_p, has_after_p = starts_p % stretch > 0, after_p % stretch > 0
        found_pc[has_before_p] &= ~on_nc[before_p[has_before_p]]
        found_pc[has_after_p] &= ~on_nc[after_p[has_after_p]]
    return found_pc


def pattern_over(
    values_nu: Float[ndarray, "N U"], first: int, last: int, threshold: float, edges: bool
) -> Int[ndarray, "S"]:
    """Return the columns that are on over the phrase from token ``first`` to ``last``, in order; see ``on_over``."""
    on_nc = on_over(values_nu, threshold)
    return np.flatnonzero(on_throughout(on_nc, last - first + 1, len(on_nc), edges)[first])


def find_matches(
    values_nu: Float[ndarray, "N U"],
    stretch: int,
    pattern: Sequence[int],
    length: int,
    threshold: float,
    edges: bool,
    most: int = 20,
) -> list[Match]:
    """Return the places where most of ``pattern`` is on over ``length`` tokens; no two of them overlap.

    Args:
        values_nu: the units over a corpus.
        stretch: see ``on_throughout``.
        pattern: columns, see ``on_over``.
        length: of the phrase.
        threshold: from which a unit is on.
        edges: see ``on_throughout``.
        most: how many places.
    """
    found_pc = on_throughout(on_over(values_nu, threshold), length, stretch, edges)
    shared_p = found_pc[:, list(pattern)].sum(axis=1)
    others_p = found_pc.sum(axis=1) - shared_p
    matches: list[Match] = []
    taken_n = np.zeros(len(values_nu), bool)
    for place in np.lexsort((others_p, -shared_p)).tolist():
        if len(matches) == most or shared_p[place] == 0:
            break
        if not taken_n[place : place + length].any():
            taken_n[place : place + length] = True
            matches.append(Match(place, int(shared_p[place]), int(others_p[place])))
    return matches
