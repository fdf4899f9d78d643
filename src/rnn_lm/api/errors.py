"""The boundary between the library and Python: what a person did wrong, in the words of whoever called a function.

The library names flags, which is what the commands take. Called from Python the same settings are keyword arguments::

    --hidden-size must be at least 1                     hidden_size must be at least 1
    add --no-tie-weights                                 add tie_weights=False
    --decoder adaptive goes with --softmax adaptive      decoder='adaptive' goes with softmax='adaptive'
    add --resume to go on with it                        add resume=True to go on with it

What stands behind ``rnn-lm`` is a command for a terminal and stays as it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from rnn_lm.config import (
    CorpusConfig,
    EmbeddingConfig,
    GenerationConfig,
    ModelConfig,
    NgramConfig,
    RuntimeConfig,
    TrainingConfig,
)
from rnn_lm.errors import MissingFileError, SettingError, UserError
from rnn_lm.settings.catalogue import bare

_FLAG = re.compile(
    r"(?P<command>rnn-lm [a-z]+[^;)]*)|--(?P<no>no-)?(?P<name>[a-z][a-z0-9-]*[a-z0-9]|[a-z])(?: (?P<value>[\w.+-]*\w))?"
)
_ABSENT = re.compile(r"there is no such file|nor is there a file|there is nothing|there is no folder")


@contextlib.contextmanager
def settings_named(**renamed: str) -> Iterator[None]:
    """Inside, or in a function decorated with it, a ``UserError`` is raised in the terms of Python.

    One that names a flag, or a name that there is not, becomes a ``SettingError``; one about a file that is not there
    a ``MissingFileError``; one of a kind of its own keeps that kind.

    Args:
        renamed: settings that have another name in the function than among the flags.
    """
    try:
        yield
    except UserError as error:
        raise in_terms_of_python(error, renamed) from error.__cause__


def in_terms_of_python(error: UserError, renamed: Mapping[str, str] | None = None) -> UserError:
    """Return ``error`` with settings for flags; one of a kind of its own is changed in place."""
    message = without_flags(str(error), renamed or {})
    if isinstance(error, SettingError | MissingFileError) or type(error) is not UserError:
        error.args = (message,)
        return error
    if isinstance(error.__cause__, FileNotFoundError) or _ABSENT.search(message):
        kind: type[UserError] = MissingFileError
    else:
        kind = SettingError if message != str(error) or message.startswith("unknown ") else UserError
    return kind(message).with_traceback(error.__traceback__)


def without_flags(message: str, renamed: Mapping[str, str]) -> str:
    """Return ``message`` with each flag as the keyword argument that it is, its value after ``=`` where one stands."""

    def argument(match: re.Match[str]) -> str:
        if match["command"]:
            return match["command"]
        setting, value = match["name"].replace("-", "_"), match["value"]
        hint, name = _hints().get(setting), renamed.get(setting, setting)
        behind = "" if value is None else f" {value}"
        if match["no"]:
            return f"{name}=False{behind}"
        if hint is bool:
            return f"{name}=True{behind}"
        if value is None:
            return name
        ends = message[match.end() : match.end() + 1]
        if value in _choices(hint) or (hint is str and ends in ("", *":;,)")):
            return f"{name}={value!r}"
        if _is_number(value) and hint in (int, float):
            return f"{name}={value}"
        return f"{name}{behind}"

    message = re.sub(r"\bthe flag(s?)\b", r"the setting\1", _FLAG.sub(argument, message))
    for setting, name in renamed.items():
        if "_" in setting:  # cannot be a word of the message
            message = re.sub(rf"\b{setting}\b", name, message)
    return message


@functools.cache
def _hints() -> dict[str, Any]:
    """The type of each setting, without the None that it may be instead."""
    kinds = (CorpusConfig, EmbeddingConfig, ModelConfig, TrainingConfig, RuntimeConfig, NgramConfig, GenerationConfig)
    found: dict[str, Any] = {"resume": bool, "overwrite": bool, "out": Path, "to": str}
    for kind in kinds:
        names = {field.name for field in dataclasses.fields(kind)}
        found |= {name: bare(hint) for name, hint in typing.get_type_hints(kind).items() if name in names}
    return found


def _choices(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
