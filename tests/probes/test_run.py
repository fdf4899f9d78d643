"""The probe from end to end on a budget of seconds: it learns, it can be interrupted, and it repeats itself."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from rnn_lm.errors import UserError
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.models import PRESETS, parameter_count
from rnn_lm.probes.outcomes import Job, Outcome, load_outcome, run_job, training_config
from rnn_lm.probes.recall import RecallLanguage
from rnn_lm.probes.run import run_probe
from rnn_lm.probes.tables import probe_tables
from rnn_lm.probes.tasks import PROBES
from rnn_lm.probes.training import train
from rnn_lm.progress import SilentProgress
from rnn_lm.report.figures_probes import probe_figures
from rnn_lm.report.style import chart_spec

TINY = ProbeConfig(
    probes=("agreement",), models=("ngram", "rnn"), seeds=2, steps=3, batch_size=8, sentences=200, trained_distance=6,
    distances=(0, 2, 16), items=4, workers=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return {**run_probe(TINY, tmp_path_factory.mktemp("probe"), SilentProgress())}


def test_a_probe_and_a_model_that_were_registered_elsewhere_are_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROBES._entries, "echo", PROBES["recall"])
    monkeypatch.setitem(PRESETS._entries, "small-gru", replace(PRESETS["gru"], settings={}))
    config = replace(TINY, probes=("echo",), models=("rnn", "small-gru"), seeds=1)
    (probe,) = run_probe(config, tmp_path, SilentProgress())["probes"]
    assert probe["name"] == "echo"
    assert [model["name"] for model in probe["models"]] == ["rnn", "small-gru"]


@pytest.mark.parametrize(("kind", "close"), [("probes", "recall"), ("models", "rnn-uniform")])
def test_unknown_names_are_answered_with_those_of_the_registries(kind: str, close: str) -> None:
    with pytest.raises(UserError, match=f"did you mean '{close}'"):
        ProbeConfig(**{kind: (close + "x",)})  # pyright: ignore[reportArgumentType]


def test_results_are_plain_json_with_every_model_at_every_distance(results: dict) -> None:
    (probe,) = json.loads(json.dumps(results))["probes"]
    assert [curve["model"] for curve in probe["curves"]] == ["ngram", "rnn"]
    for curve in probe["curves"]:
        assert [point["distance"] for point in curve["points"]] == [0, 2, 16]
        assert all(point["low"] <= point["accuracy"] <= point["high"] for point in curve["points"])
        assert all(len(point["per_seed"]) == 2 for point in curve["points"])
    assert {cell["attractors"] for cell in probe["attractors"]} == {0, 1, 2, 3, 4}
    assert [claim["statement"] for claim in probe["claims"]] == ["the RNN falls with distance"]


def test_tables_hold_every_model_distance_and_claim(results: dict) -> None:
    text = probe_tables(results)
    assert "| model | parameters | d = 0 | d = 2 | d = 16 | half-life |" in text
    assert "| 5-gram | " in text
    assert "| the RNN falls with distance | " in text


def test_figures_are_drawn_from_the_results_alone(results: dict) -> None:
    plain = json.loads(json.dumps(results))
    figures = probe_figures(plain)
    assert list(figures) == ["probe-agreement", "probe-agreement-attractors"]
    for figure in figures.values():
        text = json.dumps(chart_spec(figure))
        assert "5-gram" in text
        assert "RNN" in text


def test_an_interrupted_run_goes_on_and_ends_like_a_whole_one(tmp_path: Path, results: dict) -> None:
    job = Job("agreement", "rnn", 2)
    (tmp_path / "runs").mkdir()
    run_job(job, TINY, tmp_path)
    written = job.path(tmp_path).stat().st_mtime_ns
    resumed = run_probe(TINY, tmp_path, SilentProgress())
    assert job.path(tmp_path).stat().st_mtime_ns == written
    assert resumed["probes"][0]["curves"] == results["probes"][0]["curves"]


def test_more_seeds_go_on_from_fewer_and_other_settings_are_refused(tmp_path: Path) -> None:
    one = replace(TINY, models=("ngram",), seeds=1)
    run_probe(one, tmp_path, SilentProgress())
    assert run_probe(replace(one, seeds=2), tmp_path, SilentProgress())["seeds"] == [1, 2]
    with pytest.raises(UserError, match=r"--steps 3, not 4: choose another folder"):
        run_probe(replace(one, steps=4), tmp_path, SilentProgress())


def test_a_damaged_outcome_is_named(tmp_path: Path) -> None:
    job = Job("agreement", "rnn", 1)
    (tmp_path / "runs").mkdir()
    assert load_outcome(job, tmp_path) is None
    job.path(tmp_path).write_text('{"probe": "agreement"}')
    with pytest.raises(UserError, match="agreement-rnn-1.json"):
        load_outcome(job, tmp_path)


@pytest.mark.slow
def test_processes_side_by_side_give_the_same(tmp_path: Path, results: dict) -> None:
    side_by_side = run_probe(replace(TINY, workers=2), tmp_path, SilentProgress())
    assert side_by_side["probes"][0]["curves"] == results["probes"][0]["curves"]


def test_parameter_counts_match() -> None:
    for vocabulary_size in (61, 35, 28):
        random = torch.Generator().manual_seed(1)
        counts = [
            parameter_count(preset.build(vocabulary_size, random)) for preset in map(PRESETS.__getitem__, PRESETS)
        ]
        assert max(counts) / min(counts) < 1.08


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_learns(name: str) -> None:
    """A recall task of two symbols and delays up to 2 is learned well beyond the loss of guessing."""
    language = RecallLanguage(symbols=2, distractors=2)
    random = torch.Generator().manual_seed(1)
    text = language.sentences(torch.randint(0, 3, (2000,), generator=random), random)
    model = PRESETS[name].build(len(language.tokens), random)
    preset = PRESETS[name]
    setting = preset.settings.get("recall") or preset.setting("parity")  # some are tuned for state tracking alone
    summary = train(model, text, 60, training_config(setting, 32), random)
    assert summary.loss < 0.85
    assert 0 <= summary.clipped_share <= 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"probes": ("agrement",)}, "did you mean 'agreement'"),
        ({"models": ("lstn",)}, "did you mean 'lstm'"),
        ({"models": ("rnn", "rnn")}, "--models"),
        ({"seeds": 0}, "--seeds"),
        ({"distances": (0, 4, 2)}, "--distances"),
        ({"nouns": 33}, "--nouns"),
        ({"items": 1}, "--items"),
        ({"workers": 0}, "--workers"),
    ],
)
def test_settings_that_cannot_be_are_refused(setting: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ProbeConfig(**setting)


def test_an_outcome_whose_answers_are_none_is_refused(tmp_path):
    job = Job("agreement", "ngram", 1)
    path = job.path(tmp_path)
    path.parent.mkdir()
    outcome = Outcome("agreement", "ngram", 1, 3, 1.0, None, None, 9, {"a": "01:"})
    path.write_text(json.dumps(asdict(outcome)))  # as version 0.1 wrote it
    with pytest.raises(UserError, match="neither 0 nor 1"):
        load_outcome(job, tmp_path)
    path.write_text(json.dumps(asdict(replace(outcome, right={"a": "01"}))))
    found = load_outcome(job, tmp_path)
    assert found is not None
    assert found.right_n("a").tolist() == [0, 1]
    with pytest.raises(UserError, match="no answers to the suite 'b'"):
        found.right_n("b")
