from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rnn_lm.evaluation.intervals import Interval, number_text
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores
from rnn_lm.evaluation.significance import (
    BY_SENTENCE,
    RUNS,
    SHORTEST,
    Plan,
    gain,
    gain_concentration,
    measurements,
    perplexity_interval,
    perplexity_ratio,
    word_perplexity_ratio,
)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def noisy_scores(make_scores):
    """Scores of a 60-sentence text whose difficulty is shared; ``shift`` and noise are the model's own."""

    def make(shift: float, seed: int = 0, noise: float = 0.1) -> TokenScores:
        lengths = np.random.default_rng(99).integers(1, 20, size=60)
        difficulty = np.random.default_rng(98).gamma(3, size=lengths.sum())
        own = np.random.default_rng(seed).normal(shift, noise, size=lengths.sum())
        return make_scores(np.split(difficulty + own, lengths.cumsum()[:-1]))

    return make


def test_measurements_are_sums_per_sentence_and_group(make_scores):
    scores = [make_scores([[1, 2, 4], [8, 16]]), make_scores([[0, 0, 1], [0, 1]])]
    system = measurements(scores, np.array([0, 1, 0, 1, 1]))
    np.testing.assert_array_equal(system.counts_sg, [[2, 1], [0, 2]])
    np.testing.assert_array_equal(system.sums_ksg, [[[5, 2], [0, 24]], [[1, 0], [0, 1]]])


def test_a_gain_is_a_difference_of_means_over_tokens_not_over_sentences(make_scores):
    system = [make_scores([[1.0] * 9, [3.0]])]
    baseline = [make_scores([[2.0] * 9, [3.0]])]
    effect = gain(system, baseline, BY_SENTENCE)
    assert effect.effect == pytest.approx(0.9)
    assert effect.over == "units"


def test_a_better_system_is_supported_and_a_worse_one_is_not(noisy_scores):
    good, bad = [noisy_scores(-0.2, 1)], [noisy_scores(0.0, 2)]
    better, worse = gain(good, bad), gain(bad, good)
    assert (better.verdict, worse.verdict) == ("supported", "not supported")
    assert better.effect == pytest.approx(-worse.effect)
    assert better.p_value == pytest.approx(worse.p_value)
    assert better.p_value is not None
    assert 0 < better.p_value < 0.01


def test_a_difference_within_the_noise_is_undecided(noisy_scores):
    effect = gain([noisy_scores(0.0, 1, noise=1.0)], [noisy_scores(0.0, 2, noise=1.0)])
    assert effect.verdict == "undecided"
    assert effect.p_value is not None
    assert effect.p_value > 0.05


def test_a_gain_that_seeds_disagree_on_is_undecided(noisy_scores):
    """One lucky seed would have been called a clear gain; its siblings show that it was luck."""
    seeds = [noisy_scores(shift, index) for index, shift in enumerate([-0.3, 0.2, 0.1, -0.1, 0.3])]
    baseline = [noisy_scores(0.0, 9)]
    assert gain(seeds[:1], baseline).verdict == "supported"
    every = gain(seeds, baseline)
    assert (every.verdict, every.over) == ("undecided", "units and seeds")


@pytest.mark.parametrize("by", [1e-10, 1e-8, 3e-7])
def test_a_model_is_no_better_than_its_own_copy(noisy_scores, by):
    """Rounding is always to the same side, and no test of differences would call that chance."""
    scores = noisy_scores(0.0, 1)
    copy = replace(scores, nll_n=scores.nll_n + by * (1 + 0.01 * np.random.default_rng(0).random(len(scores.nll_n))))
    effect = gain([scores], [copy])
    assert effect.effect == pytest.approx(by, rel=0.02)
    assert (effect.p_value, effect.verdict) == (1.0, "undecided")
    assert f"x {perplexity_ratio(effect).value:.3f} {perplexity_ratio(effect).text('.3f')}" == "x 1.000 [1.000, 1.000]"


def test_a_small_difference_that_the_scores_resolve_is_one(noisy_scores):
    scores = noisy_scores(0.0, 1)
    effect = gain([scores], [replace(scores, nll_n=scores.nll_n + 1e-5)])
    assert effect.verdict == "supported"


def test_the_ratio_of_perplexities_is_that_of_the_totals(noisy_scores):
    system, baseline = noisy_scores(-0.2, 1), noisy_scores(0.0, 2)
    ratio = perplexity_ratio(gain([system], [baseline]))
    assert ratio.value == pytest.approx(system.total.perplexity / baseline.total.perplexity)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < ratio.value < ratio.high < 1


def test_the_perplexity_of_several_seeds_is_the_geometric_mean(noisy_scores):
    seeds = [noisy_scores(shift, index) for index, shift in enumerate([-0.1, 0.0, 0.2])]
    interval = perplexity_interval(seeds)
    assert interval.value == pytest.approx(math.prod(scores.total.perplexity for scores in seeds) ** (1 / 3))
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low < interval.value < interval.high


def test_scores_under_different_policies_are_not_compared(make_scores):
    sentences = [[1.0, 2.0], [3.0]]
    stream, sentence = make_scores(sentences, "stream"), make_scores(sentences, "sentence")
    with pytest.raises(ValueError, match="sentence and stream"):
        gain([stream], [sentence])
    with pytest.raises(ValueError, match="sentence and stream"):
        perplexity_interval([stream, sentence])


def test_scores_of_different_texts_are_not_compared(make_scores):
    with pytest.raises(ValueError, match="different texts"):
        gain([make_scores([[1.0, 2.0], [3.0]])], [make_scores([[1.0], [2.0, 3.0]])])


@pytest.mark.parametrize(
    ("sentences", "block", "counted"), [(1, 1, "1 sentence"), (3, 3, "1 block of 3 sentences"), (3, 5, "1 block of 5")]
)
def test_a_single_block_gives_the_figure_without_an_interval(make_scores, sentences, block, counted):
    scores = [make_scores([[1.0, 2.0]] * sentences)]
    interval = perplexity_interval(scores, Plan(block=block))
    assert interval.value == pytest.approx(math.exp(1.5))
    assert (interval.low, interval.high, interval.units) == (None, None, 1)
    assert interval.note.startswith(f"no interval: {counted}")
    assert interval.text() == f"({interval.note})"
    effect = gain(scores, scores, Plan(block=block))
    assert (effect.effect, effect.low, effect.high, effect.p_value, effect.verdict) == (
        0,
        None,
        None,
        None,
        "undecided",
    )
    assert perplexity_ratio(effect) == Interval(1.0, None, None, 1, effect.note)


def test_blocks_are_consecutive_sentences_and_the_last_may_be_short(make_scores):
    system = measurements([make_scores([[1, 2], [4], [8], [16, 32], [64]])], plan=Plan(2))
    np.testing.assert_array_equal(system.sums_ksg[0, :, 0], [7, 56, 64])
    np.testing.assert_array_equal(system.counts_sg[:, 0], [3, 3, 1])


def test_blocks_widen_the_interval_where_neighboring_sentences_are_alike(make_scores, random):
    """Forty articles of ten sentences, hard or easy as a whole: there are forty observations, not four hundred."""
    articles = np.repeat(random.normal(5, 1, size=40), 10)
    scores = [make_scores([[nll, nll] for nll in articles])]
    narrow, wide = (perplexity_interval(scores, Plan(block)) for block in (1, 10))
    wide_ratio, narrow_ratio = ((one.high or 0) / (one.low or 1) for one in (wide, narrow))
    ratio = np.log(wide_ratio) / np.log(narrow_ratio)
    assert ratio == pytest.approx(10**0.5, rel=0.15)


@pytest.mark.parametrize(("on_short", "on_long", "verdict"), [(0.5, 0.1, "supported"), (0.1, 0.5, "not supported")])
def test_gain_concentration_is_the_difference_of_the_two_gains(noisy_scores, random, on_short, on_long, verdict):
    baseline = noisy_scores(0.0, 2)
    match_n = random.integers(0, 5, size=len(baseline.nll_n))
    saved_n = np.where(match_n <= 1, on_short, on_long)
    system = TokenScores(
        baseline.nll_n - saved_n, baseline.sentence_ends_s, characters=baseline.characters, policy=baseline.policy
    )
    effect = gain_concentration([system], [baseline], match_n)
    assert effect is not None
    assert effect.effect == pytest.approx(on_short - on_long)
    assert effect.verdict == verdict


def test_gain_concentration_needs_tokens_of_both_kinds(noisy_scores):
    scores = noisy_scores(0.0)
    assert gain_concentration([scores], [scores], np.zeros(len(scores.nll_n), dtype=np.int64)) is None


def test_one_group_per_token_is_required(noisy_scores):
    with pytest.raises(ValueError, match="3 groups"):
        measurements([noisy_scores(0.0)], np.array([0, 1, 0]))


@pytest.mark.parametrize("block", [1, 3])
def test_scores_of_sentences_are_measured_as_those_of_their_tokens(make_scores, block):
    tokens = make_scores([[1, 2], [4], [8], [16, 32], [64]])
    sentences = SentenceScores(np.array([3.0, 4, 8, 48, 64]), tokens.sentence_ends_s, tokens.characters, tokens.policy)
    by_token, by_sentence = measurements([tokens], plan=Plan(block)), measurements([sentences], plan=Plan(block))
    np.testing.assert_array_equal(by_sentence.sums_ksg, by_token.sums_ksg)
    np.testing.assert_array_equal(by_sentence.counts_sg, by_token.counts_sg)
    with pytest.raises(ValueError, match="groups of tokens"):
        measurements([sentences], np.zeros(7, dtype=np.int64))


@pytest.mark.parametrize("sentences", [1, 20, SHORTEST - 1])
def test_a_short_text_has_figures_and_no_claim(make_scores, sentences):
    scores, worse = make_scores([[1.0, 2.0]] * sentences), make_scores([[1.5, 2.0]] * sentences)
    interval, effect = perplexity_interval([scores]), gain([scores], [worse])
    assert interval.value == pytest.approx(math.exp(1.5))
    counted = "1 sentence" if sentences == 1 else f"{sentences} sentences"
    assert interval.text() == f"(no interval: {counted}, {SHORTEST} are needed)"
    assert (effect.effect, effect.p_value, effect.verdict) == (pytest.approx(0.25), None, "undecided")


def test_runs_grow_with_the_text_and_are_never_few():
    units = {sentences: RUNS.units(sentences) for sentences in (40, 60, 100, 400, 1000, 3761)}
    assert units == {40: 4, 60: 4, 100: 6, 400: 12, 1000: 18, 3761: 36}
    assert all(len(set(RUNS.unit_of(sentences).tolist())) == found for sentences, found in units.items())
    allowances = [RUNS.allowance(sentences) for sentences in units]
    assert min(allowances) > 1
    assert allowances[-1] < 1.2


def test_ratios_beyond_what_a_float_holds_are_printed():
    """Two character models on lines of 3,000 letters differ by thousands of nats per line."""
    sentences = 50
    ends = np.arange(1, sentences + 1)
    texts = [
        SentenceScores(
            np.full(sentences, nll) + np.arange(sentences), ends, 3001 * sentences, "stream", words=2 * sentences
        )
        for nll in (9000.0, 6000.0)
    ]
    effect = gain([texts[0]], [texts[1]])
    assert effect.effect == pytest.approx(-3000)
    assert number_text(word_perplexity_ratio(effect, texts[0]).value) == "over 1e300"
    back = word_perplexity_ratio(gain([texts[1].by_sentence], [texts[0].by_sentence]), texts[0])
    assert number_text(back.value) == "under 1e-300"
    assert number_text(4.1e-12) == "4.1e-12"
    assert number_text(0.784) == "0.784"


def test_tokens_that_stand_in_one_place_give_no_interval(make_scores):
    scores = make_scores([[1.0, 2.0]] * 60)
    match_n = np.zeros(120, dtype=np.int64)
    match_n[:3] = 4
    effect = gain_concentration([scores], [scores], match_n)
    assert effect is not None
    assert effect.p_value is None
    assert "these tokens stand together as in 1 place," in effect.note


def test_no_interval_of_a_perplexity_reaches_below_one():
    """Two seeds know little: t = 12.7 times their spread would reach below what a perplexity can be."""
    ends = np.arange(10, 601, 10)
    seeds = [TokenScores(np.full(600, nats), ends, 600, "stream") for nats in (0.2, 1.8)]
    interval = perplexity_interval(seeds)
    assert interval.low == 1.0
    assert interval.high is not None
    assert interval.high > np.exp(1.0)
