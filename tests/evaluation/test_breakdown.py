from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.evaluation.breakdown import by_context_match
from rnn_lm.evaluation.significance import BY_SENTENCE, Plan


def test_buckets_hold_their_own_tokens(make_scores):
    scores = make_scores([[1.0, 2.0, 3.0], [4.0, 6.0]])
    buckets = by_context_match([scores], np.array([0, 1, 4, 4, 7]), BY_SENTENCE)
    assert [(bucket.match, bucket.token_count) for bucket in buckets] == [("0", 1), ("1", 1), ("4+", 3)]
    assert [math.log(bucket.perplexity.value) for bucket in buckets] == pytest.approx([1.0, 2.0, 13 / 3])
    last = buckets[-1].perplexity
    assert (last.low, last.high) == (None, None)
    assert last.note == "no interval: 2 sentences, 4 are needed"


def test_sums_over_buckets_are_the_text_own(make_scores):
    @settings(deadline=None, max_examples=20)
    @given(seed=st.integers(0, 1000), lengths=st.lists(st.integers(1, 9), min_size=2, max_size=8))
    def check(seed: int, lengths: list[int]) -> None:
        random = np.random.default_rng(seed)
        seeds = [make_scores([random.gamma(3, size=n) for n in lengths]) for _ in range(2)]
        buckets = by_context_match(seeds, random.integers(0, 6, size=sum(lengths)), Plan(20))
        assert sum(bucket.token_count for bucket in buckets) == sum(lengths)
        total = np.mean([scores.total.nll_sum for scores in seeds])
        assert sum(bucket.nll_sum for bucket in buckets) == pytest.approx(total, rel=1e-12)

    check()


def test_a_match_for_every_token_is_required(make_scores):
    with pytest.raises(ValueError, match="2 groups for 3 tokens"):
        by_context_match([make_scores([[1.0, 2.0], [3.0]])], np.array([0, 1]))
