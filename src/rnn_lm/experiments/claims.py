"""The expected results, each as a test of significance on the same sentences under one policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from rnn_lm.evaluation.intervals import Effect, number_text
from rnn_lm.evaluation.perplexity import Policy, TokenScores
from rnn_lm.evaluation.significance import RUNS, gain, gain_concentration, perplexity_ratio

BLOCKS = RUNS
"""What counts as one observation: a run of sentences. Neighboring sentences share their topic, and intervals that took
them for independent would be too narrow."""
SeedScores = Sequence[TokenScores]

LOWER_PERPLEXITY = (("lstm", "rnn"), ("rnn", "ngram"), ("gru", "ngram"), ("lstm", "ngram"))
"""Pairs of which the first is expected to have the lower perplexity."""
ABLATION = ("lstm", "lstm-random")
"""The same model with word2vec input and with random input."""
LONGEST_SHORT = 1
"""A context of which at most this many tokens were seen in training counts as hardly seen."""


def compare_claims(
    scores: Mapping[str, SeedScores], labels: Mapping[str, str], match_n: Int[np.ndarray, "N"], policy: Policy
) -> list[dict[str, Any]]:
    """Test every expectation whose models are there, on one policy's test scores.

    Args:
        scores: by model name, one ``TokenScores`` per seed.
        labels: how the models are called in statements.
        match_n: tokens of context seen in training, from the n-gram of the same policy.
        policy: that the scores were made under.
    """
    claims = [
        _claim(f"{labels[better]} < {labels[worse]} in perplexity", policy, gain(scores[better], scores[worse], BLOCKS))
        for better, worse in LOWER_PERPLEXITY
        if better in scores and worse in scores
    ]
    claims += _concentration_claims(scores, labels, match_n, policy)
    better, worse = ABLATION
    if better in scores and worse in scores:
        statement = f"{labels[better]} with word2vec input < with random input in perplexity"
        claims.append(_claim(statement, policy, gain(scores[better], scores[worse], BLOCKS)))
    return claims


def _concentration_claims(
    scores: Mapping[str, SeedScores], labels: Mapping[str, str], match_n: Int[np.ndarray, "N"], policy: Policy
) -> list[dict[str, Any]]:
    """None where all tokens have a context that was seen, or none has: there is nothing to compare then."""
    found = {
        name: gain_concentration(scores[name], scores["ngram"], match_n, BLOCKS, LONGEST_SHORT)
        for name in ("rnn", "lstm")
        if name in scores and "ngram" in scores
    }
    note = f"contexts of which at most {LONGEST_SHORT} token was seen in training, against the others"
    return [
        _claim(f"{labels[name]}'s gain on the n-gram is larger where the context was not seen", policy, effect, note)
        for name, effect in found.items()
        if effect is not None
    ]


def _claim(statement: str, policy: Policy, effect: Effect, note: str = "") -> dict[str, Any]:
    """One row of the claims table; effects are nats per token saved, so that above zero speaks for the claim."""
    ratio = perplexity_ratio(effect)
    shown_ratio = f"perplexity ratio {number_text(ratio.value)}"
    if effect.note:
        notes = [note or shown_ratio]
    else:
        units = f"{effect.units} runs of sentences" + ("" if effect.resampled == "units" else " and seeds")
        notes = [note or f"{shown_ratio} {ratio.text('.3f')}", f"over {units}"]
    return {
        "statement": statement,
        "policy": policy,
        "effect": effect.effect,
        "low": effect.low,
        "high": effect.high,
        "p_value": effect.p_value,
        "verdict": effect.verdict,
        "unit": "nats per token",
        "note": "; ".join(notes),
        **({"reason": effect.note} if effect.note else {}),
    }
