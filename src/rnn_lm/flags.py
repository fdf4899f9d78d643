"""The flags of a command, read into its ``Options``, and what is said of those that cannot be read."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import shlex
import shutil
import typing
from collections.abc import Iterator
from typing import Any, get_origin

import tyro

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.limits import check_numbers, flag
from rnn_lm.presets import default_options

NARROWEST = 60
"""Columns that help is laid out for at least, however narrow the terminal says it is."""
LONGEST_MESSAGE = 400
"""Characters of what the parser of flags says that are shown."""


def parse_options(kind: type[Any], arguments: list[str], program: str) -> Any:
    """Read flags into ``kind``; raises ``UserError`` with one line where they cannot be read."""
    _require_once(kind, arguments)
    captured = io.StringIO()
    default = default_options(kind, arguments)
    try:
        with contextlib.redirect_stderr(captured), _laid_out(arguments):
            options = tyro.cli(
                kind,
                args=arguments,
                prog=program,
                default=default,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if stop.code == 0:
            raise
        raise UserError(f"{_plainer(one_line(captured.getvalue()), kind)} (see {program} --help)") from None
    check_numbers(options)
    return options


def _fields_of(kind: type[Any]) -> dict[str, Any]:
    """The type of each field that is a flag, those of the dataclasses within included."""
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(kind).items():
        found |= _fields_of(hint) if dataclasses.is_dataclass(hint) and isinstance(hint, type) else {name: hint}
    return found


def _require_once(kind: type[Any], arguments: list[str]) -> None:
    """Refuse a flag that takes several values and stands there twice: only the last would count, in silence."""
    several = {flag(name) for name, hint in _fields_of(kind).items() if get_origin(hint) is tuple}
    given = [word.partition("=")[0].replace("_", "-") for word in arguments if word.startswith("--")]
    for name in several:
        if given.count(name) > 1:
            raise UserError(f"{name} is given twice, and only the last would count; give all its values to one {name}")


def _plainer(message: str, kind: type[Any]) -> str:
    """What the parser says, in the words of somebody who does not know how it works."""
    if match := re.match(r"Unrecognized options: ([^-].*)", message):
        flags = [name for name in ("corpus", "prompt") if name in _fields_of(kind)]
        example = f", e.g. --{flags[0]} {shlex.quote(match[1])}" if flags else ""
        return f"nothing takes {match[1]!r}: a value stands after its flag{example}"
    if match := re.match(r"Missing from rnn-lm (\w+): \S+ (.*?)\.? \(required\)", message):
        return f"{match[1]} needs a path: {match[2]}"
    if match := re.match(r"Error parsing (\S+): invalid literal for int\(\) with base 10: (.*)", message):
        return f"{match[1]} {match[2]} is not a whole number"
    if match := re.match(r"Error parsing (\S+): could not convert string to float: (.*)", message):
        return f"{match[1]} {match[2]} is not a number"
    if match := re.match(r"invalid choice '(.*)' for argument '(\S+)'\. Expected one of \((.*)\)", message):
        known = [name for name in re.findall(r"'([^']*)'", match[3]) if name != "None"]
        return str(unknown_name(match[2], match[1], known))
    if match := re.match(r"Missing value for argument '(\S+)'\. Expected 1 values", message):
        return f"{match[1]} needs a value after it"
    return message


@contextlib.contextmanager
def _laid_out(arguments: list[str]) -> Iterator[None]:
    """Inside, the parser of flags lays out help for a width that can be read, and messages for one without breaks."""
    wants_help = bool({"-h", "--help"} & set(arguments))
    width = max(NARROWEST, shutil.get_terminal_size().columns) if wants_help else 10 * LONGEST_MESSAGE
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(width)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""What colours text in a terminal, or makes a link of it."""


def one_line(box: str) -> str:
    """The message of an error box, with the first flag that it suggests.

    A box has a title, a message and hints, set apart by rules; in a terminal the title is part of the frame, and there
    are colours.
    """
    box = _ANSI.sub("", box)
    framed = "│" in box
    lines = [line.strip("│ ") for line in box.splitlines() if not framed or line.startswith("│")]
    sections: list[list[str]] = [[]]
    for line in lines:
        if line and set(line) <= {"─", "-"}:
            sections.append([])
        else:
            sections[-1].append(line)
    message, *hints = sections if framed else sections[1:] or sections
    text = re.sub(r"\s+", " ", " ".join(message)).strip(" .")
    suggested = re.search(r"Perhaps you meant:\s*(--[\w-]+)", " ".join(line for hint in hints for line in hint))
    text = text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}..."
    return f"{text}: did you mean {suggested[1]}?" if suggested else text
