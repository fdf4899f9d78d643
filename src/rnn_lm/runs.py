"""Run folders: what a command writes, so that it can be resumed, read back and told apart from anybody else's files.

``run.json`` says what a run is: its kind, its settings, and digests of what it works on (the text of each split, the
vocabulary, a trained tokenizer). Whoever takes a run up compares all of that before writing anything.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from rnn_lm.checksums import CHECKSUM, digest_of_json, is_intact, with_checksum
from rnn_lm.conditions import conditions_of, has_effect
from rnn_lm.config import from_json, to_json
from rnn_lm.errors import UserError
from rnn_lm.files import make_folder, read_json, user_errors, write_json
from rnn_lm.schema import first_problem
from rnn_lm.temporary import remove_abandoned

FORMAT = "rnn_lm run"
VERSION = 1
MANIFEST = "run.json"

_UNOWNED = r"\..+\.[a-z0-9_]{8}\.tmp"
"""Temporary files of version 0.1, which did not say whose they were."""


class Manifest(TypedDict):
    """What ``run.json`` holds; see ``docs/formats.md``."""

    format: str
    version: int
    kind: str
    config: dict[str, Any]
    digests: NotRequired[dict[str, str]]
    sha256: NotRequired[str]


@dataclass(frozen=True)
class Run:
    """A folder that holds one run.

    Attributes:
        folder: where it is.
        kind: what wrote it: "compare", "recurrent", "ngram", "probe", "gradients", "theory", "sweep".
        config: its settings as plain JSON values.
        digests: of what it works on, by name; empty where it was begun by version 0.1, or is not known yet.
    """

    folder: Path
    kind: str
    config: dict[str, Any]
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """A digest that another run has only if it is the same in kind, settings and what it works on."""
        return digest_of_json({"kind": self.kind, "config": self.config, "digests": self.digests})


def start_run(folder: Path, kind: str, config: Any, resume: bool, digests: Mapping[str, str] | None = None) -> Run:
    """Make ``folder`` a run's, or take up the run that it holds, of which nothing is changed where it is refused.

    Args:
        folder: new, empty, or (with ``resume``) holding a run of the same kind and settings.
        kind: see ``Run``.
        config: the settings: a dataclass, or a mapping to dataclasses and plain JSON values. Through the dataclasses,
            settings that a run of an earlier version lacks are filled in.
        resume: whether going on with what is there is wanted.
        digests: see ``Run``; None where they are not known yet: see ``bind_run``.

    Raises:
        UserError: the folder holds other files, a run that was not asked to be resumed, one with other settings or of
            another text, or one of another kind or version; or it cannot be written.
    """
    with user_errors(folder, "read"):
        begun = _holds_run(folder)
    if begun:
        found = read_run(folder, kind)
        _require_resumed(folder, resume)
        _require_same(found, config)
        _require_same_digests(found, digests or {})
        remove_abandoned(folder, others=_UNOWNED)
        return found
    remove_abandoned(make_folder(folder), others=_UNOWNED)
    run = Run(folder, kind, _as_json(config), dict(digests or {}))
    _write(run)
    return run


def require_same_settings(folder: Path, kind: str, config: Mapping[str, Any]) -> None:
    """Find out what ``start_run`` would of the settings of a run that is to be resumed, before a corpus is read for it.

    Args:
        folder: that may hold a run.
        kind: see ``Run``.
        config: those settings that are known already.

    Raises:
        UserError: the folder holds a run of another kind or with other settings.
    """
    if (folder / MANIFEST).is_file():
        found = read_run(folder, kind)
        known = {name: value for name, value in found.config.items() if name in config}
        _require_same(dataclasses.replace(found, config=known), config)


def bind_run(run: Run, digests: Mapping[str, str]) -> Run:
    """Hold a run to what it works on, where that became known, or digests came into being, only after it was started.

    Raises:
        UserError: it was bound to something else already; or its folder cannot be written.
    """
    _require_same_digests(run, digests)
    if all(name in run.digests for name in digests):
        return run
    bound = dataclasses.replace(run, digests={**run.digests, **digests})
    _write(bound)
    return bound


def read_run(folder: Path, *kinds: str) -> Run:
    """Read a run's manifest.

    Raises:
        UserError: there is none, it is garbled, of another version, or of none of the ``kinds`` asked for.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise UserError(f"{folder}: no run here ({MANIFEST} is missing); give the folder that a command wrote")
    run = read_manifest(manifest)
    if run.kind not in kinds:
        raise UserError(
            f"{folder}: holds a {_shown(run.kind)} run, {' or '.join(map(repr, kinds))} is needed here; "
            "give another folder"
        )
    return run


def read_manifest(manifest: Path) -> Run:
    """Read a ``run.json``, of whichever kind; raises ``UserError`` as ``read_run`` does."""
    values = read_json(manifest)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise UserError(f"{manifest}: not the manifest of a run; choose another folder")
    if values.get("version") != VERSION:
        raise UserError(
            f"{manifest}: of version {_shown(values.get('version'))}, this rnn-lm reads version {VERSION}; "
            "use the rnn-lm that wrote it, or choose another folder"
        )
    problem = first_problem(values, Manifest)
    if problem is not None:
        raise UserError(f"{manifest}: {problem}; the file is damaged: restore it, or choose another folder")
    if CHECKSUM in values and not is_intact(values):
        raise UserError(
            f"{manifest}: was changed since it was written (its checksum does not match its content); restore it"
        )
    return Run(manifest.parent, values["kind"], values["config"], values.get("digests", {}))


def identity_of(folder: Path) -> str | None:
    """``Run.identity`` of the run that ``folder`` holds; None where it holds none."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return None
    values = read_json(manifest)
    if first_problem(values, Manifest) is not None:
        return None
    return Run(folder, values["kind"], values["config"], values.get("digests", {})).identity


def _write(run: Run) -> None:
    values = {"format": FORMAT, "version": VERSION, "kind": run.kind, "config": run.config}
    if run.digests:
        values["digests"] = run.digests
    write_json(run.folder / MANIFEST, with_checksum(values))


def _require_same(run: Run, wanted: Any) -> None:
    difference = first_difference(completed(run.config, wanted, str(run.folder / MANIFEST)), _as_json(wanted))
    if difference is not None:
        name, was, now = difference
        raise UserError(
            f"{run.folder}: the run there has {name.rpartition('.')[2].replace('_', '-')} {_shown(was)}, not "
            f"{_shown(now)}; repeat its settings to resume it, or choose another --out"
        )


def _require_same_digests(run: Run, digests: Mapping[str, str]) -> None:
    for name, digest in digests.items():
        if run.digests.get(name, digest) != digest:
            raise UserError(
                f"{run.folder}: the {name} is not the one that the run there was started with; resume it with the "
                "corpus as it was then, or choose another --out"
            )


def completed(found: Any, wanted: Any, source: str) -> Any:
    """Settings read from a file, with those that they lack filled in: see ``from_json``.

    Args:
        found: plain JSON values.
        wanted: what they are to be compared with: see ``start_run``.
        source: the file, for messages.

    Raises:
        UserError: ``found`` is not what ``wanted`` is of.
    """
    if dataclasses.is_dataclass(wanted) and not isinstance(wanted, type):
        return _as_json(from_json(type(wanted), _with_unsaid(found, wanted), source))
    if isinstance(wanted, Mapping) and isinstance(found, dict):
        return {
            name: completed(value, wanted[name], f"{source}: {name}") if name in wanted else value
            for name, value in found.items()
        }
    return found


def _with_unsaid(found: Any, wanted: Any) -> Any:
    """What a run says, and where it says nothing of a setting that came later, and need not, what is wanted.

    It need not where the setting does nothing among the others. Whether one of the corpus makes a difference to the
    texts at hand, their digests and the vocabulary decide, which are compared next.
    """
    if not isinstance(found, dict):
        return found
    filled = dict(found)
    for one in dataclasses.fields(wanted):
        value = getattr(wanted, one.name)
        if one.name in found:
            if dataclasses.is_dataclass(value):
                filled[one.name] = _with_unsaid(found[one.name], value)
        elif "before" in one.metadata and not (conditions_of(one) and has_effect(one.name, wanted)):
            filled[one.name] = value
    return filled


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
    """Dataclasses as objects, and tuples as the lists that JSON makes of them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _as_json(to_json(value))
    if isinstance(value, Mapping):
        return {key: _as_json(part) for key, part in value.items()}
    return [_as_json(part) for part in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> str:
    """A value from a file, short enough for a message of one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _holds_run(folder: Path) -> bool:
    """Whether there is a run in ``folder``; raises ``UserError`` where there is something else."""
    # Looked at once: of several processes that start in one folder together, each sees all of another's files or none.
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if MANIFEST in names:
        return True
    strangers = [name for name in names if not name.startswith(".")]
    if strangers:
        raise UserError(f"{folder}: holds files that are not a run's ({strangers[0]}...); choose another --out")
    return False


def _require_resumed(folder: Path, resume: bool) -> None:
    if not resume:
        raise UserError(f"{folder}: holds a run already; add --resume to go on with it, or choose another --out")


def require_run_folder(folder: Path, *, resume: bool) -> None:
    """Find out, before any work, what ``start_run`` would find out after it; makes nothing that stays.

    Raises:
        UserError: the folder holds a run and ``resume`` is not set, or other files; or it is not there and cannot be
            made, or cannot be written.
    """
    with user_errors(folder, "write a run there"):
        if _holds_run(folder):
            _require_resumed(folder, resume)
        there = folder.resolve()
        missing = [there, *there.parents]
        while not missing[0].exists():
            there = missing.pop(0)
        # Only trying shows whether a file may be made, and whether the system takes a name of this length.
        with tempfile.TemporaryDirectory(dir=missing[0], prefix=".") as trial:
            if there != missing[0]:
                (Path(trial) / there.name).mkdir()
