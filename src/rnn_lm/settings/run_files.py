"""The ``run.json`` of a run as settings that can be given again, to the command that wrote it or to another.

What binds a run is written a little otherwise than it was given: a comparison names the learning rate of each model
where a flag gives that of all Elman cells, a search its space by setting. Here it is brought back.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnn_lm.config import from_json
from rnn_lm.errors import UserError
from rnn_lm.models.families import BASELINE, FAMILIES
from rnn_lm.runs import MANIFEST, Run, read_manifest
from rnn_lm.settings.catalogue import catalogue, command_of, tables_of
from rnn_lm.settings.reading import Commands, FileSettings, read_toml
from rnn_lm.settings.values import value_of


def read_settings(path: Path, kind: type[Any], commands: Commands) -> FileSettings:
    """Read the settings of a command, of which ``kind`` are the ``Options``, from whatever ``--config`` names.

    Args:
        path: a TOML file, a run's ``run.json``, or the folder that holds it.
        kind: a command's ``Options``.
        commands: see ``Commands``.

    Raises:
        UserError: see ``read_toml`` and ``read_run``.
    """
    if path.is_dir():
        if not (path / MANIFEST).is_file():
            raise UserError(f"--config {path}: holds no {MANIFEST}; give a run's folder, or a file of settings")
        path = path / MANIFEST
    return _read_run(path, kind) if path.suffix == ".json" else read_toml(path, kind, commands)


def _read_run(path: Path, kind: type[Any]) -> FileSettings:
    run, command = read_manifest(path), command_of(kind)
    writer = "train" if _is_trained(run.kind) else run.kind
    config = _by_part(run)
    parts = {name: part for name, part in tables_of(kind).items() if name in config and part is not kind}
    values: dict[str, Any] = {}
    for name, part in parts.items():
        values |= vars(from_json(part, config[name], str(path)))
    if writer == command:
        own = {name: value for name, value in config.items() if name not in parts}
        values |= _own(own, kind, path)
    if not values:
        raise UserError(f"{path}: a run of {writer} has no settings that {command} could use; give one of another kind")
    _require_text(values, path)
    return FileSettings(str(path), values, idle=frozenset(values))


def _by_part(run: Run) -> Mapping[str, Any]:
    """A run's settings, each part under its name: the instruments' stand there alone."""
    config = run.config
    if run.kind in ("probe", "theory"):
        return {run.kind: config}
    # How long the vectors of a file are follows from the file.
    return {name: value for name, value in config.items() if not (name == "embedding_size" and _is_trained(run.kind))}


def _is_trained(kind: str) -> bool:
    """Whether a run is that of one neural model, whose family gives the run its kind."""
    return kind != BASELINE and kind in FAMILIES


def _own(config: Mapping[str, Any], kind: type[Any], path: Path) -> dict[str, Any]:
    """A command's own settings, of which a run keeps some in another form."""
    config = dict(config)
    if isinstance(config.get("cells"), list) and "models" in catalogue(kind):  # as version 0.1 called them
        config["models"] = [BASELINE, *config.pop("cells")]
    if isinstance(config.get("space"), Mapping):
        config["space"] = [f"{name}={values}" for name, values in config["space"].items()]
    for kept, name in (("learning_rates", "rnn_learning_rate"), ("dropout_scales", "rnn_dropout_scale")):
        if kept in config:
            config |= _of_elman_cells(config.pop(kept), kept, name, path)
    entries = catalogue(kind)
    strangers = config.keys() - entries.keys()
    if strangers:
        raise UserError(
            f"{path}: has {min(strangers)!r}, which this rnn-lm's {command_of(kind)} does not know; "
            "use the rnn-lm that wrote it"
        )
    try:
        return {name: value_of(entries[name], value) for name, value in config.items()}
    except UserError as error:
        raise UserError(f"{path}: {error}; the file is damaged") from None


def _of_elman_cells(by_model: Any, kept: str, name: str, path: Path) -> dict[str, Any]:
    """The one value that ``--rnn-...`` gave all Elman cells; nothing where there were none."""
    values = by_model if isinstance(by_model, Mapping) else {}
    # What a family of models wants lower than --learning-rate follows from both.
    values = {model: value for model, value in values.items() if model not in FAMILIES}
    first = next(iter(values.values()), None)
    if any(not model.startswith("rnn") or value != first for model, value in values.items()):
        shown = ", ".join(values)
        raise UserError(f"{path}: has {kept} of their own for {shown}, which no flag can give; repeat it from Python")
    return {name: first} if values else {}


def _require_text(values: Mapping[str, Any], path: Path) -> None:
    """Refuse a model that another program made, of which there is no text to repeat anything with."""
    corpus = values.get("corpus", ("",))
    if corpus[0].startswith("weights:"):
        name = corpus[0].removeprefix("weights:")
        raise UserError(f"{path}: its model was read from the weights in {name}: give that to rnn-lm import")
    if corpus[0].startswith("arpa:"):
        name = corpus[0].removeprefix("arpa:")
        raise UserError(f"{path}: its model was read from the ARPA file {name}: give that to ngram --from-arpa")
