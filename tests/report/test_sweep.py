"""The table and the figures of a sweep hold the numbers of its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnn_lm.report.figures_sweep import draw_sweep, history_figure, importance_figure
from rnn_lm.report.style import chart_spec
from rnn_lm.report.tables_sweep import best_trials_table


def _trial(number: int, state: str, perplexity: float | None, **params: Any) -> dict[str, Any]:
    return {"number": number, "state": state, "valid_perplexity": perplexity, "params": params, "seconds": 65.0}


@pytest.fixture
def sweep() -> dict[str, Any]:
    return {
        "space": {"learning-rate": "0.001..0.1:log", "patience": "3,none"},
        "trials": [
            _trial(0, "complete", 90.0, **{"learning-rate": 0.0123456, "patience": None}),
            _trial(1, "pruned", 4000.0, **{"learning-rate": 0.1, "patience": 3}),
            _trial(2, "complete", 80.0, **{"learning-rate": 0.02, "patience": 3}),
            _trial(3, "diverged", None, **{"learning-rate": 0.1, "patience": 3}),
            _trial(4, "complete", 85.0, **{"learning-rate": 0.03, "patience": 3}),
            _trial(5, "cut off", 81.0, **{"learning-rate": 0.03, "patience": 3}),
        ],
        "importances": {"patience": 0.25, "learning-rate": 0.75},
    }


def _datasets(chart: Any) -> list[list[dict[str, Any]]]:
    return list(chart_spec(chart)["datasets"].values())


def test_the_table_has_the_best_complete_trials_first(sweep):
    table = best_trials_table(sweep)
    assert [row[0] for row in table.rows] == ["2", "4", "0"]
    assert table.rows[2] == ("0", "90.00", "0.01235", "none", "1 min 05 s")
    assert table.caption == "Best trials; in all 3 complete, 1 pruned, 1 diverged, 1 cut off"
    assert best_trials_table({**sweep, "trials": []}).rows == ()


def test_the_history_has_every_trial_with_a_figure_and_the_best_so_far(sweep):
    line, points = sorted(_datasets(history_figure(sweep)), key=lambda rows: "state" in rows[0])
    assert [(row["trial"], row["perplexity"]) for row in line] == [(0, 90), (2, 80), (4, 80), (4, 80)]
    assert {row["trial"]: row["perplexity"] for row in points} == {0: 90, 1: 180, 2: 80, 4: 85}
    assert "1 above 180.00 at the upper edge" in chart_spec(history_figure(sweep))["title"]["subtitle"]


def test_importances_are_drawn_the_largest_first(sweep):
    (rows,) = _datasets(importance_figure(sweep))
    assert [(row["setting"], row["text"]) for row in rows] == [("learning-rate", "75%"), ("patience", "25%")]


def test_figures_are_drawn_where_there_is_enough_for_them(sweep, tmp_path):
    assert draw_sweep({**sweep, "trials": [], "importances": {}}, tmp_path / "none", print) == []
    paths = draw_sweep({**sweep, "importances": {}}, tmp_path / "one", print)
    assert [path.name for path in paths] == ["history.png"]
    assert Path(paths[0]).read_bytes().startswith(b"\x89PNG")


def test_a_sweep_without_a_complete_trial_is_drawn(sweep, tmp_path):
    pruned = [trial for trial in sweep["trials"] if trial["state"] == "pruned"]
    assert len(draw_sweep({**sweep, "trials": pruned, "importances": {}}, tmp_path, print)) == 1
