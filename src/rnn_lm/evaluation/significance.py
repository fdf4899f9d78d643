"""Which of two language models is better on a text, by how much, and whether that could be chance.

A model is a sequence of scores (``TokenScores`` or ``SentenceScores``), one per seed. Sentences are what is resampled:
tokens of one sentence share their context and are not independent. Effects are in nats per token; a difference d of
mean NLL is a ratio exp(d) of perplexities. The perplexity of several seeds is exp of their mean NLL (the geometric mean
of theirs).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

from rnn_lm.evaluation.bootstrap import (
    Effect,
    Interval,
    Measurements,
    effect_of,
    interval_of,
    resampled_means,
    what_was_resampled,
)
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores

Scores: TypeAlias = TokenScores | SentenceScores
"""Of one text by one model."""


@dataclass(frozen=True)
class Plan:
    """What is drawn, and how often.

    Attributes:
        resamples: how many.
        block: consecutive sentences that are drawn together. 1 asks how a figure would vary over other sentences of
            the same texts. Neighboring sentences that share a topic are hard or easy together; blocks about as long as
            a text (Carlstein 1986) ask how the figure would vary over other texts, and give wider intervals.
    """

    resamples: int = 10_000
    block: int = 1


FEWEST = 2
"""Units from which an interval can be made."""
BY_SENTENCE = Plan()
"""Single sentences, the custom of the field."""


def measurements(seeds: Sequence[Scores], group_n: Int[np.ndarray, "N"] | None = None, block: int = 1) -> Measurements:
    """NLL per seed, block of sentences and group of tokens, as the bootstrap wants it.

    Args:
        seeds: one model's scores of one text, a seed each.
        group_n: which group each token belongs to, counted from 0 without gaps at the end; default: one group.
        block: consecutive sentences that make up a unit; the last may have fewer.

    Raises:
        ValueError: the scores are of different texts or policies, or ``group_n`` has another length, or is given for
            scores of whole sentences.
    """
    _require_comparable(seeds)
    first = seeds[0]
    units = -(-len(first.sentence_ends_s) // block)
    if isinstance(first, SentenceScores):
        if group_n is not None:
            raise ValueError("scores of whole sentences cannot be divided into groups of tokens")
        return _measurements_of_sentences([one for one in seeds if isinstance(one, SentenceScores)], units, block)
    seeds = [one for one in seeds if isinstance(one, TokenScores)]
    group_n = np.zeros(len(first.nll_n), dtype=np.int64) if group_n is None else group_n
    if len(group_n) != len(first.nll_n):
        raise ValueError(f"{len(group_n)} groups for {len(first.nll_n)} tokens")
    groups = int(group_n.max()) + 1
    cell_n = first.sentence_of_n // block * groups + group_n
    shape = (units, groups)
    counts_sg = np.bincount(cell_n, minlength=units * groups).reshape(shape)
    sums = [np.bincount(cell_n, weights=scores.nll_n, minlength=counts_sg.size).reshape(shape) for scores in seeds]
    return Measurements(np.stack(sums), counts_sg)


def _measurements_of_sentences(seeds: Sequence[SentenceScores], units: int, block: int) -> Measurements:
    unit_s = np.arange(len(seeds[0].nll_s)) // block
    tokens_s = np.diff(seeds[0].sentence_ends_s, prepend=0)
    counts_s = np.bincount(unit_s, weights=tokens_s, minlength=units).astype(np.int64)
    sums = [np.bincount(unit_s, weights=scores.nll_s, minlength=units) for scores in seeds]
    return Measurements(np.stack(sums)[:, :, None], counts_s[:, None])


def perplexity_interval(seeds: Sequence[Scores], generator: np.random.Generator, plan: Plan = BY_SENTENCE) -> Interval:
    """One model's perplexity with its interval.

    Args:
        seeds: its scores, a seed each.
        generator: draws the resamples.
        plan: what is drawn, and how often.
    """
    system = measurements(seeds, block=plan.block)
    value = float(np.exp(system.mean_g[0]))
    if system.units < FEWEST:
        return Interval(value, None, None, system.units, too_few(system.units, plan))
    (means_rg,) = resampled_means([system], generator, plan.resamples)
    return interval_of(value, np.exp(means_rg[:, 0]), system.units)


def gain(
    system: Sequence[Scores],
    baseline: Sequence[Scores],
    generator: np.random.Generator,
    plan: Plan = BY_SENTENCE,
) -> Effect:
    """How many nats per token ``system`` saves over ``baseline``; above zero: its perplexity is lower.

    Args:
        system: scores of the model that is claimed to be better, a seed each.
        baseline: those of the other, on the same text under the same policy; as many seeds as there are.
        generator: draws the resamples.
        plan: what is drawn, and how often.

    Raises:
        ValueError: the scores are of different texts or policies.
    """
    _require_comparable([*system, *baseline])
    pair = [measurements(scores, block=plan.block) for scores in (system, baseline)]
    effect, units = float(pair[1].mean_g[0] - pair[0].mean_g[0]), pair[0].units
    if units < FEWEST:
        return _untested(effect, pair, plan)
    system_rg, baseline_rg = resampled_means(pair, generator, plan.resamples)
    return effect_of(effect, (baseline_rg - system_rg)[:, 0], what_was_resampled(pair), units)


def perplexity_ratio(effect: Effect) -> Interval:
    """The system's perplexity divided by the baseline's, from their ``gain``: below 1 where the system is better."""
    return _ratio(effect, 1.0)


def word_perplexity_ratio(effect: Effect, scores: Scores) -> Interval:
    """The ratio of perplexities per word, from a ``gain`` in nats per sentence (``TokenScores.by_sentence``).

    Args:
        effect: the gain.
        scores: of either model: the text's sentences and words, which are held fixed.
    """
    share = len(scores.sentence_ends_s) / scores.words
    return _ratio(effect, share)


def _ratio(effect: Effect, share: float) -> Interval:
    low, high = (None if nats is None else math.exp(-nats * share) for nats in (effect.high, effect.low))
    return Interval(math.exp(-effect.effect * share), low, high, effect.units, effect.note)


def gain_concentration(
    system: Sequence[TokenScores],
    baseline: Sequence[TokenScores],
    match_n: Int[np.ndarray, "N"],
    generator: np.random.Generator,
    plan: Plan = BY_SENTENCE,
    longest_short: int = 1,
) -> Effect:
    """Difference in differences: ``gain`` where the context was hardly seen in training minus ``gain`` where it was.

    Above zero: the system's gain is larger on the tokens whose context the training text does not hold.

    Args:
        system: scores of the model that is claimed to generalize.
        baseline: those of the n-gram.
        match_n: tokens of context, before each token, that were seen in training (the n-gram's ``context_match``).
        generator: draws the resamples.
        plan: what is drawn, and how often.
        longest_short: a match up to this long counts as hardly seen.

    Raises:
        ValueError: the scores are of different texts or policies, or one of the two kinds of token does not occur.
    """
    _require_comparable([*system, *baseline])
    long_n = (match_n > longest_short).astype(np.int64)
    if long_n.min() == long_n.max():
        raise ValueError(f"every token's context match is on the same side of {longest_short}: nothing to compare")
    pair = [measurements(scores, long_n, plan.block) for scores in (system, baseline)]
    gain_g = pair[1].mean_g - pair[0].mean_g
    effect, units = float(gain_g[0] - gain_g[1]), pair[0].units
    if units < FEWEST:
        return _untested(effect, pair, plan)
    system_rg, baseline_rg = resampled_means(pair, generator, plan.resamples)
    gain_rg = baseline_rg - system_rg
    return effect_of(effect, gain_rg[:, 0] - gain_rg[:, 1], what_was_resampled(pair), units)


def too_few(units: int, plan: Plan) -> str:
    """Why so few units give no interval."""
    one = units == 1
    runs = f"{'run' if one else 'runs'} of {plan.block} sentences"
    counted = ("sentence" if one else "sentences") if plan.block == 1 else runs
    return f"no interval: {units} {counted}, {FEWEST} are needed"


def _untested(effect: float, systems: Sequence[Measurements], plan: Plan) -> Effect:
    units = systems[0].units
    return Effect(effect, None, None, None, what_was_resampled(systems), 0, units, too_few(units, plan))


def _require_comparable(scores: Sequence[Scores]) -> None:
    """Refuse scores of different texts or policies: their difference would mean nothing."""
    if len(scores) == 0:
        raise ValueError("no scores given")
    policies = sorted({one.policy for one in scores})
    if len(policies) > 1:
        raise ValueError(f"scores under different context policies are not comparable: {' and '.join(policies)}")
    if any(not np.array_equal(one.sentence_ends_s, scores[0].sentence_ends_s) for one in scores):
        raise ValueError("scores of different texts are not comparable")
