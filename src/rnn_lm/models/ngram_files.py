"""A back-off table as a checkpoint: one safetensors file with a JSON header, verified when read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.models.ngram_table import BackoffTable, Level
from rnn_lm.training.checkpoint import read_checkpoint, write_checkpoint

_KIND = "ngram"
_DTYPES = {"keys": torch.int64, "log_prob": torch.float64, "log_backoff": torch.float64}


def write_table(path: Path, table: BackoffTable, facts: dict[str, Any]) -> None:
    """Write the table and what else is to be known about it (plain JSON values); atomic."""
    tensors = {}
    for length, level in enumerate(table.levels, start=1):
        parts = {"keys": level.keys_g, "log_prob": level.log_prob_g, "log_backoff": level.log_backoff_g}
        tensors |= {f"{length}.{name}": torch.from_numpy(part) for name, part in parts.items() if len(part) > 0}
    counts = [len(level.keys_g) for level in table.levels]
    write_checkpoint(path, tensors, {**facts, "kind": _KIND, "ngrams": counts})


def read_table(path: Path) -> tuple[BackoffTable, dict[str, Any]]:
    """Read what ``write_table`` wrote.

    Raises:
        UserError: the file is missing, damaged, of another version, or holds something else than an n-gram model.
    """
    tensors, facts = read_checkpoint(path)
    if facts.get("kind") != _KIND:
        raise UserError(f"{path}: holds no n-gram model; choose a file that was written by one")
    counts = facts["ngrams"]
    last = len(counts)
    sizes = [
        {"keys": n, "log_prob": n, "log_backoff": 0 if length == last else n} for length, n in enumerate(counts, 1)
    ]
    return BackoffTable([_level(path, tensors, length, size) for length, size in enumerate(sizes, 1)]), facts


def _level(path: Path, tensors: dict[str, Tensor], length: int, sizes: dict[str, int]) -> Level:
    parts = {name: tensors.get(f"{length}.{name}", torch.empty(0, dtype=dtype)) for name, dtype in _DTYPES.items()}
    for name, part in parts.items():
        if part.dtype != _DTYPES[name] or part.shape != (sizes[name],):
            raise UserError(f"{path}: {name} of the {length}-grams is not as the header announces; train it again")
    return Level(parts["keys"].numpy(), parts["log_prob"].numpy(), parts["log_backoff"].numpy())
