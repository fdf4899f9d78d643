"""``settings.toml``: what a run was asked for, in a file that asks for it again.

    rnn-lm train --config runs/a/settings.toml --out runs/b

It holds every setting of the command, each under its help, as it stands after preset, file and flags; so a later change
of a default changes nothing in it. ``run.json`` stays what binds a run: this file is for people, who may edit it.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rnn_lm.conditions import has_effect, settings_of
from rnn_lm.files import write_atomically
from rnn_lm.settings.catalogue import CALL, Entry, about, catalogue, command_of, tables_of
from rnn_lm.settings.help_page import explained
from rnn_lm.settings.reading import IDLE
from rnn_lm.settings.values import written

SETTINGS = "settings.toml"
_WIDTH = 100


def keep_settings(folder: Path, options: Any) -> None:
    """Write ``settings.toml`` into the folder of a run, unless it is there.

    Args:
        folder: of the run, begun.
        options: the ``Options`` of the command that runs.

    Raises:
        UserError: it cannot be written.
    """
    path = folder / SETTINGS
    if not path.exists():
        write_atomically(path, settings_text(options, path))


def settings_text(options: Any, path: Path) -> str:
    """The content of a ``settings.toml`` that is to lie at ``path``."""
    kind, values = type(options), {setting.name: setting.value for setting in settings_of(options)}
    command = command_of(kind)
    entries = [entry for entry in catalogue(kind).values() if entry.name not in CALL]
    lines = [
        f"# rnn-lm {command} --config {shlex.quote(str(path))} --out FOLDER",
        '# repeats this run. Paths are seen from the folder that the command is started in. "None" leaves a setting',
        "# undecided, as it is where it is not given.",
        "",
    ]
    changed = [entry.name for entry in entries if values[entry.name] != entry.default]
    idle = [name for name in changed if not has_effect(name, options)]
    if idle:
        lines += ["# Not at their defaults, though in this run they do nothing:", f"{IDLE} = {written(idle)}", ""]
    for table, part in tables_of(kind).items():
        own = [entry for entry in entries if entry.table[0] == table]
        if own:
            lines += [f"[{table}]", *_comment(about(part)), ""] if table != command else [f"[{table}]", ""]
            lines += [line for entry in own for line in _lines(entry, values)]
    return "\n".join(lines)


def _lines(entry: Entry, values: Mapping[str, Any]) -> Iterator[str]:
    yield from _comment(explained(entry, values))
    yield f"{entry.name} = {written(values[entry.name])}"
    yield ""


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
