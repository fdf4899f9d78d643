"""Presets are defaults: chosen by name or by a budget of time, and overridden by any flag."""

from __future__ import annotations

import dataclasses

import pytest

from rnn_lm.cli import parse_options
from rnn_lm.commands import compare, evaluate, train
from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.presets import PRESETS, default_options

TEN = PRESETS["ten-minutes"].values["model"]


@pytest.mark.parametrize("kind", [train.Options, compare.Options])
@pytest.mark.parametrize("flags", [["--preset", "ten-minutes"], ["--preset=ten-minutes"], ["--budget", "10m"]])
def test_a_preset_changes_defaults(kind: type, flags: list[str]) -> None:
    options = parse_options(kind, flags, "rnn-lm")
    assert options.preset == "ten-minutes"
    assert {name: getattr(options.model, name) for name in TEN} == TEN


def test_every_flag_overrides_it() -> None:
    options = parse_options(train.Options, ["--preset", "ten-minutes", "--hidden-size", "64"], "rnn-lm train")
    assert options.model == dataclasses.replace(ModelConfig(), **{**TEN, "hidden_size": 64})


@pytest.mark.parametrize("flags", [[], ["--budget", "3epochs"], ["--budget", "60s"], ["--preset", "quick"]])
def test_short_budgets_and_those_not_of_time_keep_the_usual_defaults(flags: list[str]) -> None:
    options = parse_options(train.Options, flags, "rnn-lm train")
    assert options.model == ModelConfig()


def test_a_name_wins_over_the_budget() -> None:
    options = parse_options(train.Options, ["--budget", "10m", "--preset", "quick"], "rnn-lm train")
    assert (options.model, options.training.budget) == (ModelConfig(), "10m")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_fits_the_commands(name: str) -> None:
    for kind in (train.Options, compare.Options):
        assert default_options(kind, ["--preset", name]) is not None


def test_a_command_without_presets_has_none() -> None:
    assert default_options(evaluate.Options, ["--preset", "quick"]) is None


def test_a_misspelt_preset_or_a_missing_value_is_one_line() -> None:
    with pytest.raises(UserError, match="did you mean 'ten-minutes'"):
        parse_options(train.Options, ["--preset", "ten-minute"], "rnn-lm train")
    with pytest.raises(UserError, match="--preset needs a value"):
        parse_options(train.Options, ["--preset"], "rnn-lm train")
