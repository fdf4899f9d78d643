"""The expected results, each as a test of significance on the same sentences under one policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from rnn_lm.evaluation.intervals import Effect, number_text
from rnn_lm.evaluation.perplexity import Policy, TokenScores
from rnn_lm.evaluation.significance import RUNS, gain, gain_concentration, perplexity_ratio
from rnn_lm.report.results import Claim

BLOCKS = RUNS
"""What counts as one observation: a block of sentences. Neighboring sentences share their topic, and intervals that
took them for independent would be too narrow."""
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
    reference: str = "lstm",
) -> list[Claim]:
    """Test every expectation whose models are there, on one policy's test scores; models of which nothing is expected
    are tested against ``reference``, or where that is not there against the first.

    Args:
        scores: by model name, one ``TokenScores`` per seed.
        labels: how the models are called in statements.
        match_n: tokens of context seen in training, from the n-gram of the same policy.
        policy: that the scores were made under.
        reference: name of the model whose size the others are matched to.
    """
    claims = [
        _claim(f"{labels[better]} < {labels[worse]} in perplexity", policy, gain(scores[better], scores[worse], BLOCKS))
        for better, worse in LOWER_PERPLEXITY
        if better in scores and worse in scores
    ]
    claims += _further_claims(scores, labels, policy, reference)
    claims += _concentration_claims(scores, labels, match_n, policy)
    better, worse = ABLATION
    if better in scores and worse in scores:
        statement = f"{labels[better]} with word2vec input < with random input in perplexity"
        claims.append(_claim(statement, policy, gain(scores[better], scores[worse], BLOCKS)))
    return claims


def _further_claims(
    scores: Mapping[str, SeedScores], labels: Mapping[str, str], policy: Policy, reference: str
) -> list[Claim]:
    """What is asked of models that no expectation names: whether they do better than the reference."""
    named = {name for pair in (*LOWER_PERPLEXITY, ABLATION) if set(pair) <= scores.keys() for name in pair}
    baseline = reference if reference in scores else next(iter(scores))
    return [
        _claim(
            f"{labels[name]} < {labels[baseline]} in perplexity", policy, gain(scores[name], scores[baseline], BLOCKS)
        )
        for name in scores
        if name != baseline and name not in named
    ]


def _concentration_claims(
    scores: Mapping[str, SeedScores], labels: Mapping[str, str], match_n: Int[np.ndarray, "N"], policy: Policy
) -> list[Claim]:
    """Where all tokens have a context that was seen, or none has, the row says that there is nothing to compare."""
    note = f"contexts of which at most {LONGEST_SHORT} token was seen in training, against the others"
    claims = []
    for name in ("rnn", "lstm"):
        if name in scores and "ngram" in scores:
            statement = f"{labels[name]}'s gain on the n-gram is larger where the context was not seen"
            effect = gain_concentration(scores[name], scores["ngram"], match_n, BLOCKS, LONGEST_SHORT)
            if effect is None:
                claims.append(_untested(statement, policy, note, _one_side(match_n)))
            else:
                claims.append(_claim(statement, policy, effect, note))
    return claims


def _one_side(match_n: Int[np.ndarray, "N"]) -> str:
    """Why gains cannot be compared between two kinds of token of which the text has one."""
    at_most = f"at most {LONGEST_SHORT} token of context that was seen in training"
    return f"not tested: {'no' if match_n.min() > LONGEST_SHORT else 'every'} token of the text has {at_most}"


def _untested(statement: str, policy: Policy, note: str, reason: str) -> Claim:
    """A row of the claims table without figures."""
    return {
        "statement": statement,
        "policy": policy,
        "effect": None,
        "low": None,
        "high": None,
        "p_value": None,
        "verdict": "not tested",
        "unit": "nats per token",
        "note": note,
        "reason": reason,
    }


def _claim(statement: str, policy: Policy, effect: Effect, note: str = "") -> Claim:
    """One row of the claims table; effects are nats per token saved, so that above zero speaks for the claim."""
    ratio = perplexity_ratio(effect)
    shown_ratio = f"perplexity ratio {number_text(ratio.value)}"
    if effect.note:
        notes = [note or shown_ratio]
    else:
        units = f"{effect.units} blocks of sentences" + ("" if effect.over == "units" else " and seeds")
        notes = [note or f"{shown_ratio} {ratio.text('.3f')}", f"over {units}"]
    claim: Claim = {
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
    if effect.note:
        claim["reason"] = effect.note
    return claim
