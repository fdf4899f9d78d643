"""``rnn-lm``: one subcommand per job. A job's flags are the fields of its module's ``Options`` in ``commands/``.

Nothing heavy is imported before the command is known, so that ``--help`` answers at once.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from typing import Any

import tyro

from rnn_lm.commands import COMMANDS
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.memory import keep_freed_memory
from rnn_lm.presets import default_options

BAD_INPUT = 2
"""Exit code when something a person typed or supplied cannot be used."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. What a person got wrong is answered with one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(arguments)
    except UserError as error:
        return _refused(error)
    except KeyboardInterrupt:
        if _speaks():
            print("rnn-lm: stopped; what is finished is kept, and --resume goes on from there", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing is wrong, and there is nobody left to tell.
        sys.stderr.close()
        return 0
    finally:
        if "RANK" in os.environ:
            from rnn_lm.runtime import leave_process_group

            leave_process_group()


def _speaks() -> bool:
    """Whether what every process of a run finds out is for this one to say."""
    return os.environ.get("RANK", "0") == "0"


def _refused(error: UserError) -> int:
    if os.environ.get("RANK") is not None:
        from rnn_lm.launch import RANK_LOST, WATCHED
        from rnn_lm.runtime import RankLost

        if isinstance(error, RankLost):
            if WATCHED not in os.environ:
                print(f"rnn-lm: {error}", file=sys.stderr)
            return RANK_LOST
    if _speaks():
        print(f"rnn-lm: {error}", file=sys.stderr)
    return BAD_INPUT


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(importlib.import_module("importlib.metadata").version("rnn-lm"))
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        raise unknown_name("command", name, COMMANDS)
    module = importlib.import_module(f"rnn_lm.commands.{name}")
    options = parse_options(module.Options, arguments[1:], f"rnn-lm {name}")
    keep_freed_memory()
    if hasattr(options, "runtime") and options.runtime.processes > 1 and "RANK" not in os.environ:
        from rnn_lm.launch import launch

        return launch(arguments, options.runtime.processes)
    return module.run(options) or 0


def parse_options(kind: type[Any], arguments: list[str], program: str) -> Any:
    """Read flags into ``kind``; raises ``UserError`` with one line where they cannot be read."""
    captured = io.StringIO()
    default = default_options(kind, arguments)
    try:
        with contextlib.redirect_stderr(captured):
            return tyro.cli(
                kind,
                args=arguments,
                prog=program,
                default=default,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
            )
    except SystemExit as stop:
        if stop.code == 0:
            raise
        raise UserError(f"{one_line(captured.getvalue())} (see {program} --help)") from None


def one_line(box: str) -> str:
    """The message of an error box, with the first flag that it suggests.

    A box has a title, a message and hints, set apart by rules; in a terminal the title is part of the frame.
    """
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
