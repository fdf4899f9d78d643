"""train, its handle, going on after Ctrl-C; compare and its handle; evaluate; progress where there is a notebook."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import types
from pathlib import Path

import pytest

import rnn_lm
from api.conftest import SIZES
from rnn_lm.api.progress import NotebookProgress, in_notebook, progress_for
from rnn_lm.api.settings import options_from
from rnn_lm.cli import main, parse_options
from rnn_lm.commands import compare, train
from rnn_lm.progress import SilentProgress, TerminalProgress


@pytest.mark.parametrize("kind", [train.Options, compare.Options])
@pytest.mark.parametrize(
    "settings",
    [{}, {"budget": "10m"}, {"preset": "ten-minutes", "hidden_size": 64}, {"preset": "zaremba-small"},
     {"budget": "60s", "tokens": "bpe", "subwords": 300}],
)  # fmt: skip
def test_settings_come_to_what_the_flags_come_to(kind, settings):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    assert options_from(kind, settings) == parse_options(kind, flags, "rnn-lm")


def test_paths_and_lists_are_taken_as_they_come(tmp_path):
    options = options_from(
        train.Options, {"corpus": tmp_path / "a.txt", "out": "x", "learning_rate": 1, "split": [0.8, 0.1, 0.1]}
    )
    assert options.corpus.corpus == (str(tmp_path / "a.txt"),)
    assert options.corpus.split == (0.8, 0.1, 0.1)
    assert type(options.training.learning_rate) is float
    several = options_from(train.Options, {"corpus": ["a.txt", tmp_path / "b.txt"]})
    assert several.corpus.corpus == ("a.txt", str(tmp_path / "b.txt"))


def test_the_run_is_what_the_command_makes(house):
    """To the byte, but for the clock."""
    flags = ["--hidden-size", "12", "--embedding", "random", "--embedding-size", "12", "--validations", "2"]
    assert main(["train", "--corpus", "my.txt", *flags, "--budget", "20steps", "--out", "runs/by-command"]) == 0
    by_command = rnn_lm.load("runs/by-command", progress=False)
    ours = rnn_lm.load("runs/tiny", progress=False)
    assert by_command.perplexity(policy="stream") == ours.perplexity(policy="stream")
    manifests = [json.loads((house / "runs" / name / "run.json").read_text()) for name in ("by-command", "tiny")]
    assert manifests[0]["config"]["model"] == manifests[1]["config"]["model"]


@pytest.mark.usefixtures("house")
def test_attention_is_trained_loaded_and_looked_into_as_the_others_are():
    sizes = {**SIZES, "layers": 2, "heads": 2, "budget": "3steps"}
    run = rnn_lm.train("my.txt", cell="attention", out="runs/attention", **sizes)
    assert repr(run) == "TrainingRun('runs/attention': attention, 3 steps, finished)"
    assert repr(run.model).startswith("TextModel('attention', Attention 2 x 12, ")
    states = run.model.hidden("the cat sees")
    assert [layer.hidden.shape for layer in states] == [(4, 12), (4, 12)]
    assert run.model.perplexity().token_count == 387


def test_settings_come_from_a_file_and_are_kept_in_one(house):
    (house / "small.toml").write_text("[model]\nhidden_size = 5\n[training]\nbudget = '2steps'\n")
    given = {"embedding": "random", "embedding_size": 6, "out": "runs/filed", "progress": False}
    run = rnn_lm.train("my.txt", config="small.toml", layers=2, **given)
    assert (run.settings["hidden_size"], run.settings["layers"], run.settings["budget"]) == (5, 2, "2steps")
    again = rnn_lm.train(config="runs/filed/settings.toml", out="runs/filed-again", progress=False)
    assert again.settings == run.settings
    assert again.model.perplexity() == run.model.perplexity()
    (house / "wrong.toml").write_text("hiden_size = 5\n")
    with pytest.raises(rnn_lm.UserError, match="wrong.toml, line 1: .*hidden_size"):
        rnn_lm.train("my.txt", config="wrong.toml", progress=False)
    with pytest.raises(rnn_lm.SettingError, match="^momentum=0.9 does nothing with optimizer='adamw'"):
        rnn_lm.train("my.txt", momentum=0.9, out="runs/idle", progress=False)


@pytest.mark.usefixtures("house")
def test_a_run_shows_its_curves_and_settings():
    run = rnn_lm.open_run("runs/tiny", progress=False)
    assert run.curve["step"] == [10, 20]
    first, last = run.curve["valid_perplexity"]
    assert last < first
    assert [record.step for record in run.steps] == list(range(1, 21))
    assert run.finished
    assert run.has_model
    assert "valid_perplexity" in run._repr_html_()
    assert "TrainingRun" in run._repr_html_()
    assert run.settings["hidden_size"] == 12


class Interrupting(SilentProgress):
    """Somebody presses Ctrl-C at an update."""

    def __init__(self, at: int) -> None:
        self.at = at

    @contextlib.contextmanager
    def task(self, name, total):  # noqa: ARG002
        outer = self

        class Task:
            def update(self, completed, **figures):  # noqa: ARG002
                outer.at -= 1
                if outer.at == 0:
                    os.kill(os.getpid(), signal.SIGINT)

        yield Task()


@pytest.mark.usefixtures("house")
def test_ctrl_c_leaves_a_run_that_goes_on_to_the_same_model():
    settings = {**SIZES, "budget": "20steps", "validations": 2}
    with pytest.raises(KeyboardInterrupt):
        rnn_lm.train("my.txt", cell="lstm", out="runs/stopped", **{**settings, "progress": Interrupting(7)})
    run = rnn_lm.open_run("runs/stopped", progress=False)
    assert not run.finished
    assert "can be resumed" in repr(run)
    assert 1 < len(run.steps) < 20
    with pytest.raises(rnn_lm.SettingError, match="resume=True"):
        rnn_lm.train("my.txt", cell="lstm", out="runs/stopped", **settings)
    with pytest.raises(rnn_lm.SettingError, match="^budget is '20steps' in this run, and cannot become '30steps'"):
        run.resume(budget="30steps")
    with pytest.raises(rnn_lm.SettingError, match="colour is no setting"):
        run.resume(colour=1)
    run = run.resume(budget="20steps")
    assert run.finished
    whole = rnn_lm.load("runs/tiny", progress=False).perplexity(policy="stream")
    assert run.model.perplexity(policy="stream") == whole
    assert rnn_lm.train("my.txt", cell="lstm", out="runs/stopped", resume=True, **settings).finished


@pytest.mark.usefixtures("house")
def test_a_run_without_a_validation_has_no_model():
    with pytest.raises(KeyboardInterrupt):
        rnn_lm.train("my.txt", out="runs/short", **{**SIZES, "budget": "40steps", "progress": Interrupting(2)})
    run = rnn_lm.open_run("runs/short", progress=False)
    assert not run.has_model
    assert len(run.curve) == 0
    assert repr(run.curve) == "no rows"
    with pytest.raises(rnn_lm.UserError, match="resume it"):
        _ = run.model


def test_a_comparison_has_tables_models_claims_and_a_page(house, tmp_path):
    found = rnn_lm.open_comparison("runs/both", progress=False)
    assert "RNN" in str(found.table())
    assert "sentence" not in str(found.table("stream"))
    assert found._repr_html_().count("<table>") >= 3
    assert list(found.models) == ["ngram", "rnn"]
    assert len(found.models) == 2
    for name in found.models:
        score = next(one for one in found.results["models"] if one["name"] == name)["perplexity"]["sentence"]["test"]
        assert found.models[name].perplexity() == pytest.approx(score["perplexity"])
    assert found.models.load("ngram", policy="stream").name == "ngram-stream"
    with pytest.raises(KeyError, match="seeds 1, not 7"):
        found.models.load("rnn", seed=7)
    with pytest.raises(KeyError):
        found.models["gru"]
    page = found.report(tmp_path / "page.html")
    assert "n-gram" in page.read_text()
    assert (house / "runs" / "both" / "report.html").exists()
    assert found.results["made"]["command"].startswith("rnn_lm.compare(corpus=")
    assert {row.verdict for row in found.claims} <= {"supported", "not supported", "undecided", "not tested"}


@pytest.mark.usefixtures("house")
def test_evaluate_prints_what_the_command_prints(capsys):
    assert main(["evaluate", "runs/tiny", "runs/kn", "--text", "test.txt"]) == 0
    printed = capsys.readouterr().out
    ngram = rnn_lm.load("runs/kn", progress=False)
    found = rnn_lm.evaluate(["runs/tiny", ngram], text=Path("test.txt"), progress=False)
    assert f"{found}\n" == printed
    as_list = rnn_lm.evaluate(["runs/tiny", ngram], text=Path("test.txt").read_text().splitlines(), progress=False)
    assert as_list.to_json() == found.to_json()
    assert "<table>" in found._repr_html_()
    assert capsys.readouterr().out == ""


def test_progress_goes_where_the_call_comes_from(monkeypatch):
    assert isinstance(progress_for(False), SilentProgress)
    assert isinstance(progress_for(True), TerminalProgress)
    mine = SilentProgress()
    assert progress_for(mine) is mine
    notebook = types.ModuleType("IPython")
    notebook.get_ipython = lambda: types.SimpleNamespace(kernel=object())  # pyright: ignore
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    assert in_notebook()
    assert isinstance(progress_for(True), NotebookProgress)


def test_a_notebook_shows_one_line_that_moves_and_goes(monkeypatch, capsys):
    shown: list[dict[str, str]] = []
    handle = types.SimpleNamespace(update=lambda data, raw: shown.append(data))  # noqa: ARG005
    displays = types.ModuleType("IPython.display")
    displays.display = lambda data, raw, display_id: shown.append(data) or handle  # noqa: ARG005 # pyright: ignore
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    monkeypatch.setattr("rnn_lm.api.progress.EVERY", 0.0)
    progress = NotebookProgress()
    progress.say("corpus")
    with progress.task("lstm <1>", 10) as task:
        task.update(5, loss=1.5)
    assert capsys.readouterr().out == "corpus\n"
    assert "50%" in shown[1]["text/plain"]
    assert "loss 1.5" in shown[1]["text/html"]
    assert "lstm &lt;1&gt;" in shown[1]["text/html"]
    assert shown[-1]["text/html"] == ""
