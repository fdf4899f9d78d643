"""What a file must hold, said once: a TypedDict or dataclass is the definition, and reading checks against it.

Whatever comes from a disk may have been written by hand, by another version, or by a failing one. One call at the
boundary says whether a value is what its type promises, and names the first place where it is not; behind it nobody
checks again.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

_DEEPEST = 64
"""Levels of nesting that a file of ours may have; the deepest has about ten."""


def first_problem(value: Any, kind: Any, where: str = "") -> str | None:
    """The first way in which a JSON value is not a ``kind``, with its place in the value; None if there is none.

    Args:
        value: what ``json.loads`` gives.
        kind: a TypedDict, a dataclass (its fields by name, those with defaults may be missing), ``list[...]``,
            ``tuple[...]``, ``dict[str, ...]`` or ``Mapping``, a union, a ``Literal``, ``float`` (whole numbers as
            well), ``int``, ``str``, ``bool``, None or ``Any``.
        where: the place of ``value``, as "models[0].label".
    """
    return _problem(value, kind, where, 0)


def first_fault(value: Any, kind: Any, form: str, version: int) -> str | None:
    """The first way in which a JSON value is not a ``kind`` that calls itself ``form`` and is of ``version``.

    Args:
        value: what ``json.loads`` gives.
        kind: see ``first_problem``.
        form: what ``format`` must be.
        version: what ``version`` must be.
    """
    if not isinstance(value, dict) or value.get("format") != form:
        return f'no "format": "{form}"'
    if value.get("version") != version:
        return f"version {str(value.get('version'))[:20]} where this program reads version {version}"
    return first_problem(value, kind)


def _problem(value: Any, kind: Any, where: str, depth: int) -> str | None:
    if depth > _DEEPEST:
        return f"{_named(where)} is nested too deep"
    if typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _problem_in_record(value, kind, where, depth)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is list and isinstance(value, list):
        if set(map(type, value)) <= _plain_types(arguments[0]):  # long curves, without a call per number
            return None
        return _first(_problem(item, arguments[0], f"{where}[{i}]", depth + 1) for i, item in enumerate(value))
    if origin is tuple and isinstance(value, list | tuple):
        return _problem_in_tuple(value, arguments, where, depth)
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return _first(_problem(item, arguments[1], f"{where}.{key}", depth + 1) for key, item in value.items())
    if origin in (typing.Union, types.UnionType):
        problems = [_problem(value, option, where, depth) for option in arguments]
        return None if None in problems else problems[0]
    if origin is Literal:
        # By type as well: in Python 1 == True, and a list cannot be looked for among strings without comparing.
        fits = any(type(value) is type(choice) and value == choice for choice in arguments)
        return None if fits else f"{_named(where)} is not as expected: none of {', '.join(map(repr, arguments))}"
    fits = kind is Any or type(value) in _plain_types(kind)
    return None if fits else f"{_named(where)} is not as expected"


def _problem_in_tuple(value: Any, arguments: tuple[Any, ...], where: str, depth: int) -> str | None:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    if len(value) != len(arguments):
        return f"{_named(where)} has {len(value)} entries, not {len(arguments)}"
    return _first(
        _problem(item, kind, f"{where}[{i}]", depth + 1)
        for i, (item, kind) in enumerate(zip(value, arguments, strict=True))
    )


def _problem_in_record(value: Any, kind: Any, where: str, depth: int) -> str | None:
    if not isinstance(value, Mapping):
        return f"{_named(where)} is not as expected"
    hints = _hints(kind)
    missing = [key for key in hints if key in _required(kind) and key not in value]
    if missing:
        return f"{where}.{missing[0]}".lstrip(".") + " is missing"
    there = {key: hint for key, hint in hints.items() if key in value}
    return _first(_problem(value[key], hint, f"{where}.{key}", depth + 1) for key, hint in there.items())


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


@functools.cache
def _required(kind: Any) -> frozenset[str]:
    if typing.is_typeddict(kind):
        # Where annotations are strings, as in every file here, Python overlooks NotRequired among them.
        hints = typing.get_type_hints(kind, include_extras=True)
        return frozenset(
            name for name in kind.__required_keys__ if typing.get_origin(hints[name]) is not typing.NotRequired
        )
    missing = dataclasses.MISSING
    fields = dataclasses.fields(kind)
    return frozenset(one.name for one in fields if one.default is missing and one.default_factory is missing)


def _plain_types(kind: Any) -> set[type]:
    """The types of JSON values that a number, text, truth value, None or a choice of those may have; else nothing."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return {found for option in typing.get_args(kind) for found in _plain_types(option)}
    if kind is None or kind is type(None):
        return {type(None)}
    return {float, int} if kind is float else {kind} & {int, str, bool}


def _named(where: str) -> str:
    return where.lstrip(".") or "the whole value"


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)
