"""A back-off table as a checkpoint: one safetensors file with a JSON header, verified when read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor

from rnn_lm.checkpoint import read_checkpoint, require_facts, write_checkpoint
from rnn_lm.errors import UserError
from rnn_lm.models.ngram_table import BackoffTable, Level

_KIND = "ngram"
_MOST_LEVELS = 64
_ROUNDED_UP = 1e-3
"""A log-probability may come out above 0 by this much, where it was rounded on the way."""
_DTYPES = {"keys": torch.int64, "log_prob": torch.float64, "log_backoff": torch.float64}


def write_table(path: Path, table: BackoffTable, facts: dict[str, Any]) -> None:
    """Write the table and what else is to be known about it (plain JSON values); atomic."""
    tensors = {}
    for length, level in enumerate(table.levels, start=1):
        parts = {"keys": level.keys_g, "log_prob": level.log_prob_g, "log_backoff": level.log_backoff_g}
        tensors |= {f"{length}.{name}": torch.from_numpy(part) for name, part in parts.items() if len(part) > 0}
    counts = [len(level.keys_g) for level in table.levels]
    write_checkpoint(path, tensors, {**facts, "kind": _KIND, "ngrams": counts})


class TableFacts(TypedDict):
    """What the header of the file says."""

    kind: str
    ngrams: list[int]
    config: dict[str, Any]
    eos_id: int
    discounts: list[tuple[float, float, float]]


def read_table(path: Path) -> tuple[BackoffTable, dict[str, Any]]:
    """Read what ``write_table`` wrote.

    Raises:
        UserError: the file is missing, damaged, of another version, or holds something else than an n-gram model.
    """
    tensors, facts = read_checkpoint(path)
    if facts.get("kind") != _KIND:
        raise UserError(f"{path}: holds no n-gram model; choose a file that was written by one")
    require_facts(path, facts, TableFacts)
    counts = facts["ngrams"]
    if not 1 <= len(counts) <= _MOST_LEVELS:
        raise UserError(f"{path}: has n-grams of {len(counts)} lengths; the file is damaged")
    last = len(counts)
    sizes = [
        {"keys": n, "log_prob": n, "log_backoff": 0 if length == last else n} for length, n in enumerate(counts, 1)
    ]
    levels = [_level(path, tensors, length, size) for length, size in enumerate(sizes, 1)]
    _require_sound(path, levels)
    if not 0 <= facts["eos_id"] < counts[0]:
        raise UserError(f"{path}: <eos> is none of its {counts[0]} words; train it again")
    return BackoffTable(levels), facts


def _level(path: Path, tensors: dict[str, Tensor], length: int, sizes: dict[str, int]) -> Level:
    parts = {name: tensors.get(f"{length}.{name}", torch.empty(0, dtype=dtype)) for name, dtype in _DTYPES.items()}
    for name, part in parts.items():
        if part.dtype != _DTYPES[name] or part.shape != (sizes[name],):
            raise UserError(f"{path}: {name} of the {length}-grams is not as the header announces; train it again")
    return Level(parts["keys"].numpy(), parts["log_prob"].numpy(), parts["log_backoff"].numpy())


def _require_sound(path: Path, levels: list[Level]) -> None:
    """What every search in the table relies on: keys in order, each after a context that is there; true numbers."""
    vocabulary_size = len(levels[0].keys_g)
    below = 1
    for length, level in enumerate(levels, 1):
        keys_g = level.keys_g
        in_order = bool((keys_g[1:] > keys_g[:-1]).all())
        in_range = len(keys_g) == 0 or (keys_g[0] >= 0 and keys_g[-1] < below * vocabulary_size)
        whole = length > 1 or (vocabulary_size > 0 and keys_g[-1] == vocabulary_size - 1)
        numbers = not (np.isnan(level.log_prob_g).any() or np.isnan(level.log_backoff_g).any())
        if not (in_order and in_range and whole and numbers and (level.log_prob_g <= _ROUNDED_UP).all()):
            raise UserError(f"{path}: the {length}-grams are not a back-off table's; train it again")
        below = len(keys_g)
