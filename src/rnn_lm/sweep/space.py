"""The search space as a person writes it: ``learning-rate=1e-3..3e-2:log hidden-size=200..600:50 cell=lstm,gru``.

    NAME=LOW..HIGH           evenly between two numbers, both included; whole numbers where the field holds such
    NAME=LOW..HIGH:log       evenly in the logarithm
    NAME=LOW..HIGH:STEP      LOW, LOW + STEP, ... HIGH
    NAME=A,B,C               one of a list: words, numbers, true and false, none

A field is called as its flag is. Everything is checked here, by the field's type and by the config that it belongs to,
so that a search never fails after an hour over a value that could not be used.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from rnn_lm.config import EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.sweep.configs import RunConfigs, Value, flag_name

_NUMBER = r"[+-]?(?:\d{1,30}(?:\.\d{1,30})?|\.\d{1,30})(?:e[+-]?\d{1,3})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?::(.+))?", re.ASCII | re.IGNORECASE)
_FORMS = "write NAME=LOW..HIGH, NAME=LOW..HIGH:log, NAME=LOW..HIGH:STEP or NAME=A,B,C"


@dataclass(frozen=True)
class Choices:
    """One of a list.

    Attributes:
        field: of one of the configs.
        values: two or more, all different.
    """

    field: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{flag_name(self.field)}={','.join(map(choice_text, self.values))}"

    @property
    def extremes(self) -> tuple[Value, ...]:
        """Values such that, where the config takes them all, it takes the whole dimension."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number between two others, both included.

    Attributes:
        field: of one of the configs.
        low, high: int where the field holds whole numbers, else float.
        step: distance of the values that are tried; None for all (whole numbers: 1).
        scale: in what they are spread evenly. There is no ``step`` on a log scale.
    """

    field: str
    low: int | float
    high: int | float
    step: int | float | None = None
    scale: Literal["linear", "log"] = "linear"

    def __str__(self) -> str:
        how = ":log" if self.scale == "log" else "" if self.step is None else f":{self.step}"
        return f"{flag_name(self.field)}={self.low}..{self.high}{how}"

    @property
    def extremes(self) -> tuple[Value, ...]:
        """See ``Choices.extremes``: the configs refuse what is too small or too large, and nothing in between."""
        return (self.low, self.high)


Dimension = Choices | Range


def parse_space(texts: Sequence[str], configs: RunConfigs) -> tuple[Dimension, ...]:
    """Read a search space.

    Args:
        texts: a dimension each.
        configs: which hold the other fields' values.

    Raises:
        UserError: one line that names the dimension, what is wrong with it, and the fix.
    """
    if not texts:
        raise UserError("--space names what to search over, e.g. --space learning-rate=1e-3..3e-2:log cell=lstm,gru")
    dimensions = tuple(_parse_checked(text, configs) for text in texts)
    names = [dimension.field for dimension in dimensions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"--space names {flag_name(twice)} more than once; give all its values in one place")
    return dimensions


def field_types() -> dict[str, Any]:
    """The type of every field that may be searched over, by field name."""
    return {
        name: hint
        for config in (EmbeddingConfig, ModelConfig, TrainingConfig)
        for name, hint in get_type_hints(config).items()
    }


def _parse_checked(text: str, configs: RunConfigs) -> Dimension:
    try:
        dimension = _parse(text)
        for value in dimension.extremes:
            configs.with_values({dimension.field: value})
    except UserError as error:
        raise UserError(" ".join(f"--space {text}: {error}".split())) from None
    return dimension


def _parse(text: str) -> Dimension:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise UserError(_FORMS)
    types = field_types()
    field = name.strip().lstrip("-").replace("-", "_")
    if field not in types:
        raise unknown_name("setting", name, map(flag_name, types))
    members = _members(types[field])
    if ".." in values and not members.isdisjoint({int, float}):
        return _parse_range(field, values, int if int in members else float)
    return _parse_choices(field, values, types[field])


def _parse_range(field: str, text: str, number: Callable[[str], int | float]) -> Range:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UserError(f"{text} is not a range; {_FORMS}")
    low, high = (_number(word, number, field) for word in match.group(1, 2))
    if not low < high:
        raise UserError(f"the lower end comes first, and {low} is not below {high}")
    how = match[3]
    if how is None:
        return Range(field, low, high)
    if how == "log":
        if low <= 0:
            raise UserError(f"a log scale has no {low}; begin above 0")
        return Range(field, low, high, scale="log")
    if not re.fullmatch(_NUMBER, how, re.ASCII | re.IGNORECASE):
        raise UserError(f"{how!r} is neither log nor a step; {_FORMS}")
    step = _number(how, number, field)
    _require_reached(match[1], match[2], how)
    return Range(field, low, high, step)


def _require_reached(low: str, high: str, step: str) -> None:
    """In decimals, as written: 0.5 is five steps of 0.1, which binary fractions deny."""
    start, end, stride = map(Decimal, (low, high, step))
    if stride <= 0:
        raise UserError(f"the step must be above 0, not {step}")
    if (end - start) % stride:
        last = start + (end - start) // stride * stride
        nearest = last if last > start else start + stride
        raise UserError(f"steps of {step} from {low} do not reach {high}; end at {nearest}, say")


def _parse_choices(field: str, text: str, hint: Any) -> Choices:
    words = [word.strip() for word in text.split(",")]
    values = tuple(_choice(word, hint, field) for word in words)
    if len(values) == 1:
        raise UserError(f"one value leaves nothing to search; give it as --{flag_name(field)} instead")
    if len(set(map(repr, values))) < len(values):
        raise UserError("a value stands there twice")
    return Choices(field, values)


def _choice(word: str, hint: Any, field: str) -> Value:
    members = _members(hint)
    if NoneType in members and word.lower() == "none":
        return None
    if bool in members:
        if word.lower() not in {"true", "false"}:
            raise UserError(f"{word!r} is neither true nor false")
        return word.lower() == "true"
    if int in members or float in members:
        return _number(word, int if int in members else float, field)
    if get_origin(hint) is Literal and word not in members:
        raise unknown_name("value", word, members)
    if not word:
        raise UserError("a value is missing between commas")
    return word


def _number(word: str, number: Callable[[str], int | float], field: str) -> int | float:
    if not re.fullmatch(_NUMBER, word, re.ASCII | re.IGNORECASE):
        raise UserError(f"{word!r} is not a number")
    if number is int and not re.fullmatch(r"[+-]?\d+", word, re.ASCII):
        raise UserError(f"--{flag_name(field)} takes whole numbers, and {word} is none")
    found = number(word)
    if not math.isfinite(found):
        raise UserError(f"{word} is larger than any number here")
    return found


def _members(hint: Any) -> set[Any]:
    """What a type consists of: the types of a union, the words of a literal, or the type itself."""
    if isinstance(hint, UnionType) or get_origin(hint) is Literal:
        return set(get_args(hint))
    return {hint}


def choice_text(value: Value) -> str:
    """A value as it is written in a space and shown to a person."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def values_of(dimensions: Iterable[Dimension], field: str) -> tuple[Value, ...]:
    """The listed values of ``field``; none where it is not in the space."""
    return next((one.values for one in dimensions if isinstance(one, Choices) and one.field == field), ())
