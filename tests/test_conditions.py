"""Settings that hold in one mode only: every setting is one of them or always does something, and outside its mode a
value that a person gives is refused with the mode and the fix."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rnn_lm.commands import compare, sweep, train
from rnn_lm.conditions import (
    above,
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
from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.flags import parse_options
from rnn_lm.layers.cells import CELLS, Cell
from rnn_lm.limits import flag
from rnn_lm.settings.catalogue import catalogue
from settings_cases import ALWAYS, CONDITIONAL, WITHOUT_USE, all_options, options_of


@pytest.mark.parametrize(("command", "given", "works", "refused", "fix"), CONDITIONAL)
def test_a_setting_is_taken_in_its_mode_and_refused_outside(command, given, works, refused, fix):
    program = f"rnn-lm {command}"
    parse_options(options_of(command), [*works.split(), *given.split()], program)
    if refused is None:
        return
    with pytest.raises(UserError, match="does nothing with") as said:
        parse_options(options_of(command), [*refused.split(), *given.split()], program)
    line = str(said.value)
    assert line.startswith(given.split()[0])
    assert fix in line.partition(": ")[2]
    assert "\n" not in line


@pytest.mark.parametrize(("command", "given", "why"), WITHOUT_USE)
def test_a_setting_that_a_command_has_no_use_for_is_refused(command, given, why):
    with pytest.raises(UserError, match=f"{given.split()[0]}.* does nothing here: .*{why}.*; leave it out"):
        parse_options(options_of(command), given.split(), f"rnn-lm {command}")


def test_every_setting_is_known_to_do_something_always_or_in_one_mode_and_each_of_those_is_tried():
    tried = {(command, given.split()[0]) for command, given, *_ in CONDITIONAL}
    for command, kind in all_options().items():
        for entry in catalogue(kind).values():
            always = entry.name in {*ALWAYS.get(entry.table[0], "").split(), "resume", "overwrite", "preset"}
            always |= entry.name == "out" and command != "surprisal"
            assert always != bool(conditions_of(entry.field)), f"{command}: {entry.name} is not classified"
            if not always:
                ways = {flag(entry.name), flag(f"no_{entry.name}")}
                assert any(given in ways for _, given in tried), f"{entry.name} is not tried"


def test_a_cell_from_elsewhere_says_which_settings_it_reads(monkeypatch):
    monkeypatch.setitem(CELLS._entries, "plain", Cell)
    monkeypatch.setitem(CELLS._entries, "gated", type("Gated", (Cell,), {"settings": frozenset({"forget_bias"})}))
    for words in ("--engine hand", "--recurrent-init uniform", "--forget-bias 2", "--mogrifier-rank 2"):
        with pytest.raises(UserError, match=f"{words} does nothing with --cell plain"):
            parse_options(train.Options, ["--cell", "plain", *words.split()], "rnn-lm train")
    parse_options(train.Options, ["--cell", "gated", "--forget-bias", "2"], "rnn-lm train")
    # Of a comparison one cell that reads it is enough, and so is one of a search.
    parse_options(compare.Options, ["--models", "plain", "gated", "--cell", "gru", "--forget-bias", "2"], "rnn-lm")
    parse_options(sweep.Options, ["--space", "cell=gru,lstm", "--cell", "gru", "--forget-bias", "2"], "rnn-lm")


def test_a_search_over_what_does_nothing_is_refused(tmp_path):
    pytest.importorskip("optuna")
    space = ["--space", "momentum=0..0.9", "--out", str(tmp_path / "out"), "--embedding", "random"]
    with pytest.raises(UserError, match="--space momentum=0.0..0.9 does nothing with --optimizer adamw"):
        sweep.run(parse_options(sweep.Options, space, "rnn-lm sweep"))


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
