"""Keyword arguments as settings: those of a command by their names, with its defaults, its presets, and files of them.

    options_from(train.Options, {"corpus": "my.txt", "cell": "gru", "budget": "2m"})

gives what ``rnn-lm train --corpus my.txt --cell gru --budget 2m`` would be run with: the budget picks the preset, and
what is named takes the place of what the preset says. What is given and does nothing is refused.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from rnn_lm.errors import SettingError
from rnn_lm.flags import read_config, require_all_to_do_something
from rnn_lm.limits import check_numbers
from rnn_lm.presets import default_options
from rnn_lm.schema import first_problem
from rnn_lm.settings.catalogue import Entry, bare, catalogue

Options = TypeVar("Options")


def options_from(
    kind: type[Options], settings: Mapping[str, Any], config: str | os.PathLike[str] | None = None
) -> Options:
    """Return a command's ``Options`` filled in by preset, file and ``settings``.

    Args:
        kind: the dataclass; those within it are its parts.
        settings: by name, wherever in it. A single corpus stands for a tuple of one, and a path for its text.
        config: a file of settings, TOML or a run's ``run.json``, below ``settings``.

    Raises:
        SettingError: there is no such setting, or a value has the wrong type.
        UserError: a value is refused by what it is for, or does nothing; or the file cannot be read.
    """
    entries = catalogue(kind)
    for name in settings:
        if name not in entries:
            raise _unknown(name, entries)
    given = {name: _value(entries[name], value) for name, value in settings.items()}
    file = None if config is None else read_config(Path(config), kind)
    chosen = [f"--{name}={given[name]}" for name in ("preset", "budget") if given.get(name) is not None]
    begins = [
        f"--{name.replace('_', '-')}={given[name]}"
        for name in ("start_from", "out", "corpus", "tokens")
        if given.get(name) is not None
    ]
    begins += ["--resume"] if given.get("resume") else []
    default = default_options(kind, [*chosen, *begins], file)
    options = _replaced(kind() if default is None else default, given, entries)
    check_numbers(options)
    require_all_to_do_something(options, set(given), chosen, file, default)
    return options


def _replaced(default: Options, given: Mapping[str, Any], entries: Mapping[str, Entry]) -> Options:
    """``default`` with what is given in the place of what it says; every part is checked as it is made."""
    fields = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}  # pyright: ignore
    parts = {name: value for name, value in fields.items() if dataclasses.is_dataclass(value)}
    # A part may bear the name of a setting in it: ``embedding`` is both.
    own = {name: value for name, value in given.items() if name in fields and name not in parts}
    for part, value in parts.items():
        within = {name: one for name, one in given.items() if name not in own and entries[name].table[0] == part}
        own[part] = dataclasses.replace(value, **within)  # pyright: ignore[reportArgumentType]
    return dataclasses.replace(default, **own)  # pyright: ignore[reportType, reportArgumentType]


def _unknown(name: str, known: Iterable[str]) -> SettingError:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return SettingError(f"unknown setting {name!r}: did you mean {close[0]!r}?")
    return SettingError(f"unknown setting {name!r}; the settings are {', '.join(sorted(known))}")


def _value(entry: Entry, value: Any) -> Any:
    """A keyword argument as its field has it; raises ``SettingError`` where it cannot be that."""
    wanted, given = bare(entry.hint), value
    if wanted is Path and isinstance(value, str | os.PathLike):
        return Path(value)
    if typing.get_origin(wanted) is tuple and value is not None:
        single = isinstance(value, str | os.PathLike)
        value = (value,) if single else tuple(value) if isinstance(value, list | tuple) else value
        if isinstance(value, tuple):
            value = tuple(os.fspath(part) if isinstance(part, os.PathLike) else part for part in value)
    elif wanted is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    elif wanted is float and type(value) is int:
        value = float(value)
    if first_problem(value, entry.hint) is not None:
        raise SettingError(f"{entry.name} must be {_described(entry)}, not {given!r}")
    return value


_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", Path: "a path"}


def _described(entry: Entry) -> str:
    """The type of a setting in words."""
    wanted = bare(entry.hint)
    ending = "" if wanted is entry.hint else " or None"
    if entry.choices:
        return f"{', '.join(map(repr, entry.choices))}{ending}"
    if typing.get_origin(wanted) is tuple:
        kind = _WORDS.get(typing.get_args(wanted)[0], "a value")
        return f"a list of {kind.removeprefix('a ')}s{ending}"
    return f"{_WORDS.get(wanted, str(wanted))}{ending}"
