"""The softmax temperature: by its definition, and the best one by trying them all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnn_lm.adaptation.config import AdaptationConfig, DynamicSettings
from rnn_lm.adaptation.dynamic import Dynamic
from rnn_lm.adaptation.reading import read_adapting
from rnn_lm.adaptation.temperature import LEAST, MOST, best_temperature, nll_and_slopes
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import score_text


def sharpened(model, factor: float):
    """The same model, ``factor`` times as sure of itself: its decoder's output grows, and nothing else."""
    with torch.no_grad():
        model.decoder.weight.mul_(factor)
        model.decoder.bias.mul_(factor)
    return model


def test_every_decoders_logits_are_divided(any_model, text_of):
    text = text_of(60)
    with torch.inference_mode():
        input_n, target_n = text.inputs_and_targets()
        log_prob_nv = any_model.eval()(input_n[:, None], any_model.initial_state(1))[0][:, 0]
        expected_n = -torch.log_softmax(log_prob_nv / 1.7, 1).gather(1, target_n[:, None])[:, 0]
    found_n = read_adapting(any_model, text, temperature=1.7, block=13).nll_n
    np.testing.assert_allclose(found_n, expected_n, rtol=0, atol=1e-12)
    still = Dynamic(DynamicSettings("sgd", 0.0, 0.0, 5), {})  # with gradients, which go another way
    np.testing.assert_allclose(
        read_adapting(any_model, text, (), still, temperature=1.7).nll_n, expected_n, rtol=0, atol=1e-12
    )


def test_a_temperature_of_one_is_the_model_to_the_bit(any_model, text_of):
    text = text_of(60)
    static_n = score_text(any_model, text, "stream").nll_n
    np.testing.assert_array_equal(read_adapting(any_model, text, temperature=1.0).nll_n, static_n)


def test_dynamic_evaluation_learns_from_what_is_scored(model_of, text_of):
    """With logits halved by a temperature, or in the decoder itself, whose rate is then a quarter."""
    text, model = text_of(40), model_of(tie_weights=False)
    for parameter in (model.embedding.weight, *model.layers.parameters()):
        parameter.requires_grad_(False)
    warm_n = read_adapting(model, text, (), Dynamic(DynamicSettings("sgd", 0.4, 0.0, 5), {}), temperature=2.0).nll_n
    halved = sharpened(model, 0.5)
    np.testing.assert_allclose(
        warm_n, read_adapting(halved, text, (), Dynamic(DynamicSettings("sgd", 0.1, 0.0, 5), {})).nll_n, atol=1e-10
    )


@pytest.mark.parametrize("sharper", [0.6, 1.0, 3.0])
def test_the_best_temperature_is_the_lowest_of_all(model_of, text_of, sharper):
    text, model = text_of(300), sharpened(model_of(tie_weights=False, embedding_range=2.0), sharper)
    best = best_temperature(model, text)
    nlls = {
        degree: read_adapting(model, text, temperature=degree).nll_n.mean()
        for degree in (best - 0.004, best, best + 0.004)
    }
    assert min(nlls, key=nlls.__getitem__) == best
    assert LEAST < best < 0.9 * MOST


def test_a_model_that_knows_nothing_ends_at_the_limit(model_of, text_of):
    blind = sharpened(model_of(tie_weights=False, embedding_range=50.0), 1e3)
    assert best_temperature(blind, text_of(100)) == pytest.approx(MOST, rel=0.01)


def test_slopes_are_the_derivatives(any_model, text_of):
    text = text_of(50)
    input_n, target_n = text.inputs_and_targets()
    with torch.inference_mode():
        output_nd = any_model.eval().encode(input_n[:, None], any_model.initial_state(1))[0][:, 0]
        step = 1e-4
        below, at, above = (nll_and_slopes(any_model, output_nd, target_n, 0.8 + k * step) for k in (-1, 0, 1))
    assert at[1] == pytest.approx((above[0] - below[0]) / (2 * step), abs=1e-7)
    assert at[2] == pytest.approx((above[1] - below[1]) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "1e9", "warm"])
def test_what_is_no_temperature_is_refused(value):
    with pytest.raises(UserError, match=f"--temperature {value}: write auto, or a number above 0"):
        AdaptationConfig(temperature=value)
