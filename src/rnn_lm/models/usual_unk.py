"""How much of its own valid text is ``<unk>`` to a model, kept beside it: what any other text is measured by."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_json
from rnn_lm.schema import first_problem

USUAL_SHARE = "unknown.json"
_FORMAT = "rnn_lm share of unknown tokens"


class _Kept(TypedDict):
    format: str
    unk_share: float


def write_usual_share(folder: Path, share: float) -> None:
    """Keep with a model how much of its own valid text is ``<unk>`` to it."""
    write_json(folder / USUAL_SHARE, {"format": _FORMAT, "unk_share": share})


def read_usual_share(folder: Path) -> float | None:
    """What ``write_usual_share`` kept; None in the folder of a model that was made before anything was kept.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / USUAL_SHARE
    if not path.exists():
        return None
    value = read_json(path)
    problem = first_problem(value, _Kept)
    if problem or value["format"] != _FORMAT or not 0 <= value["unk_share"] <= 1:
        raise UserError(f"{path}: {problem or 'not a share of <unk>'}; delete the file to do without it")
    return float(value["unk_share"])
