"""Settings from a file: ``--config FILE``, a TOML file or the ``run.json`` of a run.

    seeds = 2                     flat: any setting of the command, by its name
    [training]                    or in the table of its part; ``learning-rate`` is ``learning_rate``
    learning_rate = 4e-3
    [ngram]                       tables of other commands are theirs: one file may serve several
    [about]                       whatever its writer wants to say

Everything that such a file can have wrong is found here, before any work, in a line that names the file and the place.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.files import user_errors
from rnn_lm.settings.catalogue import CONSENT, catalogue, command_of, tables_of
from rnn_lm.settings.values import value_of

ABOUT = "about"
"""The table that is for people, in any file."""
IDLE = "without_effect"
"""Names of settings that are kept to repeat a run exactly though they do nothing in it: nobody is to be told so."""

Commands = Callable[[], Mapping[str, type[Any]]]
"""Gives the ``Options`` of every command by name; asked for only where a table is none of this command's."""


@dataclass(frozen=True)
class FileSettings:
    """What a file says about the settings of a command.

    Attributes:
        source: the file, for messages.
        values: by name of the setting.
        lines: where each stands, counted from 1, as far as it is known.
        idle: names of those that may do nothing in silence.
    """

    source: str
    values: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()

    def place(self, name: str) -> str:
        """Where a setting stands, for the beginning of a message."""
        return f"{self.source}, line {self.lines[name]}" if name in self.lines else self.source


def read_toml(path: Path, kind: type[Any], commands: Commands) -> FileSettings:
    """Read the settings of a command, of which ``kind`` are the ``Options``, from a TOML file.

    Raises:
        UserError: it cannot be read, is no TOML, or has a table or a key that no command has, a key in a table that is
            not its own, one twice, a value of another type, or a consent that is for the command line alone.
    """
    text, document = read_document(path)
    found = _Found(path, text, kind, commands)
    found.take(document, ())
    idle = found.names(document.get(IDLE, []))
    return FileSettings(str(path), found.values, found.lines, idle)


def read_document(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file, and what it holds; raises ``UserError`` where it cannot be read or is none."""
    with user_errors(path, "read the settings"):
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 (byte {error.start + 1}); TOML is, save it so") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = str(error)[:200].rstrip(".")
        raise UserError(f'{path}: is no TOML: {reason}; write NAME = VALUE, with text in "quotation marks"') from None


class _Found:
    """Settings as they are come upon."""

    def __init__(self, path: Path, text: str, kind: type[Any], commands: Commands) -> None:
        self.path, self.text, self.commands = path, text, commands
        self.command, self.entries = command_of(kind), catalogue(kind)
        self.tables = {entry.table[:depth] for entry in self.entries.values() for depth in range(3)}
        self.values: dict[str, Any] = {}
        self.lines: dict[str, int] = {}

    def take(self, table: Mapping[str, Any], path: tuple[str, ...]) -> None:
        """Take the settings of a table and of the tables in it."""
        for key, raw in table.items():
            name = key.replace("-", "_")
            if isinstance(raw, dict) and not (path and name in self.entries):
                self._take_table(key, raw, path)
            elif (path, name) != ((), IDLE):
                self._take_value(key, name, raw, path)

    def _take_table(self, key: str, table: Mapping[str, Any], path: tuple[str, ...]) -> None:
        if (*path, key) in self.tables:
            self.take(table, (*path, key))
        elif path:
            raise self._refusal(
                f"[{'.'.join((*path, key))}] is no table of settings; rnn-lm {self.command} --help lists them"
            )
        elif key != ABOUT:
            known = {name for kind in self.commands().values() for name in tables_of(kind)}
            if key not in known:
                raise self._refusal(str(unknown_name("table", key, {*known, ABOUT})), _line_of_table(self.text, key))

    def _take_value(self, key: str, name: str, raw: Any, path: tuple[str, ...]) -> None:
        line = _line_of(self.text, path, key)
        entry = self.entries.get(name)
        if entry is None:
            raise self._refusal(self._unknown(key, name, path), line)
        if path != entry.table[: len(path)]:
            raise self._refusal(f"{key} is a setting of [{'.'.join(entry.table)}], not of [{'.'.join(path)}]", line)
        if name in CONSENT:
            raise self._refusal(
                f"{key} is agreed to for one call, not in a file: give --{name} on the command line", line
            )
        if name in self.values:
            raise self._refusal(f"{key} is given twice; leave one of them out", line)
        try:
            self.values[name] = value_of(entry, raw)
        except UserError as error:
            raise self._refusal(str(error), line) from None
        if line is not None:
            self.lines[name] = line

    def _unknown(self, key: str, name: str, path: tuple[str, ...]) -> str:
        """What is said of a key that is no setting of this command."""
        there = [entry for entry in self.entries.values() if path == entry.table[: len(path)]]
        owners = [] if path else [command for command, kind in self.commands().items() if name in catalogue(kind)]
        if owners:
            table = ".".join(catalogue(self.commands()[owners[0]])[name].table)
            return f"{key} is no setting of {self.command}, but of {' and '.join(owners)}: put it under [{table}]"
        return str(unknown_name("setting", key, [entry.name for entry in there]))

    def names(self, raw: Any) -> frozenset[str]:
        """The settings that do nothing, and are to do so in silence."""
        if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
            raise self._refusal(f"{IDLE} must be a list of names of settings", _line_of(self.text, (), IDLE))
        return frozenset(name.replace("-", "_") for name in raw)

    def _refusal(self, message: str, line: int | None = None) -> UserError:
        where = f"{self.path}, line {line}" if line is not None else str(self.path)
        return UserError(f"{where}: {message}")


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))


def _line_of(text: str, path: Iterable[str], key: str) -> int | None:
    """The line in which ``key`` is given a value in the table ``path``; None where that is written in another way."""
    wanted, table = tuple(path), ()
    for number, line in _numbered(text):
        if header := re.fullmatch(r"\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?", line):
            table = tuple(re.sub(r"[\s\"']", "", header[1]).split("."))
        elif table == wanted and re.match(rf"[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return None


def _line_of_table(text: str, name: str) -> int | None:
    pattern = rf"\[+\s*[\"']?{re.escape(name)}[\"']?\s*[\].]"
    return next((number for number, line in _numbered(text) if re.match(pattern, line)), None)
