"""Presets: named settings for ``train`` and ``compare``. A preset changes defaults, and every flag still overrides it.

A budget of wall-clock time picks its preset by itself, so that ``--budget 10m`` means the best that was found for about
ten minutes on two cores. Those of a time were chosen on valid perplexity; ``docs/performance.md`` has the runs. The
published recipes of ``recipes.py`` are picked by name alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rnn_lm.config import Budget
from rnn_lm.errors import UserError
from rnn_lm.recipes import RECIPES
from rnn_lm.registry import Registry

Options = TypeVar("Options")


@dataclass(frozen=True)
class Preset:
    """Defaults that differ from the usual ones.

    Attributes:
        summary: what it is for, in a line.
        values: by sub-config (``model``, ``training``, ...; ``compare`` for flags of that command itself), then by
            field. A command takes what it has.
    """

    summary: str
    values: Mapping[str, Mapping[str, Any]]


PRESETS: Registry[Preset] = Registry("preset")

PRESETS.register("quick")(Preset("one or two passes over about a million tokens: the defaults", {}))
PRESETS.register("ten-minutes")(
    Preset(
        "about ten passes over about a million tokens, ten minutes on two cores: larger, with dropout",
        {
            "model": {
                "hidden_size": 400,
                "dropout_input": 0.2,
                "dropout_output": 0.4,
                "dropout_recurrent": 0.2,
            },
            "training": {"learning_rate": 4e-3},
            "compare": {"rnn_dropout_scale": 0.25},
        },
    )
)

for _name in RECIPES:
    PRESETS.register(_name)(Preset(f"the published recipe of {RECIPES[_name].paper}", RECIPES[_name].values))

_BY_TIME = (("quick", 240.0), ("ten-minutes", float("inf")))
"""The preset of a time budget: the first whose bound, in seconds, is not below it."""


def default_options(kind: type[Options], arguments: Sequence[str]) -> Options | None:
    """An ``Options`` filled in as a preset says, to be used as the defaults that flags override.

    Args:
        kind: a command's ``Options``; one without a field ``preset`` has none.
        arguments: of the command line, of which ``--preset`` and ``--budget`` are looked at.

    Returns:
        None where nothing differs from the usual defaults.

    Raises:
        UserError: there is no such preset, or the budget cannot be read.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    if "preset" not in fields:
        return None
    name = _value_of("--preset", arguments) or _preset_for(_value_of("--budget", arguments))
    if name is None:
        return None
    preset = PRESETS[name]
    own = {field: value for field, value in preset.values.get("compare", {}).items() if field in fields}
    changed: dict[str, Any] = {"preset": name, **own}
    for part, values in preset.values.items():
        if part in fields:
            default = fields[part].default_factory
            assert default is not dataclasses.MISSING
            changed[part] = dataclasses.replace(default(), **values)
    return kind(**changed)


def _preset_for(budget: str | None) -> str | None:
    """The preset that suits a budget of time; None for one in epochs or steps, which says nothing of time."""
    if budget is None or (parsed := Budget.parse(budget)).unit != "seconds":
        return None
    return next(name for name, bound in _BY_TIME if parsed.amount <= bound)


def _value_of(flag: str, arguments: Sequence[str]) -> str | None:
    """The value given to ``flag``, as ``--flag value`` or ``--flag=value``; the last one counts."""
    found = None
    for position, argument in enumerate(arguments):
        if argument.startswith(f"{flag}="):
            found = argument.partition("=")[2]
        elif argument == flag:
            if position + 1 == len(arguments):
                raise UserError(f"{flag} needs a value")
            found = arguments[position + 1]
    return found
