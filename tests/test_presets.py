"""Presets are defaults: chosen by name or by a budget of time, and overridden by any flag."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path

import pytest

from rnn_lm.commands import compare, evaluate, train
from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.flags import parse_options
from rnn_lm.presets import default_options
from rnn_lm.recipes import PRESETS

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


def test_every_preset_is_what_is_recorded_of_it() -> None:
    """A change of one is meant: it is made in both files."""
    recorded = json.loads((Path(__file__).parent / "golden" / "presets.json").read_text())
    assert recorded.keys() <= set(PRESETS)
    for name, parts in recorded.items():
        options = parse_options(train.Options, ["--preset", name], "rnn-lm train")
        own = parse_options(compare.Options, ["--preset", name], "rnn-lm compare")
        for part in ("embedding", "model", "training"):
            values = dataclasses.asdict(getattr(options, part))
            kept = {setting: values[setting] for setting in parts[part]}
            # By their digits and types: 2 is not 2.0 here.
            assert json.dumps(kept) == json.dumps(parts[part])
            assert getattr(own, part) == getattr(options, part)
        for setting, value in parts["compare"].items():
            assert getattr(own, setting) == value


def test_the_files_of_presets_are_such_that_a_person_could_give(tmp_path: Path) -> None:
    for name in PRESETS:
        text = resources.files("rnn_lm.recipes").joinpath(f"{name}.toml").read_text()
        (tmp_path / f"{name}.toml").write_text(text)
        for kind in (train.Options, compare.Options):
            given = parse_options(kind, ["--config", str(tmp_path / f"{name}.toml")], "rnn-lm")
            named = parse_options(kind, ["--preset", name], "rnn-lm")
            assert dataclasses.replace(given, preset=name) == named


def test_a_command_without_presets_has_none() -> None:
    assert default_options(evaluate.Options, ["--preset", "quick"]) is None


def test_a_misspelt_preset_or_a_missing_value_is_one_line() -> None:
    with pytest.raises(UserError, match="did you mean 'ten-minutes'"):
        parse_options(train.Options, ["--preset", "ten-minute"], "rnn-lm train")
    with pytest.raises(UserError, match="--preset needs a value"):
        parse_options(train.Options, ["--preset"], "rnn-lm train")
