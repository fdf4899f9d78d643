"""Choosing settings: the grid, the climb, the part of valid that is read."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rnn_lm.adaptation.config import AdaptationConfig, CacheSettings, DynamicSettings
from rnn_lm.adaptation.dynamic import Dynamic
from rnn_lm.adaptation.reading import Reading, read_adapting
from rnn_lm.adaptation.tuning import beginning, best_cache, best_dynamic, cache_grid, climb
from rnn_lm.conditions import given_in, require_effect
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress


@pytest.mark.parametrize(("best", "found"), [(0.1, 0.1), (2.7, 2.7), (0.0037, 0.0037), (1e30, 660.0)])
def test_climbing_ends_near_the_lowest_point_on_either_side(best, found):
    tried = []

    def loss(value: float) -> float:
        tried.append(value)
        return abs(math.log(value / best))

    assert climb(0.1, loss) == pytest.approx(found, rel=0.05)
    assert len(tried) <= 10


def test_climbing_stays_within_its_limit_and_leaves_zero_alone():
    assert climb(0.5, lambda value: -value, most=1.0) == 0.5
    assert climb(0.0, lambda value: -value) == 0.0


def test_climbing_turns_back_from_where_there_is_no_number():
    assert climb(0.1, lambda value: math.inf if value > 0.05 else value) < 0.01


@pytest.mark.parametrize(("tokens", "length"), [(1, 3), (3, 3), (4, 9), (9, 9), (10, 12), (500, 12)])
def test_whole_sentences_are_read(text_of, tokens, length):
    text = text_of(12)
    text.ids_n[:] = torch.tensor([2, 2, 1, 3, 3, 3, 3, 3, 1, 4, 4, 1])
    assert len(beginning(text, tokens)) == length
    assert beginning(text, tokens).ids_n[-1] == 1


def test_the_given_window_and_theta_are_in_the_grid():
    grid = cache_grid(CacheSettings(77, 0.123, 0.1))
    assert {(77, 0.123), (77, 0.3), (1000, 0.123)} <= {(one.cache_window, one.cache_theta) for one in grid}


def test_the_best_cache_is_the_one_that_knows_the_text():
    nll_n = torch.full((50,), 3.0, dtype=torch.float64)
    cached_cn = torch.stack([torch.full_like(nll_n, p) for p in (1e-4, 0.9, 0.01)])
    grid = [CacheSettings(window, 0.1, 0.1) for window in (10, 20, 30)]
    assert best_cache(Reading(nll_n, cached_cn), grid) == CacheSettings(20, 0.1, 0.6)
    useless = Reading(nll_n, torch.zeros_like(cached_cn))
    assert best_cache(useless, grid).cache_weight == 0


def test_tuned_dynamic_evaluation_is_at_least_as_good_as_what_it_began_with(model_of, text_of):
    model, text = model_of(), text_of(200)
    start = Dynamic(DynamicSettings("sgd", 0.003, 0.3, 5), {})
    best = best_dynamic(model, text, start, SilentProgress())
    first, last = (
        float(read_adapting(model, text, dynamic=Dynamic(settings, {})).nll_n.mean())
        for settings in (start.settings, best)
    )
    assert best.rate > 0.003
    assert last < first


def refuse(**changed: Any) -> None:
    config = AdaptationConfig(**changed)
    require_effect(config, given_in(config))


@pytest.mark.parametrize(
    "changed",
    [
        {"tune": True},
        {"adapt_results": "adapted.json"},
        {"tune_tokens": 0},
        {"adapt": "dynamic", "cache": CacheSettings(cache_window=7)},
        {"adapt": "cache", "dynamic": DynamicSettings("sgd")},
    ],
)
def test_what_would_have_no_effect_is_refused(changed):
    with pytest.raises(UserError):
        refuse(**changed)
