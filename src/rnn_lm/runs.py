"""Run folders: what a command writes, so that it can be resumed, read back and told apart from anybody else's files."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_lm.errors import UserError
from rnn_lm.files import make_folder, read_json, user_errors, write_json

FORMAT = "rnn_lm run"
VERSION = 1
MANIFEST = "run.json"


@dataclass(frozen=True)
class Run:
    """A folder that holds one run.

    Attributes:
        folder: where it is.
        kind: what wrote it: "compare", "recurrent", "ngram", "probe", "gradients", "theory", "sweep".
        config: its settings as plain JSON values.
    """

    folder: Path
    kind: str
    config: dict[str, Any]


def start_run(folder: Path, kind: str, config: dict[str, Any], resume: bool) -> Run:
    """Make ``folder`` a run's, or take up the run that it holds.

    Args:
        folder: new, empty, or (with ``resume``) holding a run of the same kind and settings.
        kind: see ``Run``.
        config: see ``Run``.
        resume: whether going on with what is there is wanted.

    Raises:
        UserError: the folder holds other files, a run that was not asked to be resumed, one with other settings, or
            one of another kind or version; or it cannot be written.
    """
    manifest = folder / MANIFEST
    # Looked at once: of several processes that start in one folder together, each sees all of another's files or none.
    with user_errors(folder, "read"):
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if MANIFEST in names:
        found = read_run(folder, kind)
        if not resume:
            raise UserError(f"{folder}: holds a run already; add --resume to go on with it, or choose another --out")
        _require_same(folder, found.config, config)
        return found
    strangers = [name for name in names if not name.startswith(".")]
    if strangers:
        raise UserError(f"{folder}: holds files that are not a run's ({strangers[0]}...); choose another --out")
    make_folder(folder)
    write_json(manifest, {"format": FORMAT, "version": VERSION, "kind": kind, "config": config})
    return Run(folder, kind, config)


def read_run(folder: Path, *kinds: str) -> Run:
    """Read a run's manifest.

    Raises:
        UserError: there is none, it is garbled, of another version, or of none of the ``kinds`` asked for.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{folder}: no run here ({MANIFEST} is missing); give the folder that a command wrote")
    values = read_json(manifest)
    if not isinstance(values, dict) or values.get("format") != FORMAT or not isinstance(values.get("config"), dict):
        raise UserError(f"{manifest}: not the manifest of a run; choose another folder")
    if values.get("version") != VERSION:
        raise UserError(
            f"{manifest}: of version {values.get('version')}, this rnn-lm reads version {VERSION}; "
            "use the rnn-lm that wrote it, or choose another folder"
        )
    if values.get("kind") not in kinds:
        raise UserError(f"{folder}: holds a {values.get('kind')!r} run, {' or '.join(map(repr, kinds))} is needed here")
    return Run(folder, values["kind"], values["config"])


def _require_same(folder: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = first_difference(found, _as_json(wanted))
    if differing is not None:
        name, was, now = differing
        raise UserError(
            f"{folder}: the run there has {name.rpartition('.')[2].replace('_', '-')} {was!r}, not {now!r}; "
            "repeat its settings to resume it, or choose another --out"
        )


def first_difference(found: Any, wanted: Any, name: str = "config") -> tuple[str, Any, Any] | None:
    """The first place, as a dotted name, where two JSON values differ, with both values there; None if they agree."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            difference = first_difference(found.get(key), wanted.get(key), f"{name}.{key}")
            if difference is not None:
                return difference
        return None
    return None if found == wanted else (name, found, wanted)


def _as_json(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    if isinstance(value, dict):
        return {key: _as_json(part) for key, part in value.items()}
    return [_as_json(part) for part in value] if isinstance(value, list | tuple) else value


def require_run_folder(folder: Path, *, resume: bool) -> None:
    """Find out, before any work, what ``start_run`` would find out after it; makes nothing that stays.

    Raises:
        UserError: the folder holds a run and ``resume`` is not set, or other files; or it is not there and cannot be
            made, or cannot be written.
    """
    with user_errors(folder, "write a run there"):
        names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        if MANIFEST in names and not resume:
            raise UserError(f"{folder}: holds a run already; add --resume to go on with it, or choose another --out")
        strangers = [name for name in names if not name.startswith(".")]
        if strangers and MANIFEST not in names:
            raise UserError(f"{folder}: holds files that are not a run's ({strangers[0]}...); choose another --out")
        there = folder.resolve()
        missing = [there, *there.parents]
        while not missing[0].exists():
            there = missing.pop(0)
        # Only trying shows whether a file may be made, and whether the system takes a name of this length.
        with tempfile.TemporaryDirectory(dir=missing[0], prefix=".") as trial:
            if there != missing[0]:
                (Path(trial) / there.name).mkdir()
