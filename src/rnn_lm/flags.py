"""The flags of a command, read into its ``Options``, and what is said of those that cannot be read."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import tyro

from rnn_lm.commands import COMMANDS
from rnn_lm.conditions import as_flags, has_effect, require_effect, settings_of
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.limits import check_numbers, flag
from rnn_lm.presets import default_options, preset_values, value_given
from rnn_lm.settings.catalogue import catalogue
from rnn_lm.settings.help_page import help_page
from rnn_lm.settings.values import written

if TYPE_CHECKING:
    from rnn_lm.settings.reading import FileSettings

CONFIG = "--config"
"""Names a file of settings; every command has it."""
NARROWEST = 60
"""Columns that help is laid out for at least, however narrow the terminal says it is."""
LONGEST_MESSAGE = 400
"""Characters of what the parser of flags says that are shown."""


def parse_options(kind: type[Any], arguments: list[str], program: str) -> Any:
    """Read flags, and the file of settings that ``--config`` names below them, into ``kind``.

    Raises:
        UserError: one line, where they cannot be read, or where one of them does nothing.
        SystemExit: help was asked for, and printed.
    """
    _require_once(kind, arguments)
    _require_present_names(kind, arguments)
    arguments, path = _without_config(arguments)
    file = read_config(path, kind) if path is not None else None
    try:
        default = default_options(kind, arguments, file)
    except UserError as error:
        raise _in_its_place(error, file, _given(kind, arguments)) from None
    if {"-h", "--help"} & set(arguments):
        print(help_page(kind, program, default, max(NARROWEST, shutil.get_terminal_size().columns)))
        raise SystemExit(0)
    captured = io.StringIO()
    try:
        with contextlib.redirect_stderr(captured), _on_one_line():
            options = tyro.cli(kind, args=arguments, prog=program, default=default, config=(tyro.conf.OmitArgPrefixes,))
        check_numbers(options)
    except SystemExit:
        raise UserError(f"{_plainer(one_line(captured.getvalue()), kind)} (see {program} --help)") from None
    except UserError as error:
        raise _in_its_place(error, file, _given(kind, arguments)) from None
    require_all_to_do_something(options, _given(kind, arguments), arguments, file, default)
    return options


def _without_config(arguments: list[str]) -> tuple[list[str], Path | None]:
    """The flags but for ``--config``, and the file that it names."""
    value = value_given(CONFIG, arguments)
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == CONFIG:
            next(words)
        elif not word.startswith(f"{CONFIG}="):
            rest.append(word)
    return rest, Path(value) if value is not None else None


def read_config(path: Path, kind: type[Any]) -> FileSettings:
    """Read the file that ``--config`` names; raises ``UserError`` where that cannot be done."""
    from rnn_lm.settings.run_files import read_settings  # which imports torch, for which --help does not wait

    def commands() -> dict[str, type[Any]]:
        return {name: importlib.import_module(f"rnn_lm.commands.{name}").Options for name in COMMANDS}

    return read_settings(path, kind, commands)


def _given(kind: type[Any], arguments: list[str]) -> set[str]:
    """The settings that stand on the command line as flags."""
    words = (word[2:].partition("=")[0].replace("-", "_") for word in arguments if word.startswith("--"))
    entries = catalogue(kind)
    return {word if word in entries else word.removeprefix("no_") for word in words} & entries.keys()


def _in_its_place(error: UserError, file: FileSettings | None, given: set[str]) -> UserError:
    """``error`` with the line of the file where it names a setting that the file has given, and no flag."""
    for word in re.findall(r"--([a-z][a-z0-9-]*)", str(error)):
        name = word.replace("-", "_")
        if file is not None and name in file.values and name not in given:
            return UserError(f"{file.place(name)}: {error}")
    return error


def require_all_to_do_something(
    options: Any, given: set[str], arguments: list[str], file: FileSettings | None, default: Any
) -> None:
    """Refuse what a person gave, by flag or in a file, where it does nothing; what a preset brings along may.

    Args:
        options: the settings that came of it.
        given: names of those that were given as flags.
        arguments: the flags, of which ``--preset`` and ``--budget`` are looked at.
        file: what ``--config`` says.
        default: what preset and file came to.

    Raises:
        UserError: names the setting, and the line of a file.
    """
    kind = type(options)
    values = {setting.name: setting.value for setting in settings_of(options)}
    require_effect(options, {name: as_flags(name, values[name]) for name in sorted(given)})
    if file is None:
        return
    beneath = preset_values(kind, arguments, file)
    # A flag that leads out of the mode that a file is written for is no fault of the file's.
    silent = {name for name in file.values if name in beneath and beneath[name] == file.values[name]}
    silent |= {name for name in file.values if has_effect(name, default)}
    asked = [name for name in file.values if name not in silent | given | file.idle]
    require_effect(options, {name: f"{file.place(name)}: {name} = {written(values[name])}" for name in asked})


def _require_once(kind: type[Any], arguments: list[str]) -> None:
    """Refuse a flag that takes several values and stands there twice: only the last would count, in silence."""
    several = {flag(entry.name) for entry in catalogue(kind).values() if get_origin(entry.hint) is tuple}
    given = [word.partition("=")[0].replace("_", "-") for word in arguments if word.startswith("--")]
    if given.count(CONFIG) > 1:
        raise UserError(f"{CONFIG} is given twice; give one file, and what it lacks as flags")
    for name in several:
        if given.count(name) > 1:
            raise UserError(f"{name} is given twice, and only the last would count; give all its values to one {name}")


def _require_present_names(kind: type[Any], arguments: list[str]) -> None:
    """Refuse a flag of version 0.1 that has another name now; ``FORMER`` of a command says which."""
    for former, now in getattr(kind, "FORMER", {}).items():
        if any(word.partition("=")[0] == former for word in arguments):
            raise UserError(f"{former} is no flag any more: {now}")


def _plainer(message: str, kind: type[Any]) -> str:
    """What the parser says, in the words of somebody who does not know how it works."""
    if match := re.match(r"Unrecognized options: ([^-].*)", message):
        flags = [name for name in ("corpus", "prompt") if name in catalogue(kind)]
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
def _on_one_line() -> Iterator[None]:
    """Inside, the parser of flags lays out its messages for a width at which they have no breaks."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(10 * LONGEST_MESSAGE)
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
