"""Recipes are presets that fit the commands, with their loss converted as they say."""

from __future__ import annotations

import math

import pytest
import torch

from rnn_lm.commands import train
from rnn_lm.flags import parse_options
from rnn_lm.recipes import PRESETS, RECIPES


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


def test_the_last_layer_of_awd_lstm_is_tied_without_a_projection():
    options = parse_options(train.Options, ["--preset", "awd-lstm"], "rnn-lm train")
    assert options.model.layer_sizes == (1150, 1150, 400)
    assert options.model.layer_sizes[-1] == options.embedding.embedding_size
    assert math.isclose(RECIPES["awd-lstm"].test_perplexity, 57.3)
