"""``rnn-lm``: one subcommand per job. A job's flags are the fields of its module's ``Options`` in ``commands/``.

Nothing heavy is imported before the command is known, so that ``--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import os
import re
import shlex
import shutil
import signal
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import tyro

from rnn_lm.commands import COMMANDS
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.failures import BUG, OUTPUT_LOST, failure
from rnn_lm.limits import check_numbers, flag
from rnn_lm.memory import keep_freed_memory
from rnn_lm.presets import default_options
from rnn_lm.terminal import SafeOutput, safe_output
from rnn_lm.training.interrupt import WATCHED, stopping

INTERRUPTED = 130
"""Exit code after Ctrl-C; after another signal that asks to stop, 128 and its number, as shells have it."""
NARROWEST = 60
"""Columns that help is laid out for at least, however narrow the terminal says it is."""
LONGEST_MESSAGE = 400
"""Characters of what the parser of flags says that are shown."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. Whatever ends it early is answered with one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = _Command()
    with safe_output() as output, stopping():
        try:
            return _finish(output, command.run(arguments, output))
        except KeyboardInterrupt as stop:
            _end_helpers()
            if _speaks():
                kept = "; what is finished is kept, and --resume goes on from there" if command.run_folder() else ""
                _say(f"stopped{kept}")
            return 128 + getattr(stop, "number", signal.SIGINT)
        except BrokenPipeError:
            # The reader of our output (head, less) has gone: nothing is wrong, and there is nobody left to tell.
            return 0
        except Exception as error:
            return _failed(error, command.run_folder())
        finally:
            if "RANK" in os.environ:
                from rnn_lm.runtime import leave_process_group

                leave_process_group()


def _finish(output: SafeOutput, code: int) -> int:
    """The exit code of a command that ended with ``code``, once all that it printed is written."""
    output.flush()
    if output.lost is not None and not isinstance(output.lost, BrokenPipeError):
        return code or OUTPUT_LOST
    return code


def _say(line: str) -> None:
    print(f"rnn-lm: {line}", file=sys.stderr)


def _speaks() -> bool:
    """Whether what every process of a run finds out is for this one to say."""
    return os.environ.get("RANK", "0") == "0"


def _failed(error: Exception, folder: Path | None) -> int:
    if os.environ.get("RANK") is not None:
        from rnn_lm.launch import RANK_LOST
        from rnn_lm.runtime import RankLost

        if isinstance(error, RankLost):
            if WATCHED not in os.environ:
                _say(str(error))
            return RANK_LOST
    line, code = failure(error, folder)
    if _speaks() or code == BUG:
        _say(line)
    return code


def _require_working_folder() -> None:
    """Refuse to work in a folder that is gone: relative names lead nowhere, and libraries end the process over it."""
    try:
        os.getcwd()
    except OSError:
        raise UserError("the folder that you are in does not exist any more; change to another one") from None


def _end_helpers() -> None:
    """End the processes that work for this one: kill reaches this one alone, unlike Ctrl-C in a terminal."""
    if (module := sys.modules.get("multiprocessing")) is not None:
        for helper in module.active_children():
            helper.terminate()


class _Command:
    """The command that was typed, as far as it is known."""

    def __init__(self) -> None:
        self._options: Any = None

    def run_folder(self) -> Path | None:
        """The folder of the run, once there is one in it."""
        folder = getattr(self._options, "out", None)
        if not isinstance(folder, Path) or not hasattr(self._options, "resume"):
            return None
        return folder if os.path.exists(folder / "run.json") else None

    def run(self, arguments: list[str], output: SafeOutput) -> int:
        """Read the flags and do what they say; returns the exit code."""
        if not arguments or arguments[0] in {"-h", "--help", "help"}:
            print(_overview())
            return 0
        if arguments[0] in {"--version", "version"}:
            print(importlib.import_module("importlib.metadata").version("rnn-lm"))
            return 0
        name = arguments[0]
        if name.startswith("-"):
            raise UserError(f"{name[:80]}: a command comes first, as in rnn-lm train --help; rnn-lm --help lists them")
        if name not in COMMANDS:
            raise unknown_name("command", name, COMMANDS)
        _require_working_folder()
        module = importlib.import_module(f"rnn_lm.commands.{name}")
        try:
            options = self._options = parse_options(module.Options, arguments[1:], f"rnn-lm {name}")
        except SystemExit:  # after --help
            return 0
        output.keep_going = hasattr(options, "resume")
        keep_freed_memory()
        if hasattr(options, "runtime") and options.runtime.processes > 1 and "RANK" not in os.environ:
            from rnn_lm.launch import launch

            return launch(main, arguments, options.runtime.processes)
        return module.run(options) or 0


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


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: rnn-lm COMMAND [flags]",
            "",
            "Train, compare and understand recurrent language models.",
            "",
            *lines,
            "",
            "rnn-lm COMMAND --help lists the flags of a command.",
        ]
    )
