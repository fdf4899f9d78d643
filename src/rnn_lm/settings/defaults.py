"""Defaults laid upon each other: the usual ones, a preset's, a file's. Flags come on top of all of them.

Each layer may be impossible by itself (``subwords`` in a file, ``--tokens bpe`` on the command line), so nothing is
checked before the last.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import tyro

from rnn_lm.settings.catalogue import usual_part

Options = TypeVar("Options")


def filled(kind: type[Options], values: Mapping[str, Any], usual: Any = None) -> Options:
    """A command's ``Options`` with the usual defaults but for ``values``, unchecked: what the parser fills up.

    Args:
        kind: the dataclass; its fields may be such dataclasses themselves.
        values: by name of the setting, wherever in it.
        usual: of this kind, whose values are the usual ones where a command has others than the dataclass.
    """
    hints = typing.get_type_hints(kind)
    made = object.__new__(kind)
    for field in dataclasses.fields(kind):  # pyright: ignore[reportArgumentType]
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            value = filled(hint, values, usual_part(field, hint))
        elif field.name in values:
            value = values[field.name]
        elif usual is not None:
            value = getattr(usual, field.name)
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            value = tyro.MISSING if field.default is dataclasses.MISSING else field.default
        object.__setattr__(made, field.name, value)
    return made
