"""The expected results, each as a test of significance on the same sentences under one policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from rnn_lm.evaluation.bootstrap import Effect
from rnn_lm.evaluation.perplexity import Policy, TokenScores
from rnn_lm.evaluation.significance import Plan, gain, gain_concentration, perplexity_ratio
from rnn_lm.seeding import numpy_generator

BLOCKS = Plan(block=20)
"""What is resampled: runs of 20 sentences. Neighboring sentences share their topic, and intervals that took them for
independent would be too narrow."""
SeedScores = Sequence[TokenScores]

LOWER_PERPLEXITY = (("lstm", "rnn"), ("rnn", "ngram"), ("gru", "ngram"), ("lstm", "ngram"))
"""Pairs of which the first is expected to have the lower perplexity."""
ABLATION = ("lstm", "lstm-random")
"""The same model with word2vec input and with random input."""
LONGEST_SHORT = 1
"""A context of which at most this many tokens were seen in training counts as hardly seen."""


def compare_claims(
    scores: Mapping[str, SeedScores],
    labels: Mapping[str, str],
    match_n: Int[np.ndarray, "N"],
    policy: Policy,
    seed: int,
) -> list[dict[str, Any]]:
    """Test every expectation whose models are there, on one policy's test scores.

    Args:
        scores: by model name, one ``TokenScores`` per seed.
        labels: how the models are called in statements.
        match_n: tokens of context seen in training, from the n-gram of the same policy.
        policy: that the scores were made under.
        seed: of the resampling.
    """
    claims = [
        _claim(f"{labels[better]} < {labels[worse]} in perplexity", policy, _gain(scores, better, worse, seed))
        for better, worse in LOWER_PERPLEXITY
        if better in scores and worse in scores
    ]
    claims += [
        _claim(
            f"{labels[name]}'s gain on the n-gram is larger where the context was not seen",
            policy,
            gain_concentration(
                scores[name],
                scores["ngram"],
                match_n,
                numpy_generator(seed, f"{name} concentration"),
                BLOCKS,
                LONGEST_SHORT,
            ),
            note=f"contexts of which at most {LONGEST_SHORT} token was seen in training, against the others",
        )
        for name in ("rnn", "lstm")
        if name in scores and "ngram" in scores
    ]
    better, worse = ABLATION
    if better in scores and worse in scores:
        statement = f"{labels[better]} with word2vec input < with random input in perplexity"
        claims.append(_claim(statement, policy, _gain(scores, better, worse, seed)))
    return claims


def _gain(scores: Mapping[str, SeedScores], better: str, worse: str, seed: int) -> Effect:
    return gain(scores[better], scores[worse], numpy_generator(seed, f"{better} against {worse}"), BLOCKS)


def _claim(statement: str, policy: Policy, effect: Effect, note: str = "") -> dict[str, Any]:
    """One row of the claims table; effects are nats per token saved, so that above zero speaks for the claim."""
    ratio = perplexity_ratio(effect)
    shown_ratio = f"perplexity ratio {ratio.value:.3f} {ratio.text('.3f')}"
    resampled = f"runs of {BLOCKS.block} sentences" + ("" if effect.resampled == "units" else " and seeds")
    notes = [note or shown_ratio, f"resampled: {resampled}"]
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
    }
