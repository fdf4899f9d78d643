"""The seam of exports: what a target is, how one is found by its name, and how its files come to stand whole.

    target = TARGETS["hf"]                        imported now, and with it the packages that it needs
    target.refuses(stored)                        None, or why it cannot hold this model, and which target can
    export_model(stored, Path("out"), ExportConfig(to="hf"), progress, folder)

A target writes into a temporary folder beside the destination, from which the result is renamed into its place once all
of it is there: what a full disk or a kill leaves behind is never taken for an export. A folder gets ``export.json``,
which says what it is; only a folder that has one is ever replaced.

A target of one's own is an entry point ``rnn_lm.exports``: an ``ExportTarget``, or a class of one.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.export.config import ExportConfig
from rnn_lm.files import make_folder, read_json, user_errors, write_json
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.registry import Registry
from rnn_lm.temporary import remove_abandoned, temporary_name

MANIFEST = "export.json"
"""Says of a folder that it is an export, of what, and by which version."""
_FORMAT, _VERSION = "rnn_lm export", 1


@dataclass(frozen=True)
class ExportJob:
    """One export.

    Attributes:
        stored: the model with its vocabulary, its tokenization and its name.
        destination: where to write, under the name that it will have: an empty folder, or a file that is not there.
        config: what was asked for.
        progress: is told notes, a line each, and how far long work is.
        folder: the run's folder, or the ARPA file; None where the model was in neither.
    """

    stored: StoredModel
    destination: Path
    config: ExportConfig
    progress: Progress
    folder: Path | None = None


@runtime_checkable
class ExportTarget(Protocol):
    """Files of one kind that models are written as.

    Attributes:
        label: what it is called in messages, e.g. "Hugging Face".
        kind: whether it writes one file or a folder of several.
    """

    label: str
    kind: Literal["file", "folder"]

    def refuses(self, stored: StoredModel) -> str | None:
        """Return why it cannot hold a model, and which targets can: one line without the model's name; None: it can."""
        ...

    def write(self, job: ExportJob) -> None:
        """Write the model to ``job.destination``; raises ``UserError`` where that cannot be done."""
        ...


@dataclass(frozen=True)
class Lazy:
    """A target that is imported when it is asked for.

    Attributes:
        module: whose ``TARGET`` it is.
    """

    module: str


class TargetRegistry(Registry[Any]):
    """Targets by name; what is registered may be one, a class of one, or ``Lazy``."""

    def __getitem__(self, name: str) -> ExportTarget:
        entry = super().__getitem__(name)
        if isinstance(entry, Lazy):
            entry = importlib.import_module(entry.module).TARGET
        target = entry() if isinstance(entry, type) else entry
        if not isinstance(target, ExportTarget):
            raise UserError(f"{self.kind} {name}: {self.origin(name)} offers {type(target).__name__}, no ExportTarget")
        return target


TARGETS = TargetRegistry("export target", "rnn_lm.exports")
"""Targets by name. None of their modules is imported before it is asked for."""
for _name in ("hf", "onnx", "onnx-int8", "web", "arpa", "word2vec"):
    TARGETS.register(_name)(Lazy("rnn_lm.export." + _name.replace("-", "_")))
TARGETS.register("torch")(Lazy("rnn_lm.export.torch_weights"))


def export_model(
    stored: StoredModel, destination: Path, config: ExportConfig, progress: Progress, folder: Path | None = None
) -> None:
    """Write a model for other programs.

    Args:
        stored: the model.
        destination: the file or folder that is to be; its own folder must be there.
        config: for whom, and how.
        progress: is told what a person should know.
        folder: where the model was read from.

    Raises:
        UserError: there is no such target, it cannot hold the model, a package is missing, or ``destination`` is taken.
    """
    require_destination(destination, config)
    target = TARGETS[config.to]
    _require_kind(destination, config, target)
    if (reason := target.refuses(stored)) is not None:
        raise UserError(f"{stored.name}: {reason}")
    place = destination.parent.resolve() / destination.name
    remove_abandoned(place.parent, place.name)
    temporary = make_folder(place.parent / temporary_name(place.name))
    written = temporary / place.name
    try:
        if target.kind == "folder":
            make_folder(written)
        target.write(ExportJob(stored, written, config, progress, folder))
        if target.kind == "folder":
            _describe(written, stored, config.to)
        with user_errors(destination, "write"):
            _put(written, place)
    except UserError as error:
        raise UserError(str(error).replace(str(written), str(destination))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_destination(path: Path, config: ExportConfig) -> None:
    """Find out before the work begins whether there is such a target, whether something can be written at ``path``, and
    whether that would destroy what is there; raises ``UserError``."""
    if config.to not in TARGETS:
        raise unknown_name(TARGETS.kind, config.to, TARGETS)
    with user_errors(path, "write there"):
        parent = path.parent.resolve()
        if not parent.is_dir():
            raise UserError(f"{path}: there is no folder {parent}; make it first, or choose another place")
        if not os.access(parent, os.W_OK):
            raise UserError(f"{path}: {parent} may not be written by you; choose another place")
        empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
        if path.is_dir() and not empty and not _is_export(path):
            raise UserError(f"{path}: is a folder that no export wrote, and is left alone; choose another name")
        if path.is_dir() and Path.cwd().is_relative_to(path.resolve()):
            raise UserError(f"{path}: is the folder that you are in, and cannot be replaced; give the export a name")
        if empty or not os.path.lexists(path):
            return
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise UserError(f"{path}: is no regular file; choose another name")
        if not config.overwrite:
            raise UserError(f"{path}: is there already; add --overwrite to replace it, or choose another name")


def _require_kind(path: Path, config: ExportConfig, target: ExportTarget) -> None:
    """Refuse to put a file in the place of a folder, or a folder in that of a file."""
    if path.is_dir() and target.kind == "file":
        raise UserError(f"{path}: is a folder, and --to {config.to} writes a file; give its name")
    if path.is_file() and target.kind == "folder":
        raise UserError(f"{path}: is a file, and --to {config.to} writes a folder; choose another name")


def _is_export(folder: Path) -> bool:
    try:
        facts = read_json(folder / MANIFEST)
    except UserError:
        return False
    return isinstance(facts, dict) and facts.get("format") == _FORMAT


def _describe(folder: Path, stored: StoredModel, to: str) -> None:
    """Write ``export.json``."""
    facts = {
        "format": _FORMAT,
        "version": _VERSION,
        "to": to,
        "model": stored.name,
        "vocabulary": stored.vocabulary.digest,
        "rnn_lm": importlib.metadata.version("rnn-lm"),
    }
    write_json(folder / MANIFEST, facts)


def _put(written: Path, path: Path) -> None:
    """Move what was written to ``path``. A folder cannot take the name of another in one step: the old one goes out of
    the way first, and comes back if the second step fails."""
    if not path.is_dir():
        os.replace(written, path)
        return
    aside = written.parent / temporary_name(path.name)
    os.rename(path, aside)
    try:
        os.rename(written, path)
    except BaseException:
        os.rename(aside, path)
        raise
