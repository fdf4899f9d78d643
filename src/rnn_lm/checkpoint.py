"""Checkpoints: safetensors with a JSON header, written atomically, verified on reading, never unpickled.

One that lies in a run's folder names that run in its header, so that files exchanged between runs are noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnn_lm.errors import UserError
from rnn_lm.files import parse_json, read_metadata, read_tensors, write_tensors
from rnn_lm.former_names import with_current_names
from rnn_lm.runs import MANIFEST, identity_of
from rnn_lm.schema import first_problem

LAST = "last.safetensors"
"""Where a training run goes on from: model, optimizer, random streams, state."""
BEST = "best.safetensors"
"""The model with the lowest valid perplexity so far."""
TRAINING_ALONE = "past_decoder."
"""Begins the names of a model's parameters that only its training has a use for."""
FORMAT_VERSION = 2
_BEFORE_NAMES_CHANGED = 1
"""The version whose tensors had other names (``former_names.py``); it is still read."""
_RUN = "run"
"""The fact that says in which run's folder a checkpoint was written."""


def write_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts (plain JSON values) as one file.

    A SHA-256 of everything is kept in the header: safetensors itself would not notice a flipped bit in a weight.
    """
    run = identity_of(path.parent)
    own = {} if run is None else {_RUN: run}
    header = json.dumps({"version": FORMAT_VERSION, **own, **facts}, sort_keys=True)
    write_tensors(path, tensors, {"facts": header, "sha256": _digest(tensors, header)})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``write_checkpoint`` wrote.

    Raises:
        UserError: the file is missing, cut off, changed since it was written, of another version, or of another run
            than the one in whose folder it lies.
    """
    tensors, header = read_tensors(path)
    facts_text = header.get("facts", "")
    if not facts_text:
        raise UserError(f"{path}: not a checkpoint of rnn-lm; choose a folder that rnn-lm wrote")
    if header.get("sha256") != _digest(tensors, facts_text):
        raise UserError(f"{path}: damaged (its checksum does not match its content); restore it or train again")
    facts = parse_json(facts_text, f"{path}: header")
    if not isinstance(facts, dict):
        raise UserError(f"{path}: its header is not a checkpoint's; restore it or train again")
    if facts.get("version") == _BEFORE_NAMES_CHANGED:
        tensors = with_current_names(tensors)
    elif facts.get("version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: of checkpoint version {str(facts.get('version'))[:20]}, this rnn-lm reads version "
            f"{FORMAT_VERSION}; use the rnn-lm that wrote it"
        )
    written_in, here = facts.get(_RUN), identity_of(path.parent)
    if None not in (written_in, here) and written_in != here:
        raise UserError(f"{path}: is of another run than {MANIFEST} beside it; put the run's own file back")
    return tensors, facts


def checksum_of(path: Path) -> str:
    """The SHA-256 that a checkpoint carries; it is verified by ``read_checkpoint`` alone."""
    return read_metadata(path).get("sha256", "")


def require_facts(path: Path, facts: Any, kind: Any) -> None:
    """Raise ``UserError`` where the facts of a checkpoint are not a ``kind``, as ``first_problem`` finds."""
    problem = first_problem(facts, kind)
    if problem is not None:
        raise UserError(f"{path}: in its header, {problem}; the file is damaged, or of another version")


def _digest(tensors: dict[str, Tensor], facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel() > 0:  # an empty tensor has no bytes, and cannot be viewed as some
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as named tensors: ``optimizer.<parameter index>.<name>``."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{index}.{name}": value
        for index, entries in state.items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], path: Path) -> None:
    """Put back what ``optimizer_tensors`` took; raises ``UserError`` where it does not fit the parameters."""
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        prefix, _, rest = key.partition(".")
        index, _, name = rest.partition(".")
        if prefix != "optimizer":
            continue
        known = index.isdecimal() and len(index) < 9 and int(index) < len(parameters)
        if not known or (value.dim() > 0 and value.shape != parameters[int(index)].shape):
            raise _misfit(path, key)
        state.setdefault(int(index), {})[name] = value
    names = {name for entries in state.values() for name in entries}
    for index, entries in state.items():
        for name in names - entries.keys():
            raise _misfit(path, f"optimizer.{index}.{name}")
    try:
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    except KeyError as error:  # a name that is missing everywhere
        raise _misfit(path, f"optimizer.0.{error.args[0]}") from error


def restore_generator(generator: torch.Generator, tensors: dict[str, Tensor], name: str, path: Path) -> None:
    """Put a random stream back where the tensor called ``name`` says; raises ``UserError`` where it is none."""
    try:
        generator.set_state(tensors[name])
    except (KeyError, RuntimeError, TypeError) as error:
        raise _misfit(path, name) from error


def restored_parts(
    tensors: dict[str, Tensor], prefix: str, shapes: Sequence[tuple[int | None, ...]], path: Path
) -> tuple[Tensor, ...]:
    """The tensors ``prefix`` 0, 1, ...; raises ``UserError`` where one is missing or not of its shape.

    A size that is None may be any.
    """
    parts = [tensors.get(f"{prefix}{index}") for index in range(len(shapes))]
    for index, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        if part is None or not _has_shape(part, shape) or not part.is_floating_point():
            raise _misfit(path, f"{prefix}{index}")
    return tuple(part for part in parts if part is not None)


def _has_shape(tensor: Tensor, shape: tuple[int | None, ...]) -> bool:
    return tensor.dim() == len(shape) and all(
        size in (None, here) for size, here in zip(shape, tensor.shape, strict=True)
    )


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """A model's parameters as named tensors: ``model.<name>``."""
    return {f"model.{name}": value for name, value in model.state_dict().items()}


def tensors_of(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with ``prefix``, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def restore_model(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put back what ``model_tensors`` took; raises ``UserError`` where names, shapes or types do not fit the model, or
    a weight is no number.

    What training alone has a use for is left out where the model has none of it.
    """
    own = model.state_dict()
    values = {
        name: value
        for name, value in tensors_of(tensors, "model.").items()
        if name in own or not name.startswith(TRAINING_ALONE)
    }
    expected = {name: (tuple(value.shape), value.dtype) for name, value in own.items()}
    found = {name: (tuple(value.shape), value.dtype) for name, value in values.items()}
    if expected != found:
        differing = sorted({name for name, _ in set(expected.items()) ^ set(found.items())})
        raise _misfit(path, differing[0])
    for name, value in values.items():
        if not bool(torch.isfinite(value).all()):
            raise UserError(f"{path}: {name} holds what is no number; restore the file or train again")
    model.load_state_dict(values)


def _misfit(path: Path, name: str) -> UserError:
    return UserError(f"{path}: does not fit the model that {MANIFEST} describes (at {name[:60]}); wrong file?")
