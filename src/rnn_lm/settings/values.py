"""A value from a file as its setting has it: what TOML and JSON can hold, by the setting's type."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any, get_args, get_origin

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.settings.catalogue import Entry, bare, may_be_none

NONE = "None"
"""What stands in a file, as on the command line, for a setting that is left undecided: TOML has no word for it."""


def value_of(entry: Entry, raw: Any) -> Any:
    """``raw`` from a file as the setting ``entry`` holds it.

    Raises:
        UserError: it is of another type, or none of the words of which it must be one; the line says no file yet.
    """
    if may_be_none(entry.hint) and (raw is None or raw == NONE):
        return None
    hint = bare(entry.hint)
    if entry.choices and isinstance(raw, str) and raw not in entry.choices:
        raise unknown_name(entry.name, raw, map(str, entry.choices))
    try:
        return _converted(hint, raw)
    except TypeError:
        raise UserError(f"{entry.name} must be {_described(hint)}, not {_shown(raw)}") from None


def _converted(hint: Any, raw: Any) -> Any:
    """Raises ``TypeError`` where ``raw`` is no ``hint``."""
    if get_origin(hint) is tuple:
        items = raw if isinstance(raw, list | tuple) else [raw]
        kinds = get_args(hint)
        if kinds[-1] is Ellipsis:
            return tuple(_converted(kinds[0], item) for item in items)
        if len(items) != len(kinds):
            raise TypeError
        return tuple(_converted(kind, item) for kind, item in zip(kinds, items, strict=True))
    if get_origin(hint) is typing.Literal:
        if type(raw) in map(type, get_args(hint)) and raw in get_args(hint):
            return raw
        raise TypeError
    if hint is float and type(raw) in (int, float):
        try:
            return float(raw)
        except OverflowError:
            raise TypeError from None
    if hint is Path and isinstance(raw, str):
        return Path(raw)
    if type(raw) is hint:
        return raw
    raise TypeError


_WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text in quotation marks",
    Path: "a path in quotation marks",
}


def _described(hint: Any) -> str:
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        one = _WORDS.get(kinds[0], "a value")
        each = one.removeprefix("a ").replace("number", "numbers")
        return f"a list of {each}" if kinds[-1] is Ellipsis else f"a list of {len(kinds)} {each}"
    if get_origin(hint) is typing.Literal:
        return " or ".join(map(str, get_args(hint)))
    return _WORDS.get(hint, "of another type")


def _shown(raw: Any) -> str:
    words = {True: "true", False: "false"}
    text = words[raw] if isinstance(raw, bool) else "a table" if isinstance(raw, dict) else repr(raw)
    return text if len(text) <= 60 else f"{text[:57]}..."


def written(value: Any) -> str:
    """A value as TOML has it; None as the word that stands for it."""
    if value is None:
        return f'"{NONE}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, int | float):
        return repr(value)
    # JSON's strings are TOML's, but for a character that TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
