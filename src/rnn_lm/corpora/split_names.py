"""Several files of which the names say train, valid and test: they are those splits, and test is never trained on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rnn_lm.corpora.base import SPLITS
from rnn_lm.errors import UserError

_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid", "devel": "valid",
    "test": "test", "testing": "test", "tst": "test",
}  # fmt: skip
"""What file names say, by the split that is meant."""


def splits_by_name(paths: Sequence[Path]) -> dict[str, Path] | None:
    """The split that each of ``paths`` is by its name, or that of its folder; None where the names say nothing of it.

    Raises:
        UserError: they say something, but not which file is which split.
    """
    roles = [_role(path.name) for path in paths]
    if set(roles) <= {None}:
        folders = [_WORDS.get(path.parent.name.lower()) for path in paths]
        roles = folders if len(set(folders)) > 1 else roles
    if len(paths) < 2 or set(roles) <= {None} or set(roles) <= {"train"}:
        return None
    found = {role: path for role, path in zip(roles, paths, strict=True) if role is not None}
    said = ", ".join(f"{path} ({role or 'nothing'})" for role, path in zip(roles, paths, strict=True))
    if None in roles or len(found) < len(roles):
        raise UserError(
            f"--corpus: the names of these files say which split they are, but not one each: {said}; give exactly one "
            "train, valid and test file, or files whose names say none of it, which are read as one text and cut"
        )
    if "train" not in found:
        raise UserError(f"--corpus: none of these files is train by its name: {said}; add that, or rename the files")
    return {split: found[split] for split in SPLITS if split in found}


def _role(name: str) -> str | None:
    """By the last word of a file's name that tells."""
    told = [_WORDS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _WORDS]
    return told[-1] if told else None
