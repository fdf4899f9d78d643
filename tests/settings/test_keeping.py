"""A run can be given back: settings.toml to the last setting, run.json in all that binds it, of any version."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.commands import compare, gradients, ngram, probe, sweep, theory, train
from rnn_lm.config import to_json
from rnn_lm.errors import UserError
from rnn_lm.experiments.members import CompareSettings
from rnn_lm.flags import parse_options
from rnn_lm.runs import start_run
from rnn_lm.settings.catalogue import CALL, catalogue, command_of
from rnn_lm.settings.keeping import SETTINGS, keep_settings
from settings_cases import options_of

OLD = Path(__file__).parents[1] / "golden" / "run-0.1"
SMALL = [
    "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "4", "--hidden-size", "4",
    "--budget", "3steps", "--batch-size", "2", "--bptt-length", "3", "--validations", "1",
    "--softmax-samples", "5", "--device", "cpu",
]  # fmt: skip
GIVEN = {
    "train": "--preset zaremba-medium --schedule cosine --corpus a.txt b.txt --no-tie-weights --device cpu",
    "compare": "--models ngram rnn gru --seeds 2 --preset ten-minutes --rnn-learning-rate 1e-3 --order 3 --parts",
    "sweep": "--space learning-rate=0.001..0.03:log cell=lstm,gru --trials 3 --lowercase False --pruner halving",
    "ngram": "--order 2 --arpa x.arpa --corpus a.txt --min-count 3 --encoding utf-8 --boundary sentence",
    "probe": "--probes recall --models gru --distances 1 2 3 --symbols 5 --workers 2",
    "gradients": "--runs runs/a runs/b --lags 50 --bptt-lengths 1 2",
    "theory": "--recall-sizes 4 6 --figures docs/figures",
}


def given(command: str, *flags: str) -> Any:
    return parse_options(options_of(command), list(flags), f"rnn-lm {command}")


def test_every_command_with_a_run_folder_is_tried():
    kinds = (train, compare, sweep, ngram, probe, gradients, theory)
    assert {module.__name__.rpartition(".")[2] for module in kinds} == GIVEN.keys()


@pytest.mark.parametrize("flags", ["given", "none"])
@pytest.mark.parametrize("command", GIVEN)
def test_settings_that_are_given_back_are_equal_and_all_there(tmp_path, command, flags):
    options = given(command, *(GIVEN[command].split() if flags == "given" else []))
    keep_settings(tmp_path, options)
    path = tmp_path / SETTINGS
    again = given(command, "--config", str(path))
    kept = {name: getattr(options, name) for name in CALL if hasattr(options, name)}
    assert dataclasses.replace(again, **kept) == options
    written = _flat(tomllib.loads(path.read_text()))
    assert written.keys() - {"without_effect"} == catalogue(type(options)).keys() - set(CALL)
    first, *rest = path.read_text().splitlines()
    assert first == f"# rnn-lm {command} --config {path} --out FOLDER"
    assert max(map(len, rest)) <= 120


def _flat(table: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        found |= _flat(value) if isinstance(value, dict) else {name: value}
    return found


def test_each_setting_stands_under_its_help(tmp_path):
    keep_settings(tmp_path, given("train"))
    text = (tmp_path / SETTINGS).read_text()
    assert "[model]\n# A language model: embedding, layers (recurrent, or attention), decoder.\n" in text
    assert "# Units H per layer.\nhidden_size = 300\n" in text
    assert "# Momentum of --optimizer sgd.\nmomentum = 0.0\n" in text
    assert "# Units of" in text
    assert "Only with --averaging non-monotone.\naveraging_window = 5\n" in text


def test_a_file_that_is_there_is_left_as_a_person_made_it(tmp_path):
    (tmp_path / SETTINGS).write_text("# mine\n")
    keep_settings(tmp_path, given("train"))
    assert (tmp_path / SETTINGS).read_text() == "# mine\n"


@pytest.fixture
def corpus(tmp_path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("the cat sees a dog .\na dog sees the cat today .\n" * 60)
    return path


def test_a_run_keeps_its_settings_from_its_beginning_and_repeats_to_the_bit(corpus, tmp_path, capsys):
    first, second, third = tmp_path / "first", tmp_path / "second", tmp_path / "third"
    assert main(["train", "--corpus", str(corpus), "--out", str(first), *SMALL]) == 0
    assert main(["train", "--config", str(first / SETTINGS), "--out", str(second)]) == 0
    assert main(["train", "--config", str(first), "--out", str(third)]) == 0
    weights = [load_file(folder / "best.safetensors") for folder in (first, second, third)]
    assert all(weights[0][name].equal(other[name]) for other in weights for name in weights[0])
    assert (first / "run.json").read_bytes() == (second / "run.json").read_bytes() == (third / "run.json").read_bytes()
    # Resuming makes it again where it is missing, and only there.
    (second / SETTINGS).unlink()
    (first / SETTINGS).write_text((first / SETTINGS).read_text() + "# mine\n")
    for folder in (first, second):
        assert main(["train", "--config", str(first / SETTINGS), "--out", str(folder), "--resume"]) == 0
    assert (first / SETTINGS).read_text().endswith("# mine\n")
    assert (second / SETTINGS).is_file()
    capsys.readouterr()
    assert main(["ngram", "--config", str(first), "--order", "2", "--out", str(tmp_path / "ngram")]) == 0
    assert (tmp_path / "ngram" / SETTINGS).is_file()


@pytest.mark.slow
def test_a_comparison_is_repeated_from_its_run_json(corpus, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    arguments = [
        "--corpus",
        str(corpus),
        "--out",
        str(first),
        "--models",
        "ngram",
        "rnn",
        "gru",
        "--length",
        "3",
        *SMALL,
    ]
    assert main(["compare", *arguments, "--parts", "--rnn-learning-rate", "2e-3", "--dropout-input", "0.1"]) == 0
    assert main(["compare", "--config", str(first / "run.json"), "--out", str(second)]) == 0
    assert (first / "run.json").read_bytes() == (second / "run.json").read_bytes()
    results = [json.loads((folder / "results.json").read_text()) for folder in (first, second)]
    assert results[0]["claims"] == results[1]["claims"]
    # One of its models alone, and the settings of all for another command.
    member = given("train", "--config", str(first / "rnn-seed1"))
    assert (member.model.cell, member.training.learning_rate) == ("rnn", 2e-3)
    assert given("train", "--config", str(first)).model.dropout_input == 0.1


@pytest.mark.parametrize(("command", "kind"), [(name, name) for name in GIVEN if name not in ("train", "compare")])
def test_what_binds_a_run_is_given_back_by_its_run_json(tmp_path, command, kind):
    options = given(command, *GIVEN[command].split())
    config: Any = {
        "sweep": lambda: {
            **sweep._settings(options).to_json(), **sweep._settings(options).parts(),
            "storage": None, "study_name": "sweep",
        },
        "ngram": lambda: {"corpus": options.corpus, "ngram": options.ngram},
        "gradients": lambda: {
            "corpus": options.corpus, "gradients": options.gradients, "runs": list(map(str, options.runs))
        },
        "probe": lambda: options.probe,
        "theory": lambda: options.theory,
    }[command]()  # fmt: skip
    start_run(tmp_path / "run", kind, config, resume=False)
    again = given(command, "--config", str(tmp_path / "run"))
    unbound = {name: getattr(options, name) for name in ("out", "arpa", "trials", "figures") if hasattr(options, name)}
    assert dataclasses.replace(again, **unbound) == options


def test_rates_that_no_flag_gives_are_refused(tmp_path):
    options = given("compare")
    parts = [getattr(options, name) for name in ("corpus", "ngram", "embedding", "model", "training", "generation")]
    own: list[Any] = [("ngram", "rnn", "gru"), {"rnn": 1e-3, "gru": 2e-3}, {}, 1, ()]
    settings = CompareSettings(*parts, *own)
    start_run(tmp_path / "run", "compare", settings, resume=False)
    with pytest.raises(UserError, match="run.json: has learning_rates of their own for rnn, gru, which"):
        given("compare", "--config", str(tmp_path / "run"))


def test_runs_of_version_0_1_are_given_back():
    options = given("train", "--config", str(OLD / "lstm" / "run.json"))
    kept = json.loads((OLD / "lstm" / "run.json").read_text())["config"]
    assert options.training.softmax_samples == kept["training"]["softmax_samples"] == 10
    assert options.corpus.corpus == tuple(kept["corpus"]["corpus"])
    assert options.corpus.normalize == "none"  # which came later: how runs behaved then
    assert given("ngram", "--config", str(OLD / "ngram")).ngram.order == 2


def test_a_run_may_hold_what_does_nothing_and_a_flag_may_not(tmp_path):
    options = given("train", "--preset", "zaremba-medium", "--schedule", "cosine")
    config = {name: getattr(options, name) for name in ("corpus", "embedding", "model", "training")}
    start_run(tmp_path / "run", "recurrent", config, resume=False)
    again = given("train", "--config", str(tmp_path / "run"), "--batch-size", "7")
    assert to_json(again.training) == {**to_json(options.training), "batch_size": 7}
    with pytest.raises(UserError, match="^--decay-after 3 does nothing"):
        given("train", "--config", str(tmp_path / "run"), "--decay-after", "3")


def test_runs_that_a_command_cannot_use(capsys, tmp_path):
    start_run(tmp_path / "theory", "theory", given("theory").theory, resume=False)
    line = refused(capsys, "train", "--config", str(tmp_path / "theory"))
    assert "theory/run.json: a run of theory has no settings that train could use" in line
    arpa = {"corpus": {**to_json(given("ngram").corpus), "corpus": ["arpa:x.arpa"]}, "ngram": given("ngram").ngram}
    start_run(tmp_path / "arpa", "ngram", arpa, resume=False)
    assert "give that to ngram --from-arpa" in refused(capsys, "ngram", "--config", str(tmp_path / "arpa"))
    manifest = tmp_path / "theory" / "run.json"
    manifest.write_text(manifest.read_text().replace("24", "25"))
    assert "was changed since it was written" in refused(capsys, "theory", "--config", str(manifest))
    manifest.write_text("{}")
    assert "not the manifest of a run" in refused(capsys, "theory", "--config", str(manifest))


def test_a_password_is_not_kept(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    storage = f"sqlite:///{tmp_path}/study.db?password=secret"
    space = ["--space", "layers=1,2", "--storage", storage, "--out", str(tmp_path / "run")]
    options = given("sweep", *space)
    settings = sweep._settings(options)
    monkeypatch.setattr("rnn_lm.sweep.storage.open_database", lambda url: url)
    monkeypatch.setattr("rnn_lm.sweep.run.open_study", lambda *_: None)
    sweep._start(options, settings, {})
    assert "password=***" in (tmp_path / "run" / SETTINGS).read_text()
    assert "secret" not in (tmp_path / "run" / SETTINGS).read_text()
    for path in (tmp_path / "run" / SETTINGS, tmp_path / "run"):
        with pytest.raises(UserError, match="does not keep its password; give --storage again"):
            sweep.run(given("sweep", "--config", str(path), "--out", str(tmp_path / "other")))


def test_command_of_names_the_module():
    assert command_of(train.Options) == "train"
