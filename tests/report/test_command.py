"""``rnn-lm report`` takes a file or its folder, and replaces no page that it did not write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refusals import refused
from rnn_lm.commands import report
from rnn_lm.errors import UserError
from rnn_lm.labels import LOOKS, label_of, labels_of, style_of
from rnn_lm.layers.cells import CELLS
from rnn_lm.report.drawing import DrawingFailed, draw
from rnn_lm.report.tables import perplexity_table


def test_a_folder_without_results_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "has no results.json" in refused(capsys, "report", str(tmp_path))
    assert "there is nothing" in refused(capsys, "report", str(tmp_path / "nosuch"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"probes": {}}, "the results of `rnn-lm probe` alone"),
        ({"gradients": {}}, "the results of `rnn-lm gradients` alone"),
        ({"theory": {}}, "the results of `rnn-lm theory` alone"),
        ({"format": "rnn_lm sweep results"}, "the results of a sweep"),
    ],
)
def test_results_of_other_commands_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert message in refused(capsys, "report", str(tmp_path))


def test_a_page_of_somebody_elses_stays(
    results: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results))
    page = tmp_path / "report.html"
    page.write_text("mine")
    monkeypatch.setattr("rnn_lm.report.html.write_report", lambda _, path: path.write_text("made"))
    with pytest.raises(UserError, match="add --overwrite"):
        report.run(report.Options(tmp_path))
    assert page.read_text() == "mine"
    report.run(report.Options(tmp_path, overwrite=True))
    page.write_text('<meta name="generator" content="rnn_lm"> older')
    report.run(report.Options(tmp_path))
    assert page.read_text() == "made"


def test_every_cell_has_a_label_and_unknown_names_are_their_own() -> None:
    assert all(name in LOOKS for name in CELLS)
    assert labels_of(["mogrifier", "gru-random", "rnn-uniform", "my-model"]) == {
        "mogrifier": "Mogrifier", "gru-random": "GRU, random input", "rnn-uniform": "RNN, uniform start",
        "my-model": "my-model",
    }  # fmt: skip
    assert label_of("rnn-relu-random") == "RNN (relu), random input"
    assert style_of("my-model") is None


def test_a_drawing_that_ends_its_process_is_one_line() -> None:
    spec = {"mark": "bar", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a", "type": "quantitative"}}}
    with pytest.raises(DrawingFailed, match="took over"):
        draw("svg", spec, seconds=0.001)


def test_shares_of_unk_are_shown_where_they_matter(results: Any) -> None:
    titles = [column.title for column in perplexity_table(results, "stream").columns]
    assert "<unk>" not in titles
    scores = results["models"][0]["perplexity"]["stream"]
    scores["valid"]["unk_share"] = 0.02
    scores["test"] |= {"unk_share": 0.74, "perplexity_without_unk": 4000.0, "bits_per_character": None}
    table = perplexity_table(results, "stream")
    assert table.rows[0][-2:] == ("74.0%", "4,000")
    assert table.rows[0][5] == table.rows[1][-1] == "–"
