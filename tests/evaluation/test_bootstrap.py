from __future__ import annotations

import numpy as np
import pytest

from rnn_lm.evaluation.bootstrap import (
    Effect,
    Measurements,
    effect_of,
    interval_of,
    resampled_means,
    what_was_resampled,
)


def one_group(values_ks: np.ndarray, counts_s: np.ndarray | None = None) -> Measurements:
    """Sums of NLL per seed and sentence, in one group; one token per sentence unless told."""
    counts_s = np.ones(values_ks.shape[1], dtype=np.int64) if counts_s is None else counts_s
    return Measurements(values_ks[:, :, None] * counts_s[None, :, None], counts_s[:, None])


def random_effects(
    random: np.random.Generator, seeds: int, sentences: int, seed_sd: float, lean_s: np.ndarray, counts_s: np.ndarray
) -> Measurements:
    """A system whose true mean is that of ``lean_s``: 0, plus what the seed and the seed on that sentence add."""
    seed_k1 = random.normal(0, seed_sd, size=(seeds, 1))
    noise_ks = random.normal(0, 0.1, size=(seeds, sentences))
    return one_group(lean_s + seed_k1 + noise_ks, counts_s)


def coverage(
    random: np.random.Generator, seeds: int, sentences: int, seed_sd: float, trials: int
) -> tuple[float, float]:
    """How often, of ``trials``, the interval of a difference holds its true value 0; and how often p < 0.05."""
    held = rejected = 0
    for _ in range(trials):
        counts_s = random.integers(3, 40, size=sentences)
        difficulty_s = random.normal(0, 1, size=sentences)
        pair = [
            random_effects(
                random, seeds, sentences, seed_sd, difficulty_s + random.normal(0, 0.5, sentences), counts_s
            ),
            random_effects(random, seeds, sentences, seed_sd, difficulty_s, counts_s),
        ]
        first_rg, second_rg = resampled_means(pair, random, resamples=500)
        effect = effect_of(
            pair[0].mean_g[0] - pair[1].mean_g[0], (first_rg - second_rg)[:, 0], what_was_resampled(pair), sentences
        )
        held += effect.low <= 0 <= effect.high
        rejected += effect.p_value < 0.05
    return held / trials, rejected / trials


def test_a_constant_is_the_same_in_every_resample():
    """A mean is a ratio of sums over the same draws, whatever the sentences' lengths."""
    counts_s = np.array([1, 50, 3, 8])
    (means_rg,) = resampled_means([one_group(np.full((3, 4), 2.5), counts_s)], np.random.default_rng(0), 100)
    np.testing.assert_allclose(means_rg, 2.5)


def test_resampling_units_has_the_standard_error_of_a_mean():
    random = np.random.default_rng(0)
    values = random.gamma(2, size=(1, 300))
    (means_rg,) = resampled_means([one_group(values)], random, 4000)
    assert means_rg.mean() == pytest.approx(values.mean(), rel=0.01)
    assert means_rg.std() == pytest.approx(values.std() / 300**0.5, rel=0.05)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_resampling_seeds_has_the_unbiased_variance_of_a_mean(seeds):
    per_seed = np.random.default_rng(1).normal(size=seeds)
    system = one_group(np.repeat(per_seed[:, None], 10, axis=1))
    (means_rg,) = resampled_means([system], np.random.default_rng(0), 20_000)
    assert means_rg.var() == pytest.approx(per_seed.var(ddof=1) / seeds, rel=0.05)


def test_systems_are_resampled_on_the_same_units():
    """Two systems that differ by a constant on each sentence: pairing leaves nothing to chance."""
    values = np.random.default_rng(0).normal(5, 2, size=(1, 50))
    first_rg, second_rg = resampled_means([one_group(values), one_group(values + 0.1)], np.random.default_rng(0), 200)
    np.testing.assert_allclose(second_rg - first_rg, 0.1)


def test_groups_are_means_of_their_own_observations():
    counts_sg = np.array([[1, 0], [2, 4], [0, 4]])
    sums_ksg = np.array([[[3.0, 0.0], [6.0, 4.0], [0.0, 4.0]]])
    system = Measurements(sums_ksg, counts_sg)
    np.testing.assert_allclose(system.mean_g, [3, 1])
    (means_rg,) = resampled_means([system], np.random.default_rng(0), 500)
    assert set(means_rg[~np.isnan(means_rg)].round(12)) == {3.0, 1.0}
    assert np.isnan(means_rg[:, 0]).mean() == pytest.approx(1 / 27, abs=0.03), "only the third unit drawn, three times"
    assert interval_of(3.0, means_rg[:, 0], 3).low == 3


def test_the_same_generator_gives_the_same_interval():
    system = one_group(np.random.default_rng(0).normal(size=(3, 40)))
    first, second = (resampled_means([system], np.random.default_rng(5), 300)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_more_weights_than_a_block_holds_give_as_many_resamples():
    system = one_group(np.random.default_rng(0).normal(size=(1, 90_000)))
    (means_rg,) = resampled_means([system], np.random.default_rng(0), 7)
    assert len(set(means_rg[:, 0])) == 7


@pytest.mark.parametrize("units", [[1], [3, 4]])
def test_there_must_be_two_shared_units(units):
    with pytest.raises(ValueError, match="same units, two at least"):
        resampled_means([one_group(np.ones((1, n))) for n in units], np.random.default_rng(0), 10)


def test_p_is_never_zero_and_never_above_one():
    far, nothing = effect_of(1.0, np.full(999, 1.0), "units", 5), effect_of(0.0, np.zeros(999), "units", 5)
    assert far.p_value == pytest.approx(2 / 1000)
    assert (nothing.p_value, nothing.low, nothing.high, nothing.verdict) == (1.0, 0.0, 0.0, "undecided")


def test_p_counts_the_smaller_tail_twice():
    resampled_r = np.concatenate([np.full(9, -1.0), np.full(990, 1.0)])
    assert effect_of(1.0, resampled_r, "units", 5).p_value == pytest.approx(2 * 10 / 1000)
    assert effect_of(-1.0, -resampled_r, "units", 5).p_value == pytest.approx(2 * 10 / 1000)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 0.3, "supported"), (-0.1, 0.3, "undecided"), (-0.3, -0.1, "not supported"), (0.0, 0.3, "undecided")],
)
def test_the_verdict_is_where_the_whole_interval_lies(low, high, verdict):
    assert Effect((low + high) / 2, low, high, 0.5, "units", 100, 20).verdict == verdict


def test_seeds_are_resampled_where_one_system_has_several():
    one, many = one_group(np.ones((1, 4))), one_group(np.ones((3, 4)))
    assert what_was_resampled([one, one]) == "units"
    assert what_was_resampled([one, many]) == "units and seeds"


def test_an_interval_over_sentences_holds_the_truth_about_as_often_as_it_says():
    held, rejected = coverage(np.random.default_rng(3), seeds=1, sentences=80, seed_sd=0.0, trials=200)
    assert 0.90 <= held <= 0.99
    assert 0.01 <= rejected <= 0.10


@pytest.mark.slow
@pytest.mark.parametrize("seed_sd", [0.02, 0.2])
def test_an_interval_over_seeds_too_holds_the_truth_about_as_often_as_it_says(seed_sd):
    held, rejected = coverage(np.random.default_rng(4), seeds=5, sentences=150, seed_sd=seed_sd, trials=400)
    assert 0.89 <= held <= 0.99
    assert 0.01 <= rejected <= 0.11
