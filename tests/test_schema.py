"""The first place where a value is not what its type says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import pytest

from rnn_lm.schema import first_problem


class Inner(TypedDict):
    name: str
    share: float


class _Required(TypedDict):
    version: Literal[1]
    inner: list[Inner]
    counts: dict[str, int]
    split: tuple[float, float]
    note: str | None
    curve: list[float | None]
    anything: Any


class Outer(_Required, total=False):
    later: bool


@dataclass(frozen=True)
class Settings:
    layers: int
    rate: float = 0.1


GOOD: dict[str, Any] = {
    "version": 1, "inner": [{"name": "a", "share": 1}], "counts": {"a": 2}, "split": [0.5, 0.5], "note": None,
    "curve": [1.0, None, 3], "anything": {"x": [1]}, "unknown": "left alone",
}  # fmt: skip


def test_what_fits_has_no_problem():
    assert first_problem(GOOD, Outer) is None
    assert first_problem({"layers": 2}, Settings) is None


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("version", 2, "version is not as expected: none of 1"),
        ("version", True, "version is not as expected: none of 1"),
        ("version", [], "version is not as expected: none of 1"),
        ("inner", [{"name": "a"}], "inner[0].share is missing"),
        ("inner", [{"name": 1, "share": 1.0}], "inner[0].name is not as expected"),
        ("inner", {"name": "a"}, "inner is not as expected"),
        ("counts", {"a": 1.5}, "counts.a is not as expected"),
        ("counts", {"a": True}, "counts.a is not as expected"),
        ("split", [0.5], "split has 1 entries, not 2"),
        ("note", 3, "note is not as expected"),
        ("curve", [1.0, "2"], "curve[1] is not as expected"),
        ("later", "yes", "later is not as expected"),
    ],
)
def test_what_does_not_fit_is_named(key, value, problem):
    assert first_problem({**GOOD, key: value}, Outer) == problem


def test_missing_and_wrong_settings_are_named():
    assert first_problem({}, Settings) == "layers is missing"
    assert first_problem({"layers": 1, "rate": "fast"}, Settings) == "rate is not as expected"
