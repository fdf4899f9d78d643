import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_lm.config import CorpusConfig, ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.gradients import run as module
from rnn_lm.gradients.config import GradientsConfig, for_compare
from rnn_lm.gradients.parts import Parts, rounded
from rnn_lm.gradients.run import run_gradients
from rnn_lm.gradients.subjects import Subject, fresh_like, load_subjects, weights_digest
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.prepare import PreparedCorpus, prepare
from rnn_lm.progress import SilentProgress
from rnn_lm.report.figures_gradients import draw_gradients, gradient_charts
from rnn_lm.report.style import chart_spec

SMALL = GradientsConfig(
    probe_size=6, probe_budget="3steps", lags=12, warm_up=5, positions=4, bptt_lengths=(1, 4, 12), trajectories=2,
    jacobians=5, clipping_seeds=1, clipping_steps=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "the", "dog", "that", "ran", "to", "it"]
    lines = [" ".join(words[(line + step * step) % len(words)] for step in range(9)) for line in range(700)]
    path.write_text("\n".join(lines))
    return prepare(CorpusConfig(corpus=(str(path),)), SilentProgress())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gradients")


@pytest.fixture(scope="module")
def results(prepared: PreparedCorpus, folder: Path) -> dict[str, Any]:
    return run_gradients(SMALL, prepared, folder, SilentProgress())  # pyright: ignore


def forbidden(*_: Any) -> dict[str, Any]:
    raise AssertionError("computed again")


def test_results_hold_every_model_fresh_and_trained(results: dict[str, Any]) -> None:
    assert [(model["name"], model["weights"]) for model in results["models"]] == [
        (cell, weights) for cell in ("rnn", "gru", "lstm") for weights in ("fresh", "trained")
    ]
    for model in results["models"]:
        assert len(model["by_lag"]["hidden"]["mean"]) == SMALL.lags + 1
        assert len(model["one_step"]["tokens"]) == SMALL.jacobians
        assert model["closed_form_error"] < 1e-12
        assert model["truncation"]["bptt_length"] == [1, 4, 12]
        size = 12 if model["name"] == "lstm" else 6
        assert len(model["lyapunov"]["exponents"]) == len(model["one_step"]["singular_values"]["mean"]) == size
    assert json.loads(json.dumps(results, allow_nan=False))["models"] == results["models"]


def test_finished_parts_are_read_back(
    prepared: PreparedCorpus, folder: Path, results: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("measure_lags", "measure_jacobians", "train_clipped"):
        monkeypatch.setattr(module, name, forbidden)
    assert run_gradients(SMALL, prepared, folder, SilentProgress()) == results


def test_what_was_interrupted_goes_on(
    prepared: PreparedCorpus, tmp_path: Path, results: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "train_clipped", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_gradients(SMALL, prepared, tmp_path, SilentProgress())
    monkeypatch.setattr(module, "measure_lags", forbidden)
    resumed = run_gradients(SMALL, prepared, tmp_path, SilentProgress())
    assert resumed["models"][0]["by_lag"] == results["models"][0]["by_lag"]


def test_given_models_are_looked_into_and_not_trained(
    prepared: PreparedCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "train_subject", forbidden)
    monkeypatch.setattr(module, "clip", lambda *_: {})
    config = ModelConfig(cell="gru", hidden_size=4, layers=2)
    model = RecurrentLanguageModel(len(prepared.vocabulary), 5, config, torch.Generator().manual_seed(1))
    digest = weights_digest(model)
    given = Subject("gru", "trained", model, {"steps": 7})
    results = run_gradients(SMALL, prepared, tmp_path, SilentProgress(), [given])
    assert [(model["name"], model["weights"], model["facts"]) for model in results["models"]] == [
        ("gru", "fresh", {}),
        ("gru", "trained", {"steps": 7}),
    ]
    assert weights_digest(model) == digest


def test_fresh_models_have_the_same_shape_and_other_weights(prepared: PreparedCorpus) -> None:
    config = ModelConfig(cell="lstm", hidden_size=4, layers=2, tie_weights=False)
    model = RecurrentLanguageModel(len(prepared.vocabulary), 5, config, torch.Generator().manual_seed(1))
    fresh = fresh_like(Subject("lstm", "trained", model, {}), seed=2)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert {name: value.shape for name, value in fresh.model.state_dict().items()} == shapes
    assert weights_digest(fresh.model) != weights_digest(model)
    assert fresh.weights == "fresh"


def test_trained_folders_are_read_and_checked(prepared: PreparedCorpus, tmp_path: Path) -> None:
    from rnn_lm.config import EmbeddingConfig
    from rnn_lm.experiments.model_runs import RecurrentSpec, train_recurrent
    from rnn_lm.vocabulary import Vocabulary

    training = TrainingConfig(budget="2steps", validations=1, valid_tokens=100)
    model = ModelConfig(cell="gru", hidden_size=4)
    spec = RecurrentSpec("gru", model, training, EmbeddingConfig(embedding="random"), None, 5)
    trained = train_recurrent(tmp_path / "gru", spec, prepared, SilentProgress(), resume=False)
    (subject,) = load_subjects([tmp_path / "gru"], prepared.vocabulary)
    assert (subject.name, subject.label, subject.weights) == ("gru", "GRU", "trained")
    assert weights_digest(subject.model) == weights_digest(trained.model)
    other = Vocabulary.build([["some", "other", "words"]])
    with pytest.raises(UserError, match=r"gru: was trained with another vocabulary.*--corpus"):
        load_subjects([tmp_path / "gru"], other)


@pytest.mark.parametrize("suffix", [".json"])
def test_every_figure_is_drawn_with_titled_axes(results: dict[str, Any], tmp_path: Path, suffix: str) -> None:
    written = draw_gradients({"gradients": results}, tmp_path / "figures", print, suffix)
    assert len(written) == len({path.name for path in written}) == 11
    for path in written:
        text = path.read_text()
        assert '"title"' in text
        assert "NaN" not in text


def test_figures_do_without_an_lstm(results: dict[str, Any]) -> None:
    without = {**results, "models": [model for model in results["models"] if model["name"] != "lstm"]}
    charts = dict(gradient_charts(without))
    assert "gradient-lstm-paths" not in charts
    assert len(charts) == 10
    for chart in charts.values():
        assert chart_spec(chart)["config"]


def test_the_report_has_a_section_with_every_figure_and_table(results: dict[str, Any]) -> None:
    from rnn_lm.report.sections import Figure
    from rnn_lm.report.sections_gradients import CAPTIONS, gradients
    from rnn_lm.report.tables import Table

    whole: Any = {"gradients": results}
    section = gradients(whole)
    assert section is not None
    assert {block.name for block in section.blocks if isinstance(block, Figure)} == set(CAPTIONS)
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert len(tables) == 5
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    nothing: Any = {}
    assert gradients(nothing) is None


def test_a_changed_key_computes_again(tmp_path: Path) -> None:
    values = iter([{"value": 1.0}, {"value": 2.0}])
    compute: Callable[[], dict[str, Any]] = lambda: next(values)  # noqa: E731
    parts = Parts(tmp_path / "parts")
    assert parts.get("one", {"steps": (1, 2)}, compute) == {"value": 1.0}
    assert parts.get("one", {"steps": (1, 2)}, compute) == {"value": 1.0}
    assert parts.get("one", {"steps": (1, 3)}, compute) == {"value": 2.0}


def test_numbers_are_rounded_to_significant_digits() -> None:
    assert rounded({"a": [1.23456789e-30, 3, "x", None, True]}) == {"a": [1.234568e-30, 3, "x", None, True]}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"lags": 3}, "--lags"),
        ({"cells": ()}, "--cells"),
        ({"bptt_lengths": (0, 5)}, "--bptt-lengths"),
        ({"positions": 3, "trajectories": 4}, "--trajectories"),
        ({"lags": 10, "jacobians": 11}, "--jacobians"),
        ({"probe_budget": "banana"}, "banana"),
    ],
)
def test_bad_settings_are_refused_by_the_name_of_their_flag(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        GradientsConfig(**setting)


def test_a_text_shorter_than_the_lags_is_refused(prepared: PreparedCorpus, tmp_path: Path) -> None:
    long = GradientsConfig(probe_size=4, probe_budget="1steps", lags=5000, cells=("rnn",))
    with pytest.raises(UserError, match="--lags"):
        run_gradients(long, prepared, tmp_path, SilentProgress())


def test_the_budget_inside_compare_is_smaller() -> None:
    small, whole = for_compare(), GradientsConfig()
    assert small.lags < whole.lags
    assert small.clipping_seeds * small.clipping_steps < whole.clipping_seeds * whole.clipping_steps


def test_a_fresh_start_is_the_same_on_any_number_of_threads() -> None:
    """Parts that one process has kept, another with other threads finds; the start of a large matrix is rounded."""
    trained = RecurrentLanguageModel(20, 10, ModelConfig(cell="rnn", hidden_size=300), torch.Generator())
    before, digests = torch.get_num_threads(), set()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            digests.add(weights_digest(fresh_like(Subject("rnn", "trained", trained, {}), 1).model))
    finally:
        torch.set_num_threads(before)
    assert len(digests) == 1
