"""``rnn-lm``: one subcommand per job. A job's flags are the fields of its module's ``Options`` in ``commands/``.

Nothing heavy is imported before the command is known, so that ``--help`` answers at once.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from rnn_lm.commands import COMMANDS
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.failures import BUG, OUTPUT_LOST, failure
from rnn_lm.flags import parse_options
from rnn_lm.memory import keep_freed_memory
from rnn_lm.terminal import SafeOutput, plain_line, safe_output
from rnn_lm.training.interrupt import WATCHED, stopping

INTERRUPTED = 130
"""Exit code after Ctrl-C; after another signal that asks to stop, 128 and its number, as shells have it."""


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
    print(f"rnn-lm: {plain_line(line)}", file=sys.stderr)


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
