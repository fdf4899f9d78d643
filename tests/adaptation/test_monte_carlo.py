"""Monte-Carlo dropout: the mean of probabilities, by masks that are drawn one sample after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnn_lm.adaptation.monte_carlo import (
    SEGMENT,
    TEMPERATURES,
    best_sampling_temperature,
    has_dropout,
    sampled_nll,
)
from rnn_lm.config import ModelConfig
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.seeding import generator

DROPOUT = {"dropout_input": 0.2, "dropout_between": 0.3, "dropout_output": 0.5, "layers": 2}


def by_definition(model, text, samples: int, columns: int, seed: int, temperature: float = 1.0) -> np.ndarray:
    """Whole distributions, in float64, of every sample by itself."""
    source, input_n, target_n = generator(seed, "Monte-Carlo dropout"), *text.inputs_and_targets()
    probability_n = torch.zeros(len(text), dtype=torch.float64)
    with torch.inference_mode():
        for _ in range(0, samples, columns):
            states = [model.initial_state(1) for _ in range(columns)]
            for part_t in torch.arange(len(text)).split(SEGMENT):
                masks = model.draw_masks(columns, source, len(part_t))
                for column in range(columns):
                    own = masks.part(slice(column, column + 1), torch.device("cpu"))
                    output_tbd, states[column] = model.encode(input_n[part_t, None], states[column], own)
                    softmax_tv = torch.softmax(model.logits(output_tbd[:, 0]) / temperature, 1)
                    probability_n[part_t] += softmax_tv.gather(1, target_n[part_t, None])[:, 0] / samples
    return -probability_n.log().numpy()


@pytest.mark.parametrize("masks", ["segment", "step"])
def test_it_is_the_mean_of_the_samples_probabilities(model_of, text_of, masks):
    model, text = model_of(**DROPOUT, dropout_masks=masks), text_of(SEGMENT + 20)
    found_kn = sampled_nll(model, text, 3, seed=7, temperatures=(1.0, 1.6))
    np.testing.assert_allclose(found_kn[0], by_definition(model, text, 3, 3, 7), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found_kn[1], by_definition(model, text, 3, 3, 7, 1.6), rtol=0, atol=1e-12)


def test_samples_do_not_share_the_masks_of_matrices(model_of, text_of):
    model, text = model_of(**DROPOUT, dropout_recurrent=0.4, dropout_embedding=0.2), text_of(SEGMENT + 20)
    np.testing.assert_allclose(
        sampled_nll(model, text, 3, seed=7)[0], by_definition(model, text, 3, 1, 7), rtol=0, atol=1e-12
    )


def test_more_samples_come_closer_to_each_other_and_a_seed_repeats_them(model_of, text_of):
    model, text = model_of(**DROPOUT), text_of(60)
    one, other, again = (sampled_nll(model, text, 2, seed=seed)[0] for seed in (1, 2, 1))
    assert torch.equal(one, again)
    many, others = (sampled_nll(model, text, 200, seed=seed)[0] for seed in (1, 2))
    assert (many - others).abs().mean() < 0.2 * (one - other).abs().mean()
    assert many.mean() != pytest.approx(score_text(model, text, "stream").nll_n.mean(), abs=1e-6)


def test_the_best_temperature_is_the_lowest_of_those_tried(model_of, text_of):
    model, text = model_of(**DROPOUT), text_of(80)
    with torch.no_grad():
        model.embedding.weight.mul_(4)  # tied: sure of itself without a reason
    best = best_sampling_temperature(model, text, 4, seed=1)
    nlls = {degree: sampled_nll(model, text, 4, seed=1, temperatures=[degree]).mean() for degree in TEMPERATURES}
    assert best == min(nlls, key=nlls.__getitem__) > 1
    assert all(math.isfinite(nll) for nll in nlls.values())


def test_a_model_without_dropout_has_no_masks_to_draw():
    assert not has_dropout(ModelConfig(dropout_masks="step"))
    assert has_dropout(ModelConfig(dropout_recurrent=0.1))
