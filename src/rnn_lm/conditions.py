"""Settings that hold in one mode only: where they do something is said beside each, and checked in one place.

    momentum: float = field(default=0.0, metadata=only(optimizer="sgd"))
    clip_threshold: float = field(default=1.0, metadata=only(clip=("norm", "value")))
    dropout_between: float = field(default=0.0, metadata=only(layers=least(2)))
    recurrent_gain: float = field(default=0.9, metadata=only(cell=reads("recurrent_gain"), init_range=None))

A setting's name stands for its value, wherever in a command's settings it is; several conditions must all hold; of
those in ``either`` one must. Help says them, and ``require_effect`` refuses what a person gives where it does nothing.

Only what a person gives is refused, never what is read back: a run of an earlier version, or a preset whose mode a flag
has changed, may hold a value that does nothing. So nothing here is asked when a settings class is made.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rnn_lm.errors import UserError
from rnn_lm.labels import LOOKS
from rnn_lm.limits import flag

ONLY = "only"
"""The entry of a field's metadata that holds its conditions."""


@dataclass(frozen=True)
class Wanted:
    """What the value of another setting must be.

    Attributes:
        holds: whether a value is so.
        words: what a person would give, by the setting's flag, e.g. "--layers 2 or more"; asked for where it is shown.
        quick: whether the words are there at once, for help to show.
    """

    holds: Callable[[Any], bool]
    words: Callable[[str], str]
    quick: bool = True


Conditions = Mapping[str, Wanted]
"""Setting to what it must be; all of them must hold."""


class Setting(NamedTuple):
    """One setting of a command.

    Attributes:
        name: of the field.
        value: what it is.
        field: as its dataclass has it.
    """

    name: str
    value: Any
    field: dataclasses.Field[Any]


def only(**conditions: Any) -> dict[str, tuple[Conditions, ...]]:
    """Say where a setting does something, as metadata of its field.

    Args:
        conditions: setting to what it must be: a value, a tuple of values of which it must be one, None for "not
            given", or one of ``least``,
            ``above``, ``below``, ``given``, ``other_than``, ``holding``, ``reads``, ``corpus_of_files`` and
            ``corpus_undivided``.
    """
    return {ONLY: ({name: _wanted(value) for name, value in conditions.items()},)}


def either(*alternatives: dict[str, tuple[Conditions, ...]]) -> dict[str, tuple[Conditions, ...]]:
    """Say that one of several ``only`` is enough."""
    return {ONLY: tuple(one for alternative in alternatives for one in alternative[ONLY])}


def least(bound: int) -> Wanted:
    """A number of ``bound`` or more."""
    return Wanted(lambda value: value is not None and value >= bound, lambda flag: f"{flag} {bound} or more")


def above(bound: float) -> Wanted:
    """A number above ``bound``."""
    return Wanted(lambda value: value is not None and value > bound, lambda flag: f"{flag} above {bound:g}")


def below(bound: float) -> Wanted:
    """A number below ``bound``."""
    return Wanted(lambda value: value is not None and value < bound, lambda flag: f"{flag} below {bound:g}")


def other_than(value: Any) -> Wanted:
    """Anything else."""
    return Wanted(lambda other: other != value, lambda flag: f"another {flag} than {value}")


given = Wanted(lambda value: value not in (None, ()), lambda flag: flag)
"""Anything, where nothing is the default."""


def holding(*names: str, usual: Iterable[str] = ()) -> Wanted:
    """A list that holds one of ``names``, or one outside ``usual``: of what other packages offer nothing is known."""
    usual = frozenset(usual)
    return Wanted(
        lambda value: any(one in names or (usual and one not in usual) for one in value),
        lambda flag: f"{flag} {_or(names)}",
    )


def reads(setting: str) -> Wanted:
    """A cell that reads ``setting``: see ``layers.cells.Cell.settings``."""

    def holds(name: str) -> bool:
        if name in _cells():
            return setting in _cells()[name].settings
        return name not in LOOKS  # a name that nobody knows is refused elsewhere, with the closest

    def words(flag: str) -> str:
        # Cells of other packages are not imported for a message: one may be broken.
        return f"{flag} {_or(sorted(name for name in _cells().loaded() if setting in _cells()[name].settings))}"

    return Wanted(holds, words, quick=False)


def _cells() -> Any:
    return importlib.import_module("rnn_lm.layers.cells").CELLS  # which imports torch, for which --help does not wait


def _is_of_files(corpus: tuple[str, ...]) -> bool:
    names = importlib.import_module("rnn_lm.corpora").CORPORA
    return not any(name in names or name.startswith("hf:") for name in corpus)


corpus_of_files = Wanted(_is_of_files, lambda flag: f"{flag} FILE or FOLDER")
"""A corpus that is read from text files or a folder with them."""
corpus_undivided = Wanted(
    lambda corpus: corpus[0].startswith("hf:") or (_is_of_files(corpus) and not Path(corpus[0]).is_dir()),
    lambda flag: f"{flag} FILE",
)
"""A corpus that may come without a division into train, valid and test."""


def _wanted(value: Any) -> Wanted:
    if isinstance(value, Wanted):
        return value
    if value is None:
        return Wanted(lambda other: other in (None, ()), lambda flag: f"no {flag}")
    choices = value if isinstance(value, tuple) else (value,)
    return Wanted(lambda other: other in choices, lambda flag: _or([_as_flag(flag, one) for one in choices], flag))


def require_effect(options: Any, said: Mapping[str, str]) -> None:
    """Refuse a setting that a person gave a value other than its default, and that does nothing where it stands.

    Args:
        options: the settings that came of it: a dataclass, perhaps of dataclasses. A command whose settings take
            several values at once has a method ``alternatives`` that gives them by name; what does nothing in this
            command at all is in its ``IDLE``, name to why.
        said: name of a setting to how the person gave it, e.g. ``{"momentum": "--momentum 0.9"}``.

    Raises:
        UserError: one line with the setting, the mode in which it does nothing, and the fix.
    """
    found = {setting.name: setting for setting in settings_of(options)}
    idle, others = getattr(options, "IDLE", {}), _alternatives(options)
    for name, words in said.items():
        if name not in found or (_is_default(found[name]) and name not in others):
            continue
        if name in idle:
            raise UserError(f"{words} does nothing here: {idle[name]}; leave it out")
        if not has_effect(name, options):
            why, fix = _why(found[name], found)
            raise UserError(f"{words} does nothing {why}: leave it out, or {fix}")


def has_effect(name: str, options: Any) -> bool:
    """Whether a setting of a command's ``options`` does something among the others."""
    found = {setting.name: setting for setting in settings_of(options)}
    others = _alternatives(options)

    def met(setting: str, wanted: Wanted) -> bool:
        if setting not in found:
            return True  # in this command it is what its default is elsewhere, or decided by the command
        return any(map(wanted.holds, (found[setting].value, *others.get(setting, ()))))

    return name not in getattr(options, "IDLE", {}) and (
        not conditions_of(found[name].field)
        or any(all(met(*one) for one in conditions.items()) for conditions in ways_among(found[name].field, found))
    )


def given_in(options: Any) -> dict[str, str]:
    """Every setting that is not at its default, as ``require_effect`` takes them: for what comes from Python."""
    return {one.name: as_flags(one.name, one.value) for one in settings_of(options) if not _is_default(one)}


def _alternatives(options: Any) -> Mapping[str, tuple[Any, ...]]:
    return options.alternatives() if hasattr(options, "alternatives") else {}


def conditions_of(field: dataclasses.Field[Any]) -> tuple[Conditions, ...]:
    """Of which one must hold for the setting to do anything; none where it always does."""
    return field.metadata.get(ONLY, ())


def ways_among(field: dataclasses.Field[Any], among: Container[str]) -> list[Conditions]:
    """Those of the same that can hold in a command with the settings ``among``: what it lacks is never ``given``."""
    return [
        way for way in conditions_of(field) if all(name in among or wanted is not given for name, wanted in way.items())
    ]


def settings_of(options: Any) -> Iterator[Setting]:
    """Every setting of a dataclass, those of the dataclasses within included."""
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            yield from settings_of(value)
        else:
            yield Setting(field.name, value, field)


def as_flags(name: str, value: Any) -> str:
    """A setting as a person gives it, e.g. "--momentum 0.9", "--no-tie-weights", "--split 0.8 0.1 0.1"."""
    return _as_flag(flag(name), value)


def _as_flag(flag: str, value: Any) -> str:
    if value is None or value == ():
        return f"no {flag}"
    if isinstance(value, bool):
        return flag if value else f"--no-{flag.removeprefix('--')}"
    if isinstance(value, tuple):
        return " ".join([flag, *map(str, value)])
    return f"{flag} {value:g}" if isinstance(value, float) else f"{flag} {value}"


def _is_default(setting: Setting) -> bool:
    field = setting.field
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return setting.value == default


def _why(setting: Setting, found: Mapping[str, Setting]) -> tuple[str, str]:
    """What a setting has no effect with, and what would give it one."""
    alternatives = ways_among(setting.field, found)
    unmet = [
        [(name, wanted) for name, wanted in conditions.items() if name in found and not wanted.holds(found[name].value)]
        for conditions in alternatives
    ]
    names = dict.fromkeys(name for conditions in unmet for name, _ in conditions)
    present = [_as_flag(flag(name), found[name].value) for name in names]
    fixes = [" and ".join(_once("give", (_fix(*one) for one in conditions))) for conditions in unmet]
    there = [one for one in present if not one.startswith("no ")]
    lacking = [one.removeprefix("no ") for one in present if one.startswith("no ")]
    why = [f"{word} {_and(ones)}" for word, ones in (("with", there), ("without", lacking)) if ones]
    return " and ".join(why), _or(fixes, "give")


def _fix(name: str, wanted: Wanted) -> str:
    words = wanted.words(flag(name))
    return f"leave out {words.removeprefix('no ')}" if words.startswith("no ") else f"give {words}"


def _or(names: Iterable[str], first_word: str = "") -> str:
    """``a, b or c``; ``first_word``, which begins each of several, is said once."""
    shown = _once(first_word, names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _once(first_word: str, phrases: Iterable[str]) -> list[str]:
    first, *rest = phrases
    return [first, *(one.removeprefix(f"{first_word} ") if first_word else one for one in rest)]


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
