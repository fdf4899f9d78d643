"""What ``rnn-lm COMMAND --help`` prints: first the flags that people use, then the rest by part.

Everything in it is in the settings classes: the help below a field, its default (a preset's or a file's, where one is
given beside ``--help``), and where it does something (``conditions.only``).
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import tyro

from rnn_lm.conditions import as_flags, settings_of, ways_among
from rnn_lm.limits import flag
from rnn_lm.settings.catalogue import Entry, about, bare, catalogue, command_of, may_be_none, tables_of

CONFIG_HELP = (
    "--config FILE",
    "Settings from a TOML file, or those of a run (its run.json, or its folder): above a preset's, below flags. The "
    "settings.toml in a run's folder repeats the run.",
)
_INDENT, _COLUMN = 2, 26
_UNBROKEN = "\0"
"""Stands for a space at which no line is broken."""
_METAVARS = {int: "N", float: "X", str: "TEXT", Path: "PATH", bool: "{True,False}"}


def help_page(kind: type[Any], program: str, default: Any | None, width: int) -> str:
    """The help of a command, laid out for ``width`` columns.

    Args:
        kind: its ``Options``.
        program: what is typed, e.g. "rnn-lm train".
        default: the options that hold without flags; None for the usual ones.
        width: columns.
    """
    entries = catalogue(kind)
    defaults = {name: entry.default for name, entry in entries.items()}
    if default is not None:
        defaults = {setting.name: setting.value for setting in settings_of(default)}
    needed = [entry for entry in entries.values() if entry.positional]
    usage = " ".join(["usage:", program, *map(_typed, needed), "[flags]"])
    lines = [usage, "", *textwrap.wrap(about(kind), width), ""]
    first = [entries[name] for name in getattr(kind, "FIRST", ())]
    for title, group in _groups(kind, entries.values(), first):
        lines += [*textwrap.wrap(title, width), ""]
        for entry in group:
            lines += _row(*(CONFIG_HELP if entry is None else (_typed(entry), _with_default(entry, defaults))), width)
        lines.append("")
    return "\n".join(lines).rstrip()


def _groups(kind: type[Any], entries: Iterable[Entry], first: list[Entry]) -> Iterator[tuple[str, list[Entry | None]]]:
    """Titles and what stands under each; None stands for ``--config``."""
    if first:
        yield "The flags that are used most", [*first, None]
    own = command_of(kind)
    for table, part in tables_of(kind).items():
        group: list[Entry | None] = [entry for entry in entries if entry.table[0] == table and entry not in first]
        if table == own and not first:
            group.append(None)
        if group:
            yield "This command" if part is kind else f"{table.capitalize()}: {about(part)}", group


def _row(left: str, right: str, width: int) -> list[str]:
    """A flag and its help side by side, or below each other where the flag is long."""
    head, margin = " " * _INDENT + left, " " * _COLUMN
    wrapped = textwrap.wrap(
        right, width, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False, break_long_words=False
    ) or [margin]
    wrapped = [line.replace(_UNBROKEN, " ") for line in wrapped]
    if len(head) < _COLUMN - 1:
        return [head.ljust(_COLUMN) + wrapped[0][_COLUMN:], *wrapped[1:]]
    heads = textwrap.wrap(left, width, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return [*heads, *wrapped]


def _typed(entry: Entry) -> str:
    """A setting as it is typed, with what stands for its value."""
    hint = bare(entry.hint)
    if entry.positional:
        return entry.name.upper() + ("..." if get_origin(hint) is tuple else "")
    if hint is bool and not may_be_none(entry.hint):
        return flag(f"no_{entry.name}" if entry.default is True else entry.name)
    return f"{flag(entry.name)} {_metavar(entry, hint)}"


def _metavar(entry: Entry, hint: Any) -> str:
    if entry.choices:
        return f"{{{','.join(map(str, entry.choices))}}}"
    if get_origin(hint) is tuple:
        kinds = get_args(hint)
        one = _METAVARS.get(kinds[0], "VALUE")
        return f"{one}..." if kinds[-1] is Ellipsis else " ".join([one] * len(kinds))
    return _METAVARS.get(hint, "VALUE")


def _with_default(entry: Entry, defaults: dict[str, Any]) -> str:
    default = defaults[entry.name]
    text = explained(entry, defaults)
    if default in (None, (), "", dataclasses.MISSING, tyro.MISSING) or default is False is entry.default:
        return text
    shown = as_flags(entry.name, default) if isinstance(default, bool) else default
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(shown)
    words = f"(default: {shown})"
    return f"{text} {words.replace(' ', _UNBROKEN) if len(words) < _COLUMN else words}"


def explained(entry: Entry, among: Container[str]) -> str:
    """The help of a setting, with where it does something if it does not say so itself.

    Args:
        entry: the setting.
        among: names of those of the same command; where it depends on others, the command has decided.
    """
    where = where_it_holds(entry, among)
    said = not where or where.removeprefix("Only with ").rstrip(".") in entry.help
    return entry.help if said else f"{entry.help} {where}"


def where_it_holds(entry: Entry, among: Container[str]) -> str:
    """Where a setting does something, in a sentence; empty where it always does, or where its help has to say it."""
    ways = [{name: one for name, one in way.items() if name in among} for way in ways_among(entry.field, among)]
    if not ways or not all(ways) or not all(wanted.quick for way in ways for wanted in way.values()):
        return ""
    said = [" and ".join(wanted.words(flag(name)) for name, wanted in way.items()) for way in ways]
    words = said[0] if len(said) == 1 else f"{', '.join(said[:-1])} or {said[-1]}"
    return f"Only without {words.removeprefix('no ')}." if words.startswith("no ") else f"Only with {words}."
