"""The whole of the theory at a small size: every statement holds, and what is returned can be stored and drawn."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.report.figures_theory import draw_theory
from rnn_lm.theory import recall, run
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.exercises import bptt, capacity, clipping, gating, linear, spectral
from rnn_lm.theory.statement import equal

SMALL = TheoryConfig(
    theory_size=5, theory_steps=12, recall_sizes=(2, 4), recall_symbols=3, recall_length=2, recall_updates=40
)


@settings(deadline=None, max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(size=st.integers(2, 7), steps=st.integers(8, 14), seed=st.integers(0, 10_000))
@pytest.mark.parametrize("exercise", [bptt, spectral, gating, capacity, linear], ids=lambda module: module.__name__)
def test_statements_hold_for_every_size_and_seed(exercise: Any, size: int, steps: int, seed: int) -> None:
    statements, _ = exercise.run(TheoryConfig(theory_size=size, theory_steps=steps, theory_seed=seed))
    assert [statement for statement in statements if not statement.holds] == []


def test_statements_on_clipping_hold() -> None:
    statements, _ = clipping.run(SMALL)
    assert [statement for statement in statements if not statement.holds] == []


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the networks of ``results`` are kept."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def results(kept: Path) -> dict[str, Any]:
    return {**run.run_theory(SMALL, SilentProgress(), kept)}


def test_results_are_plain_json(results: dict[str, Any]) -> None:
    assert json.loads(json.dumps(results, allow_nan=False)).keys() == results.keys()
    assert [exercise["name"] for exercise in results["exercises"]] == list(run.EXERCISES)


def test_every_figure_is_drawn_from_stored_results(results: dict[str, Any], tmp_path: Path) -> None:
    stored = json.loads(json.dumps(results))
    files = draw_theory(stored, tmp_path, print)
    assert [file.name for file in files] == [f"{name}.svg" for name in run.EXERCISES]
    for file in files:
        assert "<svg" in file.read_text()


def test_a_statement_that_does_not_hold_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = equal("one is two", "1 = 2", 1.0, 2.0, "")
    monkeypatch.setattr(run, "EXERCISES", {"bptt": ("Title", "1-bptt.md", lambda _: ([wrong], {}))})
    (failure,) = run.failed(run.run_theory(SMALL, SilentProgress()))
    assert failure["name"] == "one is two"


def test_finished_networks_are_kept_and_not_trained_again(
    monkeypatch: pytest.MonkeyPatch, kept: Path, results: dict[str, Any]
) -> None:
    monkeypatch.setattr(run, "EXERCISES", {"capacity": ("Title", "5-fixed-state.md", lambda _: ([], {}))})

    def refuse(*_: Any) -> dict[str, Any]:
        raise AssertionError("trained again")

    monkeypatch.setattr(recall, "train_and_measure", refuse)
    (again,) = run.run_theory(SMALL, SilentProgress(), kept)["exercises"]
    assert again["curves"]["recall"] == results["exercises"][4]["curves"]["recall"]
    with pytest.raises(AssertionError, match="trained again"):
        run.run_theory(dataclasses.replace(SMALL, recall_updates=41), SilentProgress(), kept)


def test_a_damaged_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run, "EXERCISES", {"capacity": ("Title", "5-fixed-state.md", lambda _: ([], {}))})
    (tmp_path / "recall-rnn-2.json").write_text('{"config": ')
    with pytest.raises(UserError, match="recall-rnn-2.json"):
        run.run_theory(SMALL, SilentProgress(), tmp_path)


@pytest.mark.parametrize(
    "settings_",
    [{"theory_size": 1}, {"theory_steps": 3}, {"recall_sizes": ()}, {"recall_sizes": (3,)}, {"recall_updates": 0}],
)
def test_settings_are_checked(settings_: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="--(theory|recall)-"):
        TheoryConfig(**settings_)
