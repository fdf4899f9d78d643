"""Perplexity by how much of the context was seen in training: where a neural model generalizes, it shows here.

An n-gram that has never seen the last words together falls back on fewer of them; a neural model has no such cliff. So
tokens are sorted into buckets by the longest part of their context that stands in the training text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from rnn_lm.evaluation.intervals import Interval
from rnn_lm.evaluation.perplexity import TokenScores
from rnn_lm.evaluation.significance import RUNS, Plan, measurements, perplexity_intervals

LONGEST = 4
"""Matches of this length and more share the last bucket."""


@dataclass(frozen=True)
class Bucket:
    """The tokens whose context match has one length.

    Attributes:
        match: "0", "1", "2", "3" or "4+" tokens of context seen in training.
        token_count: tokens in the bucket.
        nll_sum: their NLL in nats, the mean over seeds. Sums over buckets are the text's own.
        perplexity: of these tokens, with its interval over blocks of sentences (and seeds, where there are several).
    """

    match: str
    token_count: int
    nll_sum: float
    perplexity: Interval


def by_context_match(
    seeds: Sequence[TokenScores],
    match_n: Int[np.ndarray, "N"],
    plan: Plan = RUNS,
) -> list[Bucket]:
    """One model's perplexity per bucket, in order of match length; buckets without a token are left out.

    Args:
        seeds: the model's scores, a seed each.
        match_n: the n-gram's ``context_match`` of each token of the same text.
        plan: what a unit is.

    Raises:
        ValueError: the scores are of different texts or policies, or ``match_n`` has another length.
    """
    present, group_n = np.unique(np.minimum(match_n, LONGEST), return_inverse=True)
    system = measurements(seeds, group_n, plan)
    intervals = perplexity_intervals(system, plan, len(seeds[0].sentence_ends_s))
    count_g = system.counts_sg.sum(axis=0)
    mean_g = system.mean_g
    return [
        Bucket(
            match=f"{length}+" if length == LONGEST else str(length),
            token_count=int(count_g[group]),
            nll_sum=float(mean_g[group] * count_g[group]),
            perplexity=intervals[group],
        )
        for group, length in enumerate(present)
    ]
