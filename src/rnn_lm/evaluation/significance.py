"""Which of two language models is better on a text, by how much, and whether that could be chance.

A model is a sequence of scores (``TokenScores`` or ``SentenceScores``), one per seed. Blocks of sentences are the
units: tokens of one sentence share their context, neighboring sentences their topic, and neither are independent.
Effects are in nats per token; a difference d of mean NLL is a ratio exp(d) of perplexities. The perplexity of several
seeds is exp of their mean NLL (the geometric mean of theirs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64, Int

from rnn_lm.evaluation.intervals import FEWEST, Effect, Interval, Measurements, exponential
from rnn_lm.evaluation.jackknife import LeftOut, Part, effect_of, effective_units, interval_of, left_out, too_few
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores

Scores: TypeAlias = TokenScores | SentenceScores
"""Of one text by one model."""

SHORTEST = 40
"""Sentences from which a text gives an interval over other texts."""
_FEWEST_PLACES = 3
"""Units that tokens must stand in; blocks of sentences are never quite equal, so that 4 may count for fewer."""
_BLOCKS = 0.6
"""A text of S sentences is cut into this times sqrt(S) blocks."""
_SHARED = 0.2
"""Share of the variance of a sentence's score that is its topic's, ..."""
_KEPT = 0.94
"""... and how much of the topic is kept from one sentence to the next. Both as measured on the Penn Treebank, where the
standard error of a difference grows from blocks of 1 to 40 sentences by the factor 2.1 (docs/evaluation.md)."""


@dataclass(frozen=True)
class Plan:
    """What counts as a unit of a text.

    Attributes:
        block: consecutive sentences that make up a unit. 1 asks how a figure would vary over other sentences of the
            same texts. None, the default, asks how it would vary over other texts: neighboring sentences that share a
            topic are hard or easy together. A text of S sentences is then cut into 0.6 sqrt(S) equal blocks, and 4 at
            least (few long blocks and Student's t: Ibragimov and Mueller 2010). What topics make neighboring blocks
            share beyond that, as measured on the Penn Treebank, is allowed for.
    """

    block: int | None = None

    def units(self, sentences: int) -> int:
        """How many there are in a text."""
        if self.block is not None:
            return -(-sentences // self.block)
        return min(sentences, max(FEWEST, int(_BLOCKS * sentences**0.5)))

    def unit_of(self, sentences: int) -> Int[np.ndarray, "S"]:
        """The unit that each sentence belongs to."""
        if self.block is not None:
            return np.arange(sentences) // self.block
        return np.arange(sentences) * self.units(sentences) // max(sentences, 1)

    def allowance(self, sentences: int) -> float:
        """What the variance found from the units is multiplied by, since neighboring ones share topics.

        With units of mean length B and variance v(B) / B each, where v(B) is what the topic's correlation over B
        sentences makes of 1, the m units together vary by v(S) / S, and by less about their own mean:
        E[V] = (v(B) / B - v(S) / S) / (m - 1).
        """
        if self.block is not None or sentences < SHORTEST:
            return 1.0
        units = self.units(sentences)
        of_one, of_all = (_inflation(length) / length for length in (sentences / units, sentences))
        return of_all * (units - 1) / (of_one - of_all)

    def missing(self, sentences: int) -> str:
        """Why a text gives no interval, in words; empty where it does."""
        if self.block is None:
            return too_few(sentences, "sentences", SHORTEST) if sentences < SHORTEST else ""
        units = self.units(sentences)
        if units >= FEWEST:
            return ""
        if self.block == 1:
            return too_few(units, "sentences")
        blocks = "block" if units == 1 else "blocks"
        return f"no interval: {units} {blocks} of {self.block} sentences, {FEWEST} are needed"


def _inflation(sentences: float) -> float:
    """How many times a mean over neighboring sentences varies as much as one over as many from anywhere."""
    shared = _KEPT / (1 - _KEPT) - _KEPT * (1 - _KEPT**sentences) / (sentences * (1 - _KEPT) ** 2)
    return 1 + 2 * _SHARED * shared


RESOLUTION = 1e-6
"""Nats per token up to which two models are the same. A model beside its own copy, or beside itself read from an ARPA
file with seven digits, differs by rounding alone, and always to the same side: a test would take that for a finding."""
BY_SENTENCE = Plan(block=1)
"""Single sentences, the custom of the field."""
RUNS = Plan()
"""Blocks of sentences, as the length of the text asks for."""


def measurements(
    seeds: Sequence[Scores], group_n: Int[np.ndarray, "N"] | None = None, plan: Plan = BY_SENTENCE
) -> Measurements:
    """NLL per seed, unit and group of tokens, as the jackknife wants it.

    Args:
        seeds: one model's scores of one text, a seed each.
        group_n: which group each token belongs to, counted from 0 without gaps at the end; default: one group.
        plan: what a unit is.

    Raises:
        ValueError: the scores are of different texts or policies, or ``group_n`` has another length, or is given for
            scores of whole sentences.
    """
    _require_comparable(seeds)
    first = seeds[0]
    sentences = len(first.sentence_ends_s)
    units, unit_s = plan.units(sentences), plan.unit_of(sentences)
    if isinstance(first, SentenceScores):
        if group_n is not None:
            raise ValueError("scores of whole sentences cannot be divided into groups of tokens")
        return _measurements_of_sentences([one for one in seeds if isinstance(one, SentenceScores)], units, unit_s)
    seeds = [one for one in seeds if isinstance(one, TokenScores)]
    group_n = np.zeros(len(first.nll_n), dtype=np.int64) if group_n is None else group_n
    if len(group_n) != len(first.nll_n):
        raise ValueError(f"{len(group_n)} groups for {len(first.nll_n)} tokens")
    groups = int(group_n.max()) + 1
    cell_n = unit_s[first.sentence_of_n] * groups + group_n
    shape = (units, groups)
    counts_sg = np.bincount(cell_n, minlength=units * groups).reshape(shape)
    sums = [np.bincount(cell_n, weights=scores.nll_n, minlength=counts_sg.size).reshape(shape) for scores in seeds]
    return Measurements(np.stack(sums), counts_sg)


def _measurements_of_sentences(
    seeds: Sequence[SentenceScores], units: int, unit_s: Int[np.ndarray, "S"]
) -> Measurements:
    tokens_s = np.diff(seeds[0].sentence_ends_s, prepend=0)
    counts_s = np.bincount(unit_s, weights=tokens_s, minlength=units).astype(np.int64)
    sums = [np.bincount(unit_s, weights=scores.nll_s, minlength=units) for scores in seeds]
    return Measurements(np.stack(sums)[:, :, None], counts_s[:, None])


def perplexity_interval(seeds: Sequence[Scores], plan: Plan = RUNS) -> Interval:
    """One model's perplexity with its interval.

    Args:
        seeds: its scores, a seed each.
        plan: what a unit is.
    """
    return perplexity_intervals(measurements(seeds, plan=plan), plan, len(seeds[0].sentence_ends_s))[0]


def perplexity_intervals(system: Measurements, plan: Plan, sentences: int) -> list[Interval]:
    """A model's perplexity in each group of tokens; the interval is made of the mean NLL, so never below 0.

    Args:
        system: measured by ``plan``.
        plan: what a unit is.
        sentences: of the text.
    """
    found = left_out([system])
    return [
        _exponential(_mean_interval(found, system, group, plan, sentences))
        for group in range(system.counts_sg.shape[1])
    ]


def _mean_interval(found: LeftOut, system: Measurements, group: int, plan: Plan, sentences: int) -> Interval:
    rows_r, units = found.means[0][:, group], effective_units(system, group)
    note = plan.missing(sentences) or _spread_thin(units)
    parts = [] if note else _parts(found, rows_r, units, plan, sentences)
    interval = interval_of(rows_r[0], parts, found.units, note)
    # No NLL is below 0, and so no perplexity below 1: what lies there of an interval cannot be the truth.
    return interval if interval.low is None else replace(interval, low=max(interval.low, 0.0))


def _parts(found: LeftOut, figure_r: Float64[np.ndarray, "R"], units: float, plan: Plan, sentences: int) -> list[Part]:
    """The parts of the variance, that of the units with the allowance for topics."""
    of_units, *of_seeds = found.parts(figure_r, units)
    return [replace(of_units, variance=of_units.variance * plan.allowance(sentences)), *of_seeds]


def _spread_thin(units: float) -> str:
    """Why tokens of one kind give no interval, where they stand in few units."""
    if round(units) >= _FEWEST_PLACES:
        return ""
    places = "1 place" if round(units) <= 1 else f"{round(units)} places"
    return f"no interval: these tokens stand together as in {places}, {_FEWEST_PLACES} are needed"


def _exponential(nats: Interval) -> Interval:
    low, high = (None if end is None else exponential(end) for end in (nats.low, nats.high))
    return replace(nats, value=exponential(nats.value), low=low, high=high)


def gain(system: Sequence[Scores], baseline: Sequence[Scores], plan: Plan = RUNS) -> Effect:
    """How many nats per token ``system`` saves over ``baseline``; above zero: its perplexity is lower.

    Args:
        system: scores of the model that is claimed to be better, a seed each.
        baseline: those of the other, on the same text under the same policy; as many seeds as there are.
        plan: what a unit is.

    Raises:
        ValueError: the scores are of different texts or policies.
    """
    _require_comparable([*system, *baseline])
    pair = [measurements(scores, plan=plan) for scores in (system, baseline)]
    found = left_out(pair)
    saved_r = (found.means[1] - found.means[0])[:, 0]
    return _effect(saved_r, found, effective_units(pair[0]), plan, len(system[0].sentence_ends_s))


def _effect(figure_r: Float64[np.ndarray, "R"], found: LeftOut, units: float, plan: Plan, sentences: int) -> Effect:
    note = plan.missing(sentences) or _spread_thin(units)
    parts = [] if note else _parts(found, figure_r, units, plan, sentences)
    return effect_of(figure_r[0], parts, found, note, RESOLUTION)


def perplexity_ratio(effect: Effect) -> Interval:
    """The system's perplexity divided by the baseline's, from their ``gain``: below 1 where the system is better."""
    return _ratio(effect, 1.0)


def word_perplexity_ratio(effect: Effect, scores: Scores) -> Interval:
    """The ratio of perplexities per word, from a ``gain`` in nats per sentence (``TokenScores.by_sentence``).

    Args:
        effect: the gain.
        scores: of either model: the text's sentences and words, which are held fixed.
    """
    return _ratio(effect, len(scores.sentence_ends_s) / scores.words)


def _ratio(effect: Effect, share: float) -> Interval:
    low, high = (None if nats is None else exponential(-nats * share) for nats in (effect.high, effect.low))
    return Interval(exponential(-effect.effect * share), low, high, effect.units, effect.note)


def gain_concentration(
    system: Sequence[TokenScores],
    baseline: Sequence[TokenScores],
    match_n: Int[np.ndarray, "N"],
    plan: Plan = RUNS,
    longest_short: int = 1,
) -> Effect | None:
    """Difference in differences: ``gain`` where the context was hardly seen in training minus ``gain`` where it was.

    Above zero: the system's gain is larger on the tokens whose context the training text does not hold.

    Args:
        system: scores of the model that is claimed to generalize.
        baseline: those of the n-gram.
        match_n: tokens of context, before each token, that were seen in training (the n-gram's ``context_match``).
        plan: what a unit is.
        longest_short: a match up to this long counts as hardly seen.

    Returns:
        None where one of the two kinds of token does not occur (one-word lines have no context): there is no such
        difference.

    Raises:
        ValueError: the scores are of different texts or policies.
    """
    _require_comparable([*system, *baseline])
    long_n = (match_n > longest_short).astype(np.int64)
    if long_n.min() == long_n.max():
        return None
    pair = [measurements(scores, long_n, plan) for scores in (system, baseline)]
    found = left_out(pair)
    saved_rg = found.means[1] - found.means[0]
    units = min(effective_units(pair[0], group) for group in (0, 1))
    return _effect(saved_rg[:, 0] - saved_rg[:, 1], found, units, plan, len(system[0].sentence_ends_s))


def _require_comparable(scores: Sequence[Scores]) -> None:
    """Refuse scores of different texts or policies: their difference would mean nothing."""
    if len(scores) == 0:
        raise ValueError("no scores given")
    policies = sorted({one.policy for one in scores})
    if len(policies) > 1:
        raise ValueError(f"scores under different context policies are not comparable: {' and '.join(policies)}")
    if any(not np.array_equal(one.sentence_ends_s, scores[0].sentence_ends_s) for one in scores):
        raise ValueError("scores of different texts are not comparable")
