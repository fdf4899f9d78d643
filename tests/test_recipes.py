"""Recipes are presets that fit the commands, with their loss converted as they say."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from rnn_lm.commands import train
from rnn_lm.flags import parse_options
from rnn_lm.models.recurrent import RecurrentLanguageModel, count_parameters
from rnn_lm.recipes import PRESETS, RECIPES
from rnn_lm.seeding import generator
from rnn_lm.training.optimizer import build_optimizer


@pytest.mark.parametrize("name", RECIPES)
def test_each_is_a_preset_that_help_lists_and_that_sets_what_it_says(name, capsys):
    options = parse_options(train.Options, ["--preset", name], "rnn-lm train")
    for part, values in RECIPES[name].values.items():
        for field, value in values.items():
            assert getattr(getattr(options, part), field) == value
    with pytest.raises(SystemExit):
        parse_options(train.Options, ["--help"], "rnn-lm train")
    assert name in capsys.readouterr().out
    assert name in PRESETS


def test_the_loss_of_zaremba_is_converted_exactly():
    """On the mean over T and B: rate T, clipped at c / T. On their sum over T: rate 1, clipped at c. One update."""
    settings, steps = RECIPES["zaremba-small"].values["training"], 20
    gradient = torch.tensor([0.3, -0.4], dtype=torch.float64)  # of the mean over T and B: norm 0.5
    for scaled in (gradient, gradient / 10):
        summed = steps * scaled
        theirs = 1.0 * summed * min(1.0, 5.0 / float(summed.norm()))
        factor = min(1.0, settings["clip_threshold"] / float(scaled.norm()))
        torch.testing.assert_close(settings["learning_rate"] * scaled * factor, theirs)


@pytest.mark.parametrize("name", ["lstm-24m", "mogrifier-24m"])
def test_the_tuned_recipes_are_as_large_as_they_say_and_their_loss_is_converted(name):
    options = parse_options(train.Options, ["--preset", name], "rnn-lm train")
    size, training = options.embedding.embedding_size, options.training
    assert 23.9e6 < count_parameters(10_000, size, options.model) <= 24e6
    assert options.model.hidden_size == size
    assert math.isclose(training.clip_threshold * training.bptt_length, 10)
    assert math.isclose(training.weight_decay * training.bptt_length, 2.5e-4, rel_tol=0.01)
    small = dataclasses.replace(options.model, hidden_size=6, mogrifier_rank=2)
    model = RecurrentLanguageModel(20, 6, small, generator(1, "start"))
    optimizer = build_optimizer(model, training)
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.defaults["betas"] == (0.0, 0.999)
    masks = model.draw_masks(3, generator(1, "dropout"), 5)
    hidden_tbh, _ = model.hidden(torch.zeros(5, 3, dtype=torch.long), model.initial_state(3), masks)
    assert torch.isfinite(hidden_tbh).all()


def test_the_last_layer_of_awd_lstm_is_tied_without_a_projection():
    options = parse_options(train.Options, ["--preset", "awd-lstm"], "rnn-lm train")
    assert options.model.layer_sizes == (1150, 1150, 400)
    assert options.model.layer_sizes[-1] == options.embedding.embedding_size
    assert math.isclose(RECIPES["awd-lstm"].test_perplexity, 57.3)
