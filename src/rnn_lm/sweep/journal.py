"""What a line of a study's journal must hold, checked before Optuna replays it; a last line cut off is removed.

Optuna appends one JSON object per operation and believes what it reads: a line of the wrong kind ends in whatever
exception its use meets, and one that was cut off would be joined to the next that is written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypedDict

from optuna.storages.journal import JournalFileOpenLock
from optuna.storages.journal._file import get_lock_file

from rnn_lm.errors import UserError
from rnn_lm.files import user_errors
from rnn_lm.schema import first_problem


class _Study(TypedDict):
    study_name: str
    directions: list[int]


class _StudyId(TypedDict):
    study_id: int


class _StudyUserAttribute(_StudyId):
    user_attr: dict[str, Any]


class _StudySystemAttribute(_StudyId):
    system_attr: dict[str, Any]


class _NewTrial(_StudyId, total=False):
    datetime_start: str | None
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    params: dict[str, Any]


class _TrialId(TypedDict):
    trial_id: int


class _Parameter(_TrialId):
    param_name: str
    param_value_internal: float
    distribution: str


class _StateValues(_TrialId):
    state: int
    values: list[float] | None


class _State(_StateValues, total=False):
    datetime_start: str | None
    datetime_complete: str | None


class _Intermediate(_TrialId):
    step: int
    intermediate_value: float


class _TrialUserAttribute(_TrialId):
    user_attr: dict[str, Any]


class _TrialSystemAttribute(_TrialId):
    system_attr: dict[str, Any]


_OPERATIONS: tuple[Any, ...] = (
    _Study, _StudyId, _StudyUserAttribute, _StudySystemAttribute, _NewTrial, _Parameter, _State, _Intermediate,
    _TrialUserAttribute, _TrialSystemAttribute,
)  # fmt: skip
"""By Optuna's number of the operation."""


def check_journal(path: Path) -> None:
    """Check every line of a journal, and remove a last one that a kill has cut off.

    Raises:
        UserError: a line is not one of a journal; it names file and line.
    """
    if not path.exists():
        return
    with user_errors(path, "read the study"), get_lock_file(JournalFileOpenLock(str(path.absolute()))):
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        problem = _problem(line)
        if problem is not None:
            raise UserError(
                f"{path}: line {number}: {problem}; the study is damaged: remove the lines from there on to keep the "
                "trials before it, or choose another --out"
            )


def _problem(line: bytes) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "not JSON"
    operation = value.get("op_code") if isinstance(value, dict) else None
    if type(operation) is not int or not 0 <= operation < len(_OPERATIONS):
        return "not an operation of Optuna's journal"
    if not isinstance(value.get("worker_id"), str):
        return "worker_id is not as expected"
    return first_problem(value, _OPERATIONS[operation])
