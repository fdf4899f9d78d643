from __future__ import annotations

import jaxtyping
import numpy as np
import pytest

from by_path import module_at
from rnn_lm.evaluation.intervals import Effect, Measurements, generalizes_over
from rnn_lm.evaluation.jackknife import (
    Part,
    effect_of,
    effective_units,
    half_width,
    left_out,
    mean_interval,
    p_value,
    share_interval,
)
from rnn_lm.evaluation.student import beta_quantile, critical, two_sided_p


def simulations():
    """The module of the benchmark."""
    return module_at("benchmarks/simulate.py")


def one_group(values_ks: np.ndarray, counts_s: np.ndarray | None = None) -> Measurements:
    """Sums of NLL per seed and sentence, in one group; one token per sentence unless told."""
    counts_s = np.ones(values_ks.shape[1], dtype=np.int64) if counts_s is None else counts_s
    return Measurements(values_ks[:, :, None] * counts_s[None, :, None], counts_s[:, None])


@pytest.mark.parametrize(
    ("level", "freedom", "t"), [(0.05, 1, 12.706), (0.05, 2, 4.3027), (0.05, 9, 2.2622), (0.01, 30, 2.7500)]
)
def test_critical_values_are_those_of_the_tables(level, freedom, t):
    assert critical(level, freedom) == pytest.approx(t, rel=1e-4)
    assert two_sided_p(t, freedom) == pytest.approx(level, rel=1e-3)


def test_beta_quantiles_are_exact_limits_of_a_share():
    """No error in 10 answers: at least 69.2 % right; one error in 20: 75.1 % to 99.9 % (Clopper and Pearson)."""
    assert beta_quantile(0.025, 10, 1) == pytest.approx(0.025**0.1)
    assert beta_quantile(0.025, 19, 2) == pytest.approx(0.7513, abs=1e-4)
    assert beta_quantile(0.975, 20, 1) == pytest.approx(0.9987, abs=1e-4)


def test_a_constant_does_not_move_whatever_is_left_out():
    """A mean is a ratio of sums over the same units, whatever the sentences' lengths."""
    found = left_out([one_group(np.full((3, 4), 2.5), np.array([1, 50, 3, 8]))])
    np.testing.assert_allclose(found.means[0], 2.5)
    assert len(found.means[0]) == 1 + 4 + 3


def test_units_and_seeds_have_the_standard_errors_of_means():
    values_ks = np.random.default_rng(0).gamma(2, size=(3, 300))
    units, seeds = left_out([one_group(values_ks)]).parts(left_out([one_group(values_ks)]).means[0][:, 0])
    assert units.variance == pytest.approx(values_ks.mean(axis=0).var(ddof=1) / 300)
    assert seeds.variance == pytest.approx(values_ks.mean(axis=1).var(ddof=1) / 3)
    assert (units.freedom, seeds.freedom) == (299, 2)


def test_systems_lose_the_same_units():
    """Two systems that differ by a constant on each sentence: pairing leaves nothing to chance."""
    values = np.random.default_rng(0).normal(5, 2, size=(1, 50))
    found = left_out([one_group(values), one_group(values + 0.1)])
    np.testing.assert_allclose(found.means[1] - found.means[0], 0.1)


def test_systems_must_share_their_units():
    with pytest.raises(ValueError, match="same units"):
        left_out([one_group(np.ones((1, n))) for n in (3, 4)])


def test_seeds_count_where_one_system_has_several():
    one, many = one_group(np.ones((1, 4))), one_group(np.ones((3, 4)))
    assert generalizes_over([one, one]) == "units"
    assert generalizes_over([one, many]) == "units and seeds"


def test_a_group_rests_on_the_units_that_hold_it():
    system = one_group(np.ones((1, 6)), np.array([10, 10, 10, 0, 0, 0]))
    assert effective_units(system) == pytest.approx(3)


def test_parts_are_joined_each_with_its_own_t():
    parts = [Part(0.04, 100), Part(0.01, 1)]
    expected = (critical(0.05, 100) ** 2 * 0.04 + critical(0.05, 1) ** 2 * 0.01) ** 0.5
    assert half_width(parts, 0.05) == pytest.approx(expected)
    effect = half_width(parts, 0.02)
    assert p_value(effect, parts) == pytest.approx(0.02, rel=1e-6)


def test_p_is_never_zero_and_never_above_one():
    assert 0 < p_value(1.0, [Part(0.0, 9)]) < 1e-6
    assert 0 < p_value(1e9, [Part(1e-9, 200)]) < 1e-6
    assert p_value(0.0, [Part(0.0, 9)]) == 1
    assert p_value(0.0, [Part(1.0, 9)]) == 1


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.3, "supported"),
        (-0.1, 0.3, "undecided"),
        (-0.3, -0.1, "not supported"),
        (0.0, 0.3, "undecided"),
        (None, None, "undecided"),
    ],
)
def test_the_verdict_is_where_the_whole_interval_lies(low, high, verdict):
    assert Effect(0.1, low, high, 0.5, "units", 20).verdict == verdict


def test_a_difference_that_is_not_tested_says_why():
    found = left_out([one_group(np.ones((1, 3)))])
    effect = effect_of(0.5, [], found, "no interval: 3 sentences, 4 are needed")
    assert (effect.low, effect.high, effect.p_value) == (None, None, None)
    assert effect.text() == "(no interval: 3 sentences, 4 are needed)"


@pytest.mark.parametrize(("seeds", "low"), [(1, 0.9638), (2, 0.225), (5, 0.929)])
def test_all_right_is_no_certainty(seeds, low):
    """A percentile bootstrap of 100 right answers gives [100 %, 100 %]; the exact interval begins at 96.4 %."""
    parts = [Part(0.0, 99), *([Part(0.0, seeds - 1)] if seeds > 1 else [])]
    interval = share_interval(1.0, parts, 100, seeds)
    assert interval.low == pytest.approx(low, abs=0.01)
    assert interval.high == 1


def test_the_interval_of_a_mean_is_students():
    """Mean 3, standard deviation 1.58 over sqrt(5), t = 2.776 for 4 degrees of freedom."""
    found = mean_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), "places")
    assert (found.value, found.units) == (3.0, 5)
    assert found.low == pytest.approx(3 - 2.7764 * 2.5**0.5 / 5**0.5, rel=1e-4)


def test_neighbors_that_are_alike_count_once():
    values = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], 8)
    assert mean_interval(values, "places", 5) == mean_interval(values[::8], "places")


def test_too_few_places_give_a_mean_and_the_reason():
    found = mean_interval(np.arange(40.0), "places", 3)
    assert (found.value, found.low, found.high) == (19.5, None, None)
    assert found.note == "no interval: 3 places, 4 are needed"


TRIALS = 2000
"""Per length; the seed is fixed, so that the samples are the same each time."""
MOST_AT_5, MOST_AT_1 = 328, 73
"""Of the 6000 tests together. Binomial: where the levels are 5 % and 1 %, more are found in 5 % of samples each; where
they are 6 % and 1.5 %, in 96 % and 97 %."""


@pytest.fixture
def without_shape_checks():
    """Simulations call the same few functions thousands of times; their shapes are checked in the other tests."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("without_shape_checks")
def test_equally_good_models_are_told_apart_no_more_often_than_the_level_says():
    simulate, random = simulations(), np.random.default_rng(5)
    found = [simulate.false_positives(random, n, "topics", TRIALS, before_trials=200) for n in (60, 120, 400)]
    assert all(one["tested"] for one in found)
    assert sum(one["at_5"] for one in found) * TRIALS <= MOST_AT_5
    assert sum(one["at_1"] for one in found) * TRIALS <= MOST_AT_1
    assert all(one["before_at_5"] > 0.08 for one in found), "the percentile bootstrap over blocks of 20 sentences"


@pytest.mark.parametrize("freedom", [1, 2, 3, 7, 29, 36, 400, 100_000])
def test_student_is_that_of_a_well_known_library(freedom):
    stats = pytest.importorskip("scipy.stats")
    for level in (0.5, 0.05, 0.01, 1e-4, 1e-9):
        assert critical(level, freedom) == pytest.approx(stats.t.isf(level / 2, freedom), rel=1e-6)
    for t in (1e-3, 0.5, 1.96, 5.0, 40.0):
        assert two_sided_p(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-6, abs=1e-14)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (10, 1), (19, 2), (0.7, 3.5), (97.3, 3.7), (5000, 5001), (3, 99_998)])
def test_beta_quantiles_are_those_of_a_well_known_library(a, b):
    stats = pytest.importorskip("scipy.stats")
    for share in (0.001, 0.025, 0.5, 0.975, 0.999):
        assert beta_quantile(share, a, b) == pytest.approx(stats.beta.ppf(share, a, b), rel=1e-6)
