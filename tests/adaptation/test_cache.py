"""The neural cache against its definition, token by token."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnn_lm.adaptation.cache import NeuralCache, mixed_nll
from rnn_lm.adaptation.config import CacheSettings
from rnn_lm.adaptation.reading import read_adapting
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.stream import EncodedText


@torch.no_grad()
def by_definition(model: RecurrentLanguageModel, text: EncodedText, cache: CacheSettings) -> np.ndarray:
    """-log of (1 - lambda) P_model + lambda P_cache, whole distributions, one token after the other."""
    model.eval()
    state, previous, history, nll = model.initial_state(1), text.eos_id, [], []
    for token in text.ids_n.tolist():
        output_tbd, state = model.encode(torch.tensor([[previous]]), state)
        hidden_d = output_tbd[0, 0]
        p_v = model.logits(output_tbd[0]).softmax(-1)[0]
        kept = history[-cache.cache_window :]
        if kept:
            cached_v = torch.zeros_like(p_v)
            for older_d, followed_by in kept:
                cached_v[followed_by] += torch.exp(cache.cache_theta * (hidden_d @ older_d))
            p_v = (1 - cache.cache_weight) * p_v + cache.cache_weight * cached_v / cached_v.sum()
        assert float(p_v.sum()) == pytest.approx(1, abs=1e-12)
        nll.append(-float(p_v[token].log()))
        history.append((hidden_d, token))
        previous = token
    return np.array(nll)


@pytest.mark.parametrize("window", [1, 7, 500])
def test_nll_is_that_of_the_definition(any_model, text_of, window):
    settings, text = CacheSettings(window, 0.7, 0.3), text_of(90)
    expected = by_definition(any_model, text, settings)
    found = read_adapting(any_model, text, [settings], block=13).mixed_nll_n(0, 0.3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-10)
    assert np.abs(found.numpy() - read_adapting(any_model, text).nll_n.numpy()).max() > 0.01


def test_no_result_depends_on_the_block_size(model_of, text_of):
    model, text = model_of(), text_of(120)
    caches = [CacheSettings(10, 0.5, 0.2), CacheSettings(50, 2.0, 0.2)]
    usual = read_adapting(model, text, caches)
    for block in (1, 7, 50, 64):
        other = read_adapting(model, text, caches, block=block)
        for number in range(2):
            np.testing.assert_allclose(other.mixed_nll_n(number, 0.2), usual.mixed_nll_n(number, 0.2), atol=1e-10)


def test_probabilities_of_all_words_sum_to_one(text_of):
    hidden_nd, ids_n = torch.randn(40, 8, dtype=torch.float64), text_of(40).ids_n
    total = 0.0
    for word in range(8):
        cache = NeuralCache(15, 0.4, 10, 8, hidden_nd)
        ends_in_word_n = torch.cat([ids_n[:-1], torch.tensor([word])])
        blocks = [slice(first, first + 10) for first in range(0, 40, 10)]
        total += [float(cache.probability(hidden_nd[block], ends_in_word_n[block])[-1]) for block in blocks][-1]
    assert total == pytest.approx(1, abs=1e-12)


def test_a_block_longer_than_the_ring_was_made_for_is_refused():
    cache = NeuralCache(15, 0.4, 10, 8, torch.zeros(1))
    with pytest.raises(ValueError, match="blocks of 10"):
        cache.probability(torch.randn(11, 8), torch.zeros(11, dtype=torch.int64))


def test_the_cache_is_as_large_after_a_long_text_as_at_its_start():
    cache = NeuralCache(15, 0.4, 10, 8, torch.zeros(1))
    sizes = set()
    for _ in range(20):
        cache.probability(torch.randn(10, 8), torch.zeros(10, dtype=torch.int64))
        sizes.add(sum(part.numel() for part in vars(cache).values() if isinstance(part, torch.Tensor)))
    assert sizes == {25 * (8 + 2)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_weight_the_static_nll_comes_back_to_the_bit(model_of, text_of, dtype):
    model, text = model_of(dtype), text_of(2500)
    reading = read_adapting(model, text, [CacheSettings(20, 0.3, 0.0)])
    np.testing.assert_array_equal(reading.mixed_nll_n(0, 0.0).numpy(), score_text(model, text, "stream").nll_n)


def test_very_unlike_states_leave_the_model_its_share():
    nll_n = mixed_nll(torch.tensor([2.0, 3.0], dtype=torch.float64), torch.zeros(2, dtype=torch.float64), 0.25)
    np.testing.assert_allclose(nll_n, [2 - np.log(0.75), 3 - np.log(0.75)])


def test_float32_agrees_with_float64(model_of, text_of):
    text, cache = text_of(300), CacheSettings(50, 1.0, 0.3)
    single, double = (
        read_adapting(model_of().to(dtype), text, [cache]).mixed_nll_n(0, 0.3)
        for dtype in (torch.float32, torch.float64)
    )
    np.testing.assert_allclose(single, double, atol=1e-4)


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"cache_window": 0}, "--cache-window"),
        ({"cache_theta": -1.0}, "--cache-theta"),
        ({"cache_theta": float("nan")}, "--cache-theta"),
        ({"cache_weight": 1.0}, "--cache-weight"),
    ],
)
def test_impossible_settings_are_refused(changed, flag):
    with pytest.raises(UserError, match=flag):
        CacheSettings(**changed)
