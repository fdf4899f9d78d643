"""Settings beyond sense: whatever number a flag is given, it is accepted or refused in one line that names the flag."""

from __future__ import annotations

import dataclasses
import importlib
import math
import typing
from typing import Any

import pytest

from rnn_lm.commands import COMMANDS
from rnn_lm.config import EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.experiments.model_runs import RecurrentSpec
from rnn_lm.limits import check_numbers
from rnn_lm.training.sizes import require_model_fits, require_segment_fits

NUMBERS = [math.inf, -math.inf, math.nan, -1, 0, 2**31, 2**63, 2**64, 10**30]


def configs() -> list[type]:
    """Every dataclass that flags come from, by way of the commands' ``Options``."""
    found: dict[type, None] = {}

    def visit(kind: Any) -> None:
        if dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind not in found:
            found[kind] = None
            for hint in typing.get_type_hints(kind).values():
                visit(hint)

    for name in COMMANDS:
        visit(importlib.import_module(f"rnn_lm.commands.{name}").Options)
    return [kind for kind in found if not kind.__module__.startswith("rnn_lm.commands")]


def numeric_fields(kind: type) -> list[tuple[str, bool, bool]]:
    """Name, whether it is whole, whether it is a tuple."""
    rows = []
    for name, hint in typing.get_type_hints(kind).items():
        parts = typing.get_args(hint) or (hint,)
        tuples = typing.get_origin(hint) is tuple
        for one in (int, float):
            if one in parts:
                rows.append((name, one is int, tuples))
    return [row for row in rows if row[0] in {field.name for field in dataclasses.fields(kind)}]


CASES = [(kind, *row) for kind in configs() for row in numeric_fields(kind)]


def test_there_are_as_many_as_there_should_be():
    assert len(CASES) > 70


@pytest.mark.parametrize(
    ("kind", "name", "whole", "several"), CASES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_any_number_is_accepted_or_refused_in_a_line_that_names_the_flag(kind, name, whole, several):
    for number in NUMBERS:
        if whole and not isinstance(number, int):
            continue  # the parser of flags refuses it
        value = number if whole else float(number)
        line = refusal(kind, {name: (value, value, value) if several else value})
        if line is None:
            assert math.isfinite(value)
            assert abs(value) < 2**63
        else:
            assert "\n" not in line
            words = name.removeprefix("cache_").removeprefix("dynamic_").replace("_", "-")
            assert words in line or "--cache-..." in line or "--dynamic-..." in line


def refusal(kind: type, settings: dict[str, Any]) -> str | None:
    """What is said to ``settings``; None where they are accepted."""
    try:
        check_numbers(kind(**settings))
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("model", "embedding_size", "training", "flag"),
    [
        ({"hidden_size": 10**12}, 300, {}, "--hidden-size 1000000000000"),
        ({"hidden_size": 10**6, "layers": 1000}, 300, {}, "--layers 1000"),
        ({}, 10**12, {}, "--embedding-size 1000000000000"),
        ({"cell": "mogrifier", "mogrifier_rank": 10**12}, 300, {}, "--mogrifier-rank 1000000000000"),
        ({}, 300, {"softmax_samples": 10**9}, "--softmax-samples 1000000000"),
    ],
)
def test_a_model_that_no_memory_holds_is_refused_before_it_is_built(model, embedding_size, training, flag):
    configs = ModelConfig(**model), TrainingConfig(**training)
    with pytest.raises(UserError, match=rf"{flag}.* GB of memory, this machine has \d+"):
        require_model_fits(1, embedding_size, *configs)
    spec = RecurrentSpec("x", *configs, EmbeddingConfig(), None, embedding_size)
    with pytest.raises(UserError, match="GB of memory"):
        spec.build(10)


def test_a_segment_is_as_long_as_the_text_at_most():
    training = TrainingConfig(batch_size=10**9, bptt_length=10**9)
    with pytest.raises(UserError, match=r"--batch-size 1000000000 --bptt-length 1000000000: .* GB"):
        require_segment_fits(10**12, 300, ModelConfig(), training)
    require_segment_fits(1000, 300, ModelConfig(), training)


def test_the_defaults_and_the_recipes_fit_a_small_machine(monkeypatch):
    monkeypatch.setattr("rnn_lm.memory.available_memory", lambda: 2 * 10**9)
    require_model_fits(10_000, 300, ModelConfig(), TrainingConfig())
    require_segment_fits(10**6, 300, ModelConfig(), TrainingConfig())
