"""A results file that is not as it should be is refused with one line that says where."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rnn_lm.errors import UserError
from rnn_lm.report.results import check_results, read_results

FREE = {"config", "settings", "layers", "splits"}
"""Dicts of which a results file may have any keys."""


def _required(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all required entries, of the first item of each list."""
    if isinstance(value, dict):
        for key, item in value.items():
            free = bool(path) and path[-1] in {*FREE, "perplexity", "stream", "sentence"}
            if not free:
                yield (*path, key)
            if key not in {"config", "settings"}:
                yield from _required(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from _required(value[0], (*path, 0))


def _parent(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def test_what_was_written_is_read(results: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    assert read_results(tmp_path / "results.json") == results


def test_every_missing_entry_is_named(made_up_results: dict[str, Any]) -> None:
    for path in set(_required(made_up_results)):
        broken = _shallow_copy(made_up_results, path)
        del _parent(broken, path)[path[-1]]
        with pytest.raises(UserError) as caught:
            check_results(broken, "results.json")
        message = str(caught.value)
        assert message.startswith("results.json: ")
        assert "\n" not in message
        assert path in {("format",), ("version",)} or f"{path[-1]} is missing" in message


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("models", 0, "perplexity", "stream", "test", "low"), "1.0", "models[0].perplexity.stream.test.low"),
        (("models", 1, "curves", 0, "points", 2, "step"), 1.5, "models[1].curves[0].points[2].step"),
        (("models", 1, "gradient_norms", 0, "layers", "decoder", 3), "x", "layers.decoder[3]"),
        (("models", 2, "samples"), {}, "models[2].samples"),
        (("claims", 0, "verdict"), "proven", "claims[0].verdict"),
        (("claims", 0, "p_value"), True, "claims[0].p_value"),
        (("corpus", "splits", "train"), None, "corpus.splits.train"),
        (("corpus", "lowercase"), "yes", "corpus.lowercase"),
        (("made",), [], "made"),
    ],
)
def test_a_wrong_entry_is_named(results: dict[str, Any], path: tuple[Any, ...], value: Any, where: str) -> None:
    _parent(results, path)[path[-1]] = value
    with pytest.raises(UserError) as caught:
        check_results(results, "results.json")
    assert f"{where} is not as expected" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "not a results file"),
        ('{"format": "other"}', "not a results file"),
        ('{"format": "rnn_lm results", "version": 2}', "results version 2, but this rnn_lm reads 1"),
        ('{"format": "rnn_lm results"}', "results version None"),
        ('{"format": "rnn_lm results", "version": 1}', "made is missing"),
        ('{"format": ', "not JSON"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "results.json").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        read_results(tmp_path / "results.json")
    assert "results.json" in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_results(tmp_path / "results.json")


def test_more_entries_are_welcome(results: dict[str, Any]) -> None:
    results["more"] = {"agreement": []}
    results["models"][0]["comment"] = "added by hand"
    results["models"][0]["breakdown"][0]["policy"] = "stream"
    assert check_results(results, "results.json") == results


def _shallow_copy(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy along ``path`` alone, which is quick for long curves."""
    if not path:
        return value
    made = copy.copy(value)
    made[path[0]] = _shallow_copy(value[path[0]], path[1:])
    return made


def _only_fresh(part: Any) -> None:
    part["models"] = [model for model in part["models"] if model["weights"] == "fresh"]


def _ratio_beyond_numbers(part: Any) -> None:
    next(run for run in part["clipping"]["runs"] if run["by_lag"])["by_lag"][:2] = [1e-300, 1e300]


def _exponent_beyond_sense(part: Any) -> None:
    part["models"][0]["lyapunov"]["exponents"][0] = 1e304


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_only_fresh, r"gradients.models: none is trained"),
        (_ratio_beyond_numbers, r"gradients.clipping.runs\[\d+\].by_lag has a norm"),
        (_exponent_beyond_sense, r"gradients.models\[0\].lyapunov has an exponent beyond 10000"),
    ],
)
def test_gradients_that_no_figure_can_show_are_named(full_results: dict[str, Any], change: Any, message: str) -> None:
    check_results(full_results, "file")
    change(full_results["gradients"])
    with pytest.raises(UserError, match=message):
        check_results(full_results, "file")
