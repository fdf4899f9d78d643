"""What settings are by default: the usual values, a preset's on top of them, a file's on top of those.

    the class's default  <  --preset NAME  <  --start-from RUN  <  --config FILE  <  flags

A budget of wall-clock time picks its preset by itself, so that ``--budget 10m`` means the best that was found for about
ten minutes on two cores. Those of a time were chosen on valid perplexity; ``docs/penn-treebank.md`` has the runs. The
published recipes are picked by name alone. A file may name its preset; one on the command line takes that one's place,
below what else the file says. A run to start from decides what its model is: see ``settings/starting.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rnn_lm.config import Budget
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.limits import flag
from rnn_lm.recipes import PRESETS
from rnn_lm.settings.catalogue import catalogue
from rnn_lm.settings.defaults import filled

if TYPE_CHECKING:
    from rnn_lm.settings.reading import FileSettings

Options = TypeVar("Options")

_BY_TIME = (("quick", 240.0), ("ten-minutes", float("inf")))
"""The preset of a time budget: the first whose bound, in seconds, is not below it."""


def default_options(kind: type[Options], arguments: Sequence[str], file: FileSettings | None = None) -> Options | None:
    """An ``Options`` filled in as a preset and a file say, to be used as the defaults that flags override; unchecked.

    Args:
        kind: a command's ``Options``; one without a setting ``preset`` has none.
        arguments: of the command line, of which ``--preset``, ``--budget``, ``--start-from``, ``--corpus``,
            ``--out`` and ``--resume`` are looked at.
        file: what ``--config`` says.

    Returns:
        None where nothing differs from the usual defaults.

    Raises:
        UserError: see ``preset_values`` and ``start_values``.
    """
    values = preset_values(kind, arguments, file) | _start_values(kind, arguments, file)
    if file is not None:
        values |= {name: value for name, value in file.values.items() if name != "preset"}
    return filled(kind, values) if values else None


def preset_values(kind: type[Any], arguments: Sequence[str], file: FileSettings | None = None) -> dict[str, Any]:
    """The settings of the preset that is asked for, its name among them; none where there is no preset.

    Args:
        kind, arguments, file: see ``default_options``.

    Raises:
        UserError: there is no such preset, it would change nothing, or the budget cannot be read.
    """
    entries = catalogue(kind)
    if "preset" not in entries:
        return {}
    said = file.values if file is not None else {}
    asked = value_given("--preset", arguments)
    budget = value_given("--budget", arguments) or said.get("budget")
    # A file that names no preset and was left without one (a run's own) has said so.
    name = asked or (said["preset"] if "preset" in said else _preset_for(budget))
    if name is None:
        return {}
    if name not in PRESETS:
        place = f"{file.place('preset')}: " if file is not None and asked is None else ""
        raise UserError(f"{place}{unknown_name('preset', name, PRESETS)}")
    tables = PRESETS[name].values
    values = {name: value for table in tables.values() for name, value in table.items() if name in entries}
    if asked is not None and file is not None:
        _require_room(asked, values, file)
    return {"preset": name, **values}


def _start_values(kind: type[Any], arguments: Sequence[str], file: FileSettings | None) -> dict[str, Any]:
    """What the run decides that training starts from; nothing where it starts at random."""
    entries = catalogue(kind)
    said = file.values if file is not None else {}
    start = value_given("--start-from", arguments) or said.get("start_from")
    if "start_from" not in entries or start is None:
        return {}
    from rnn_lm.settings.starting import start_values  # which imports torch, for which --help does not wait

    out = Path(value_given("--out", arguments) or said.get("out") or entries["out"].default)
    same_text = value_given("--corpus", arguments) is None and "corpus" not in said
    values = start_values(start, out if "--resume" in arguments else None, same_text=same_text)
    if (value_given("--tokens", arguments) or said.get("tokens")) not in (None, values["tokens"]):
        del values["subwords"]  # which not all tokens have: they are what does not go with the model
    return values


def _require_room(preset: str, values: Mapping[str, Any], file: FileSettings) -> None:
    """Refuse a preset all of whose settings the file has: beside it, it would do nothing."""
    if values and values.keys() <= file.values.keys():
        shown = ", ".join(map(flag, list(values)[:3]))
        raise UserError(
            f"--preset {preset} does nothing beside --config {file.source}, which has all that it would set "
            f"({shown}...): leave one of them out"
        )


def _preset_for(budget: str | None) -> str | None:
    """The preset that suits a budget of time; None for one in epochs or steps, which says nothing of time."""
    if budget is None or (parsed := Budget.parse(budget)).unit != "seconds":
        return None
    return next(name for name, bound in _BY_TIME if parsed.amount <= bound)


def value_given(flag: str, arguments: Sequence[str]) -> str | None:
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
