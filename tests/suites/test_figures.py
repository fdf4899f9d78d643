"""Intervals and the paired test, against their definitions."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from rnn_lm.suites.comparison import PairedTest, binomial_p
from rnn_lm.suites.figures import Tally
from rnn_lm.suites.means import mean_over, wilson
from rnn_lm.suites.scoring import Answers


def answers(right, covered=None):
    right_q = np.array(right, np.int8)
    nan_q = np.full(len(right), np.nan)
    return Answers(right_q, np.array([True] * len(right) if covered is None else covered), nan_q, nan_q)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 1), (3, 9), (9, 3), (5, 5), (40, 71), (1, 300)])
def test_the_p_value_is_twice_the_smaller_tail(one, other):
    count, least = one + other, min(one, other)
    tail = sum(math.comb(count, k) for k in range(least + 1)) / 2**count
    assert binomial_p(one, other) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)


@pytest.mark.parametrize(("right", "count"), [(0, 5), (5, 5), (33, 41), (612, 1000)])
def test_the_ends_of_wilsons_interval_are_where_the_score_test_turns(right, count):
    found = wilson(right, count)
    assert found.low is not None
    assert found.high is not None
    for end in (found.low, found.high):
        if 0 < end < 1:
            assert abs(found.value - end) / math.sqrt(end * (1 - end) / count) == pytest.approx(1.959964, rel=1e-6)
    assert found.low <= right / count <= found.high


def test_models_are_compared_on_pairs_that_both_cover_and_answer():
    first = answers([1, 1, 0, 0, 1, -1, 1], [True] * 6 + [False])
    second = answers([1, 0, 1, 1, -1, 1, 0])
    found = PairedTest.of("first", second, first)
    assert (found.pairs, found.gained, found.lost) == (4, 2, 1)
    assert found.difference == pytest.approx(0.25)
    assert found.p_value == 1.0


def test_a_mean_over_groups_has_students_interval():
    values = [0.5, 0.7, 0.6, 0.9, 0.8]
    found = mean_over(values)
    reach = 2.7764451 * np.std(values, ddof=1) / math.sqrt(5)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.7 - reach, 0.7 + reach))
    assert mean_over(values[:3]).low is None
    assert math.isnan(mean_over([0.5, math.nan, 0.3, 0.2]).value)


def test_a_difference_is_given_over_paradigms_as_well():
    first, second = answers([0, 0, 1, 1, 0, 1, 0, 1]), answers([1, 1, 1, 1, 0, 1, 1, 0])
    paradigms = [name for name in "abcd" for _ in "12"]
    found = PairedTest.of("first", second, first, paradigms)
    assert found.by_paradigm is not None
    assert found.by_paradigm.value == pytest.approx(np.mean([1, 0, 0, 0]))
    assert found.to_json()["by_paradigm"]["low"] < 0 < found.to_json()["by_paradigm"]["high"]
    assert PairedTest.of("first", second, first, ["a"] * 8).by_paradigm is None


def test_without_an_answer_there_is_no_accuracy():
    tally = Tally.of(np.array([-1, -1]))
    assert math.isnan(tally.accuracy.value)
    assert json.loads(json.dumps(tally.to_json()))["accuracy"] is None
