"""Settings that hold in one mode only: every setting is one of them or always does something, and outside its mode a
value that a person gives is refused with the mode and the mend."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rnn_lm.commands import train
from rnn_lm.conditions import (
    above,
    as_flags,
    conditions_of,
    either,
    given,
    has_effect,
    holding,
    least,
    only,
    other_than,
    require_effect,
    settings_of,
)
from rnn_lm.config import CorpusConfig, EmbeddingConfig, GenerationConfig, ModelConfig, TrainingConfig
from rnn_lm.errors import UserError

WORKS_AND_DOES_NOT = [
    ("encoding", CorpusConfig, "cp1252", {"corpus": ("a.txt",)}, {}, "--corpus FILE or FOLDER"),
    ("split", CorpusConfig, (0.8, 0.1, 0.1), {"corpus": ("a.txt",)}, {}, "--corpus FILE"),
    ("algorithm", EmbeddingConfig, "cbow", {}, {"embedding": "random"}, "--embedding word2vec"),
    ("window", EmbeddingConfig, 2, {}, {"embedding": "vectors.txt"}, "--embedding word2vec"),
    ("negatives", EmbeddingConfig, 2, {}, {"embedding": "random"}, "--embedding word2vec"),
    ("embedding_epochs", EmbeddingConfig, 2, {}, {"embedding": "random"}, "--embedding word2vec"),
    ("freeze_embedding", EmbeddingConfig, True, {}, {"embedding": "random"}, "another --embedding than random"),
    ("mogrifier_rounds", ModelConfig, 3, {"cell": "mogrifier"}, {}, "--cell mogrifier"),
    ("mogrifier_rank", ModelConfig, 3, {"cell": "mogrifier"}, {}, "--cell mogrifier"),
    ("mogrifier_rank", ModelConfig, 3, {"cell": "mogrifier"}, {"mogrifier_rounds": 0}, "--mogrifier-rounds 1 or more"),
    ("dropout_between", ModelConfig, 0.1, {"layers": 2}, {}, "--layers 2 or more"),
    ("dropout_masks", ModelConfig, "step", {"dropout_input": 0.1}, {"dropout_recurrent": 0.1}, "--dropout-input above"),
    ("forget_bias", ModelConfig, 0.0, {}, {"cell": "gru"}, "--cell lstm or mogrifier"),
    ("embedding_range", ModelConfig, 0.1, {}, {"init_range": 0.1}, "leave out --init-range"),
    ("recurrent_init", ModelConfig, "uniform", {}, {"init_range": 0.1}, "leave out --init-range"),
    ("recurrent_gain", ModelConfig, 0.5, {}, {"recurrent_init": "uniform"}, "--recurrent-init orthogonal"),
    ("recurrent_gain", ModelConfig, 0.5, {}, {"init_range": 0.1}, "leave out --init-range"),
    ("averaging_window", TrainingConfig, 2, {"averaging": "non-monotone"}, {}, "--averaging non-monotone"),
    ("momentum", TrainingConfig, 0.9, {"optimizer": "sgd"}, {}, "--optimizer sgd"),
    ("decay_after", TrainingConfig, 1, {"schedule": "decay"}, {}, "--schedule decay"),
    ("decay_factor", TrainingConfig, 3.0, {"schedule": "decay"}, {"schedule": "plateau"}, "--schedule decay"),
    ("clip_threshold", TrainingConfig, 2.0, {"clip": "value"}, {"clip": "none"}, "--clip norm or value"),
    ("softmax_samples", TrainingConfig, 9, {}, {"softmax": "exact"}, "--softmax sampled"),
    ("softmax_samples", TrainingConfig, 9, {}, {"exact_share": 1.0}, "--exact-share below 1"),
    ("exact_share", TrainingConfig, 0.5, {}, {"softmax": "exact"}, "--softmax sampled"),
    ("top_k", GenerationConfig, 3, {}, {"temperature": 0.0}, "--temperature above 0"),
    ("top_p", GenerationConfig, 0.5, {}, {"temperature": 0.0}, "--temperature above 0"),
    ("sample_seed", GenerationConfig, 2, {}, {"temperature": 0.0}, "--temperature above 0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "value", "mode", "other", "mend"), WORKS_AND_DOES_NOT)
def test_a_setting_is_taken_in_its_mode_and_refused_outside(name, kind, value, mode, other, mend):
    said = {name: as_flags(name, value)}
    require_effect(kind(**{**mode, name: value}), said)
    with pytest.raises(UserError, match="does nothing with") as refused:
        require_effect(kind(**{**other, name: value}), said)
    line = str(refused.value)
    assert line.startswith(said[name])
    assert mend in line
    assert "\n" not in line


def test_what_a_person_did_not_give_is_not_refused():
    settings = TrainingConfig(momentum=0.9, decay_after=9)
    require_effect(settings, {})
    with pytest.raises(UserError, match="--decay-after 9"):
        require_effect(settings, {"decay_after": "--decay-after 9"})


def test_the_default_may_be_given_anywhere():
    require_effect(TrainingConfig(), {"momentum": "--momentum 0.0"})


@dataclass(frozen=True)
class Made:
    """Settings that show each kind of condition."""

    level: int = 0
    names: tuple[str, ...] = ("a",)
    path: str | None = None
    loud: bool = False
    deep: int = field(default=0, metadata=only(level=least(3), path=given))
    wide: int = field(default=0, metadata=either(only(names=holding("b", usual=("a", "b"))), only(loud=True)))
    long: int = field(default=0, metadata=only(path=None))
    other: int = field(default=0, metadata=only(level=other_than(0)))
    part: TrainingConfig = field(default_factory=TrainingConfig)


@pytest.mark.parametrize(
    ("name", "settings", "effect"),
    [
        ("deep", {"level": 3, "path": "x"}, True),
        ("deep", {"level": 3}, False),
        ("deep", {"level": 2, "path": "x"}, False),
        ("wide", {}, False),
        ("wide", {"names": ("b",)}, True),
        ("wide", {"names": ("from elsewhere",)}, True),
        ("wide", {"loud": True}, True),
        ("long", {}, True),
        ("long", {"path": "x"}, False),
        ("other", {"level": 1}, True),
        ("other", {}, False),
        ("momentum", {}, False),
        ("momentum", {"part": TrainingConfig(optimizer="sgd")}, True),
    ],
)
def test_conditions_hold_as_they_read(name, settings, effect):
    assert has_effect(name, Made(**settings)) is effect


def test_a_refusal_names_the_mode_and_each_way_out():
    with pytest.raises(UserError) as refused:
        require_effect(Made(deep=1), {"deep": "--deep 1"})
    assert str(refused.value) == (
        "--deep 1 does nothing with --level 0 and without --path: leave it out, or give --level 3 or more and --path"
    )
    with pytest.raises(UserError, match="--wide 1 does nothing with --names a and --no-loud"):
        require_effect(Made(wide=1), {"wide": "--wide 1"})
    assert above(2).words("--x") == "--x above 2"


@dataclass(frozen=True)
class Several(Made):
    """A command that takes several values of a setting at once, and has no use for another."""

    IDLE = {"long": "nothing is long in this command"}  # noqa: RUF012

    def alternatives(self):
        return {"optimizer": ("sgd", "adamw")}


def test_a_command_may_take_several_values_at_once_and_leave_a_setting_without_use():
    require_effect(Several(part=TrainingConfig(momentum=0.9)), {"momentum": "--momentum 0.9"})
    with pytest.raises(UserError, match="--long 1 does nothing here: nothing is long in this command; leave it out"):
        require_effect(Several(long=1), {"long": "--long 1"})


def test_conditions_name_settings_that_there_are():
    found = {setting.name: setting.field for setting in settings_of(train.Options())}
    named = {name for one in found.values() for conditions in conditions_of(one) for name in conditions}
    assert named <= found.keys()
