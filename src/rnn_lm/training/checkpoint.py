"""Checkpoints: safetensors with a JSON header, written atomically, verified on reading, never unpickled."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnn_lm.errors import UserError
from rnn_lm.files import read_tensors, write_tensors

FORMAT_VERSION = 1


def write_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts (plain JSON values) as one file.

    A SHA-256 of everything is kept in the header: safetensors itself would not notice a flipped bit in a weight.
    """
    header = json.dumps({"version": FORMAT_VERSION, **facts}, sort_keys=True)
    write_tensors(path, tensors, {"facts": header, "sha256": _digest(tensors, header)})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``write_checkpoint`` wrote.

    Raises:
        UserError: the file is missing, cut off, changed since it was written, or of another version.
    """
    tensors, header = read_tensors(path)
    facts_text = header.get("facts", "")
    if not facts_text:
        raise UserError(f"{path}: not a checkpoint of rnn-lm; choose a folder that rnn-lm wrote")
    if header.get("sha256") != _digest(tensors, facts_text):
        raise UserError(f"{path}: damaged (its checksum does not match its content); restore it or train again")
    facts = json.loads(facts_text)
    if facts.get("version") != FORMAT_VERSION:
        raise UserError(
            f"{path}: of checkpoint version {facts.get('version')}, this rnn-lm reads version {FORMAT_VERSION}; "
            "use the rnn-lm that wrote it"
        )
    return tensors, facts


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


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what ``optimizer_tensors`` took."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def model_tensors(model: nn.Module) -> dict[str, Tensor]:
    """A model's parameters as named tensors: ``model.<name>``."""
    return {f"model.{name}": value for name, value in model.state_dict().items()}


def restore_model(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Put back what ``model_tensors`` took; raises ``UserError`` where names or shapes do not fit the model."""
    values = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in values.items()}
    if expected != found:
        differing = sorted(set(expected.items()) ^ set(found.items()))
        raise UserError(f"{path}: does not fit the model that run.json describes (at {differing[0][0]}); wrong file?")
    model.load_state_dict(values)
