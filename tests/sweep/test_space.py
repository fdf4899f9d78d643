"""The search space: read as it is written, refused in one line before anything is trained."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.sweep.configs import RunConfigs
from rnn_lm.sweep.space import Choices, Range, field_types, parse_space

CONFIGS = RunConfigs(EmbeddingConfig(), ModelConfig(), TrainingConfig())


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("learning-rate=1e-3..3e-2:log", Range("learning_rate", 0.001, 0.03, scale="log")),
        ("learning_rate=1e-3..3e-2", Range("learning_rate", 0.001, 0.03)),
        ("--dropout-output=0..0.5", Range("dropout_output", 0.0, 0.5)),
        ("dropout-output=0..0.5:0.1", Range("dropout_output", 0.0, 0.5, 0.1)),
        ("hidden-size=200..600:50", Range("hidden_size", 200, 600, 50)),
        ("hidden-size=16..512:log", Range("hidden_size", 16, 512, scale="log")),
        ("layers=1..3", Range("layers", 1, 3)),
        ("forget-bias=-1..2.5", Range("forget_bias", -1.0, 2.5)),
        ("patience=2..5", Range("patience", 2, 5)),
        ("patience=2,5,none", Choices("patience", (2, 5, None))),
        ("cell=lstm,gru", Choices("cell", ("lstm", "gru"))),
        ("batch-size=16, 32 ,64", Choices("batch_size", (16, 32, 64))),
        ("tie-weights=true,False", Choices("tie_weights", (True, False))),
        ("optimizer=adamw,sgd", Choices("optimizer", ("adamw", "sgd"))),
        ("budget=1epochs,200steps", Choices("budget", ("1epochs", "200steps"))),
        ("embedding=../a.txt,random", Choices("embedding", ("../a.txt", "random"))),
    ],
)
def test_dimensions_are_read(text, dimension):
    assert parse_space([text], CONFIGS) == (dimension,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hidden-size", "write NAME=LOW..HIGH"),
        ("hidden-size=", "write NAME=LOW..HIGH"),
        ("hiden-size=1..3", "did you mean 'hidden-size'"),
        ("min-count=1..3", "unknown setting 'min-count'"),
        ("hidden-size=300", "one value leaves nothing to search; give it as --hidden-size"),
        ("hidden-size=1.5..3", "--hidden-size takes whole numbers, and 1.5 is none"),
        ("hidden-size=8,9.5", "--hidden-size takes whole numbers, and 9.5 is none"),
        ("hidden-size=8,many", "'many' is not a number"),
        ("hidden-size=8..many", "8..many is not a range"),
        ("hidden-size=..8", "..8 is not a range"),
        ("hidden-size=9..8", "9 is not below 8"),
        ("hidden-size=8..8", "8 is not below 8"),
        ("hidden-size=0..8", "--hidden-size must be at least 1"),
        ("hidden-size=8..16:5", "steps of 5 from 8 do not reach 16; end at 13"),
        ("hidden-size=8..16:50", "end at 58"),
        ("hidden-size=8..16:0", "the step must be above 0"),
        ("hidden-size=8..16:lin", "'lin' is neither log nor a step"),
        ("hidden-size=8..16:1.5", "whole numbers, and 1.5"),
        ("hidden-size=8,8", "twice"),
        ("dropout-output=0..0.5:log", "a log scale has no 0"),
        ("dropout-output=0.5..1", "--dropout-output must be in [0, 1), not 1"),
        ("learning-rate=nan,1", "'nan' is not a number"),
        ("learning-rate=0,0.1", "--learning-rate must be above 0"),
        ("tie-weights=yes,no", "'yes' is neither true nor false"),
        ("optimizer=adamww,sgd", "did you mean 'adamw'"),
        ("cell=lstm,,gru", "a value is missing"),
        ("budget=1epochs,banana", "--budget 'banana' is not a length of training"),
    ],
)
def test_what_cannot_be_used_is_answered_with_the_mend(text, message):
    with pytest.raises(UserError) as refused:
        parse_space([text], CONFIGS)
    line = str(refused.value)
    assert line.startswith(f"--space {text}: ")
    assert message in line
    assert "\n" not in line


def test_a_space_names_something_and_names_it_once():
    with pytest.raises(UserError, match="--space names what to search over"):
        parse_space([], CONFIGS)
    with pytest.raises(UserError, match="layers more than once"):
        parse_space(["layers=1..3", "cell=lstm,gru", "layers=4..5"], CONFIGS)


def test_every_field_may_be_searched_over_and_no_two_share_a_name():
    names = [
        field.name for kind in (EmbeddingConfig, ModelConfig, TrainingConfig) for field in dataclasses.fields(kind)
    ]
    assert sorted(names) == sorted(field_types())
    assert len(set(names)) == len(names)


NUMBERS = st.integers(1, 10_000)
FLOATS = st.floats(1e-6, 1e3, allow_nan=False)


@given(NUMBERS, NUMBERS, st.integers(1, 50))
def test_whole_number_ranges_survive_being_written_and_read(low, steps, step):
    for dimension in (Range("hidden_size", low, low + steps * step, step), Range("hidden_size", low, low + steps)):
        assert parse_space([str(dimension)], CONFIGS) == (dimension,)


@given(FLOATS, FLOATS, st.sampled_from(["linear", "log"]))
def test_ranges_of_reals_survive_being_written_and_read(one, other, scale):
    if one != other:
        dimension = Range("learning_rate", min(one, other), max(one, other), scale=scale)
        assert parse_space([str(dimension)], CONFIGS) == (dimension,)


@settings(deadline=None)
@given(st.lists(FLOATS, min_size=2, unique=True))
def test_lists_survive_being_written_and_read(values):
    dimension = Choices("learning_rate", tuple(values))
    assert parse_space([str(dimension)], CONFIGS) == (dimension,)


@given(st.sampled_from(sorted(field_types())), st.text(max_size=20))
def test_any_text_is_read_or_refused_in_one_line(field, text):
    try:
        read = [dimension.field for dimension in parse_space([f"{field}={text}"], CONFIGS)]
    except UserError as error:
        read = str(error).splitlines()
    assert len(read) == 1
