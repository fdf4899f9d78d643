"""Attention reads a text the same way whole, in segments and token by token, and looks only at the past."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.errors import UserError
from rnn_lm.layers.state import select
from rnn_lm.models.attention import LOCAL_WINDOW, AttentionConfig, AttentionLanguageModel, layer_views, rotate
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.padding import IGNORE

V = 11
CONFIGS = [
    AttentionConfig(hidden_size=16, heads=2, layers=2, feed_forward_size=24, positions=positions, window=window)
    for positions in ("local-global", "none", "rotary", "alibi")
    for window in (None, 4)
] + [AttentionConfig(hidden_size=16, heads=2, layers=1, feed_forward_size=24, sharpness="constant")]


def build(config: AttentionConfig, seed: int = 0) -> AttentionLanguageModel:
    return AttentionLanguageModel(V, config, torch.Generator().manual_seed(seed)).double()


def text(length: int, batch: int, seed: int) -> torch.Tensor:
    return torch.randint(V, (length, batch), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.positions}-{c.window}-{c.sharpness}")
@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=5), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=8)
def test_segments_equal_the_whole(config: AttentionConfig, cuts: list[int], seed: int) -> None:
    model = build(config)
    ids_tb = text(sum(cuts) + 1, 3, seed)
    whole_tb, whole_state = model.score(ids_tb[:-1], ids_tb[1:], model.initial_state(3))
    state, parts, start = model.initial_state(3), [], 0
    for cut in cuts:
        nll_tb, state = model.score(ids_tb[start : start + cut], ids_tb[start + 1 : start + cut + 1], state)
        parts.append(nll_tb)
        start += cut
    torch.testing.assert_close(torch.cat(parts), whole_tb, rtol=0, atol=1e-6)
    for part, whole in zip(state, whole_state, strict=True):
        torch.testing.assert_close(part, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.positions}-{c.window}-{c.sharpness}")
def test_steps_equal_the_whole_and_sum_to_one(config: AttentionConfig) -> None:
    model = build(config)
    ids_tb = text(10, 2, seed=1)
    expected_tb, _ = model.score(ids_tb[:-1], ids_tb[1:], model.initial_state(2))
    state = model.initial_state(2)
    for t in range(9):
        log_probs_bv, state = model.step(ids_tb[t], state)
        torch.testing.assert_close(log_probs_bv.exp().sum(1), torch.ones(2).double())
        nll_b = -log_probs_bv.gather(1, ids_tb[t + 1][:, None]).squeeze(1)
        torch.testing.assert_close(nll_b, expected_tb[t], rtol=0, atol=1e-6)


def test_the_future_does_not_reach_the_past() -> None:
    model = build(AttentionConfig(hidden_size=16, heads=2))
    ids_tb = text(8, 1, seed=2)
    changed_tb = ids_tb.clone()
    changed_tb[5] = (changed_tb[5] + 1) % V
    before_tb, _ = model.score(ids_tb[:-1], ids_tb[1:], model.initial_state(1))
    after_tb, _ = model.score(changed_tb[:-1], ids_tb[1:], model.initial_state(1))
    torch.testing.assert_close(before_tb[:5], after_tb[:5], rtol=0, atol=0)
    assert not torch.allclose(before_tb[5:], after_tb[5:])


def test_without_a_window_the_first_token_is_always_seen_and_with_one_it_is_not() -> None:
    ids_tb = text(8, 1, seed=3)
    changed_tb = ids_tb.clone()
    changed_tb[0] = (changed_tb[0] + 1) % V
    for window, seen in ((None, True), (4, False)):
        model = build(AttentionConfig(hidden_size=16, heads=2, layers=1, window=window))
        last = [model.score(x[:-1], ids_tb[1:], model.initial_state(1))[0][-1] for x in (ids_tb, changed_tb)]
        assert torch.equal(*last) != seen


def test_what_a_local_layer_makes_of_a_word_does_not_depend_on_where_it_stands() -> None:
    """After the first window, the memory of the second layer's inputs repeats as the text does."""
    model = build(AttentionConfig(hidden_size=16, heads=2, layers=2, sharpness="constant"))
    once_tb = text(10, 1, seed=5)
    _, state = model.score(once_tb.repeat(3, 1), once_tb.repeat(3, 1), model.initial_state(1))
    torch.testing.assert_close(state[1][10:20], state[1][20:30])


def test_state_grows_by_one_per_token_up_to_the_window_and_can_be_selected() -> None:
    model = build(AttentionConfig(hidden_size=16, heads=2, window=3))
    assert isinstance(model, LanguageModel)
    state, lengths = model.initial_state(2), []
    for _ in range(5):
        lengths.append(len(state[0]))
        _, state = model.step(torch.tensor([1, 2]), state)
    assert lengths == [0, 1, 2, 3, 3]
    log_probs_bv, _ = model.step(torch.tensor([4, 5]), state)
    second_bv, _ = model.step(torch.tensor([5]), select(state, torch.tensor([1])))
    torch.testing.assert_close(second_bv[0], log_probs_bv[1])


def test_ignored_targets_score_zero() -> None:
    model = build(AttentionConfig(hidden_size=16, heads=2))
    nll_tb, _ = model.score(text(3, 2, 4), torch.full((3, 2), IGNORE), model.initial_state(2))
    assert not nll_tb.any()


def test_same_generator_seed_same_weights() -> None:
    config = AttentionConfig(hidden_size=16, heads=2)
    same = zip(build(config, 7).parameters(), build(config, 7).parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    assert not torch.equal(build(config, 7).embedding.weight, build(config, 8).embedding.weight)


@given(shift=st.integers(0, 50), seed=st.integers(0, 100))
@settings(deadline=None, max_examples=10)
def test_rotated_products_depend_on_distance_alone(shift: int, seed: int) -> None:
    vectors = torch.randn(1, 1, 6, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    here = rotate(vectors, torch.arange(6))
    there = rotate(vectors, torch.arange(6) + shift)
    torch.testing.assert_close(here @ here.mT, there @ there.mT)


def test_alibi_slopes_are_those_of_the_paper() -> None:
    (view,) = layer_views(AttentionConfig(heads=8, layers=1, positions="alibi"))
    assert view.slopes == tuple(2.0**-power for power in range(1, 9))


def test_all_layers_but_the_last_are_local_by_default() -> None:
    first, last = layer_views(AttentionConfig(layers=2))
    assert (first.window, first.sharpened) == (LOCAL_WINDOW, False)
    assert (last.window, last.slopes, last.sharpened) == (None, (0.0,) * 4, True)


@pytest.mark.parametrize(
    "wrong",
    [{"hidden_size": 17}, {"hidden_size": 18, "positions": "rotary"}, {"heads": 0}, {"window": 0}, {"layers": 0}],
)
def test_impossible_sizes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        AttentionConfig(**{"hidden_size": 16, "heads": 2, **wrong})
