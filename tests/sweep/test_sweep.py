"""Whole sweeps on a tiny text: they find, prune, repeat themselves, go on after Ctrl-C, and share a study."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from refusals import refused
from rnn_lm.checkpoint import BEST, LAST
from rnn_lm.cli import main
from rnn_lm.models.storage import load_model
from rnn_lm.sweep import run
from rnn_lm.sweep.storage import open_journal
from rnn_lm.training.log import read_log
from rnn_lm.training.trainer import Trainer

from .conftest import found, read_results, results_of

CHILD = "import sys; from rnn_lm.cli import main; sys.exit(main())"
"""A process of its own."""


def test_a_sweep_finds_prunes_and_keeps_the_best_model_alone(arguments, tmp_path, capsys):
    sweep = results_of([*arguments, "--trials", "22"])
    printed = capsys.readouterr().out
    trials = sweep["trials"]
    complete = [trial for trial in trials if trial["state"] == "complete"]
    pruned = [trial for trial in trials if trial["state"] == "pruned"]
    assert len(complete) + len(pruned) == len(trials) == 22
    assert sweep["best"]["valid_perplexity"] == min(trial["valid_perplexity"] for trial in complete)

    folders = tmp_path / "sweep" / "trials"
    assert pruned
    for trial in pruned:  # a pruned trial was not trained to its end, nor was it a good one
        steps, validations = read_log(folders / f"{trial['number']:03d}" / "training.jsonl")
        assert len(steps) == round(12 * trial["pruned_at"]) < 12
        assert min(one.valid_nll for one in validations) == pytest.approx(math.log(trial["valid_perplexity"]))
        assert trial["valid_perplexity"] > sweep["best"]["valid_perplexity"]

    best = f"{sweep['best']['number']:03d}"
    assert [path.parent.name for path in folders.glob(f"*/{BEST}")] == [best]
    assert list(folders.glob(f"*/{LAST}")) == []
    assert all((folders / f"{trial['number']:03d}" / "run.json").exists() for trial in trials)
    assert load_model(folders / best).name == best

    assert sum(sweep["importances"].values()) == pytest.approx(1)
    assert {path.name for path in (tmp_path / "sweep" / "figures").iterdir()} == {"history.png", "importance.png"}
    assert sweep["best"]["command"] in printed.replace("\n", "")

    words = shlex.split(sweep["best"]["command"])
    assert main(words[1:]) == 0
    _, validations = read_log(Path(words[words.index("--out") + 1]) / "training.jsonl")
    assert min(one.valid_nll for one in validations) == math.log(sweep["best"]["valid_perplexity"])


def interrupt_at(monkeypatch, step: int) -> None:
    """Press Ctrl-C during training step number ``step`` of the process, over all trials."""
    train_step, taken = Trainer.take, []

    def counted(self):
        taken.append(None)
        if len(taken) == step:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(self)

    monkeypatch.setattr(Trainer, "take", counted)


@pytest.mark.slow
def test_a_sweep_repeats_itself_also_when_it_was_interrupted(arguments, tmp_path, monkeypatch, capsys):
    whole = results_of([*arguments, "--trials", "12"])
    assert found(whole) == found(results_of([*_elsewhere(arguments, tmp_path / "again"), "--trials", "12"]))

    again = [*_elsewhere(arguments, tmp_path / "interrupted"), "--trials", "12"]
    with monkeypatch.context() as patch:
        interrupt_at(patch, 12 * 4 + 5)
        assert main(again) == 130
    assert "--resume goes on" in capsys.readouterr().err
    stopped = read_results(again)["trials"]
    assert [trial["state"] for trial in stopped] == ["complete"] * 4 + ["cut off"]

    assert main(again) == 2  # without --resume
    resumed = results_of([*again, "--resume"])
    assert resumed["trials"][5]["retry_of"] == 4
    assert resumed["trials"][5]["params"] == stopped[4]["params"]
    assert found(resumed) == found(whole)
    assert not (tmp_path / "interrupted" / "trials" / "004" / LAST).exists()


def test_a_finished_sweep_can_be_made_longer(arguments):
    assert len(results_of([*arguments, "--trials", "2"])["trials"]) == 2
    assert len(results_of([*arguments, "--trials", "2", "--resume"])["trials"]) == 2
    assert len(results_of([*arguments, "--trials", "3", "--resume"])["trials"]) == 3


@pytest.mark.parametrize("moment", ["in training", "after it"])
def test_a_trial_that_another_process_took_for_cut_off_is_left_to_it(arguments, tmp_path, monkeypatch, moment):
    """As after a laptop's lid was shut for an hour."""
    calls = []

    def end_elsewhere_once() -> None:
        calls.append(None)
        if len(calls) == 1:
            storage = open_journal(tmp_path / "sweep" / "study.journal")
            optuna.load_study(study_name="sweep", storage=storage).tell(0, state=TrialState.FAIL)

    train_step, run_trial = Trainer.take, run.run_trial
    if moment == "in training":
        monkeypatch.setattr(Trainer, "take", lambda self: (end_elsewhere_once(), train_step(self))[1])
    else:
        monkeypatch.setattr(run, "run_trial", lambda *given: (run_trial(*given), end_elsewhere_once())[0])
    sweep = results_of([*arguments, "--trials", "2"])
    assert [trial["state"] for trial in sweep["trials"]] == ["cut off", "complete", "complete"]
    assert sweep["trials"][1]["params"] == sweep["trials"][0]["params"]


@pytest.mark.parametrize(("pruner", "prunes"), [("halving", True), ("none", False)])
def test_other_pruners_prune_or_do_not(arguments, pruner, prunes):
    states = {trial["state"] for trial in results_of([*arguments, "--trials", "8", "--pruner", pruner])["trials"]}
    assert ("pruned" in states) == prunes


def test_a_trial_that_diverges_counts_and_is_not_the_best(arguments, monkeypatch):
    train_step = Trainer.take

    def poisoned(self):
        if self.config.learning_rate > 1e-3:
            self.model.output_product.bias_v.data[3] = math.nan
        return train_step(self)

    monkeypatch.setattr(Trainer, "take", poisoned)
    sweep = results_of([*arguments, "--trials", "6"])
    states = {trial["state"] for trial in sweep["trials"]}
    assert "diverged" in states
    assert sweep["best"] is None or sweep["best"]["params"]["learning-rate"] <= 1e-3


BEYOND = ["--optimizer", "sgd", "--clip", "none", "--softmax", "exact", "--space"]
"""Plain steps without a bound, which a learning rate of thousands takes beyond any number."""


def _without_space(arguments: list[str]) -> list[str]:
    return arguments[: arguments.index("--space")]


def _without_samples(arguments: list[str]) -> list[str]:
    """Without the space, and what stands before it: a number of noise words, which the exact softmax has no use for."""
    return arguments[: arguments.index("--softmax-samples")]


@pytest.mark.slow
def test_the_search_goes_on_after_trials_that_diverge_and_does_not_meet_them_again(arguments):
    command = [*_without_samples(arguments), *BEYOND, "learning-rate=0.1,9e3"]
    sweep = results_of([*command, "--trials", "4"])
    states = [trial["state"] for trial in sweep["trials"]]
    assert set(states) == {"complete", "diverged"}
    assert sweep["best"]["params"] == {"learning-rate": 0.1}
    assert all(
        ("NLL" in trial["reason"]) == (trial["state"] == "diverged") for trial in sweep["trials"] if "reason" in trial
    )
    resumed = results_of([*command, "--trials", "4", "--resume"])["trials"]
    assert resumed == sweep["trials"]


@pytest.mark.slow
def test_a_sweep_without_a_best_trial_ends_in_one_line_that_says_why(arguments, capsys, tmp_path):
    line = refused(capsys, *_without_samples(arguments), *BEYOND, "learning-rate=8e3..1e4", "--trials", "2")
    assert "none of 2 trials ended with a perplexity (the first: the mean NLL" in line
    assert [trial["state"] for trial in read_results(arguments)["trials"]] == ["diverged"] * 2
    assert not (tmp_path / "sweep" / "figures").exists()


def test_a_sweep_of_pruned_trials_says_so(arguments, capsys, monkeypatch):
    monkeypatch.setattr(optuna.trial.Trial, "should_prune", lambda _: True)
    assert "none of 2 trials ended with a perplexity; search" in refused(capsys, *arguments, "--trials", "2")
    assert [trial["state"] for trial in read_results(arguments)["trials"]] == ["pruned"] * 2


@pytest.mark.parametrize(
    ("space", "trials"),
    [(["seed=1..2"], 2), (["cell=gru,rnn"], 1), (["patience=50,60,70", "checkpoint-seconds=50,60,70"], 9)],
)
def test_the_smallest_spaces_have_a_best_trial(arguments, tmp_path, space, trials):
    """Two trials, one, and nine that all come to the same value, since neither setting touches so short a run."""
    sweep = results_of([*_without_space(arguments), "--cell", "gru", "--space", *space, "--trials", str(trials)])
    assert {trial["state"] for trial in sweep["trials"]} <= {"complete", "pruned"}
    assert sweep["best"] is not None
    assert trials < 9 or len({trial["valid_perplexity"] for trial in sweep["trials"]}) == 1
    assert all(math.isfinite(share) for share in sweep["importances"].values())
    assert (tmp_path / "sweep" / "figures" / "history.png").stat().st_size > 1000


def test_settings_that_do_not_go_together_are_a_failed_trial(arguments):
    space = ["engine=fused,library", "cell=mogrifier,gru"]
    sweep = results_of([*_without_space(arguments), "--space", *space, "--trials", "6"])
    refused_trials = [trial for trial in sweep["trials"] if trial["state"] == "refused"]
    assert refused_trials
    assert all("has no code for" in trial["reason"] for trial in refused_trials)
    assert {trial["params"]["cell"] for trial in refused_trials} == {"mogrifier"}
    assert sweep["best"]["state"] == "complete"


@pytest.mark.slow
def test_sigterm_keeps_finished_trials_and_says_how_to_go_on(arguments, tmp_path):
    command = [*arguments, "--budget", "60steps", "--trials", "50"]
    log = tmp_path / "sweep" / "trials" / "002" / "training.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as child:
        while not log.exists():
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=120)
    assert child.returncode == 128 + signal.SIGTERM
    assert said.decode().strip() == "rnn-lm: stopped; what is finished is kept, and --resume goes on from there"
    kept = read_results(arguments)["trials"]
    assert [trial["state"] for trial in kept] == ["complete", "complete", "cut off"]
    resumed = results_of([*command[:-1], "3", "--resume"])["trials"]
    assert resumed[:2] == kept[:2]
    assert resumed[3]["retry_of"] == 2


@pytest.mark.slow
def test_a_killed_sweep_goes_on_as_if_nothing_had_happened(arguments, tmp_path):
    whole = results_of([*arguments, "--trials", "8"])
    killed = [*_elsewhere(arguments, tmp_path / "killed"), "--trials", "8", "--resume"]
    for number in (2, 5):
        log = tmp_path / "killed" / "trials" / f"{number:03d}" / "training.jsonl"
        with subprocess.Popen([sys.executable, "-c", CHILD, *killed]) as child:
            while not log.exists():
                assert child.poll() is None
                time.sleep(0.002)
            child.send_signal(signal.SIGKILL)
    resumed = results_of(killed)
    assert [trial["retry_of"] for trial in resumed["trials"]].count(None) == len(whole["trials"])
    assert [trial["state"] for trial in resumed["trials"]].count("cut off") == 2
    assert found(resumed) == found(whole)


@pytest.mark.parametrize("storage", ["journal", pytest.param("sqlite", marks=pytest.mark.slow)])
def test_two_processes_share_one_study(arguments, tmp_path, storage):
    extra = ["--trials", "6", "--resume"] + (["--storage", f"sqlite:///{tmp_path}/study.db"] * (storage == "sqlite"))
    commands = [[sys.executable, "-W", "error", "-c", CHILD, *arguments, *extra] for _ in range(2)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    children = [subprocess.Popen(one, stderr=subprocess.PIPE, text=True, env=environment) for one in commands]
    errors = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], errors
    sweep = read_results(arguments)  # of the process that ended last
    assert [trial["number"] for trial in sweep["trials"]] == list(range(len(sweep["trials"])))
    assert 6 <= len(sweep["trials"]) <= 7  # both may have begun a last one at once
    assert len({json.dumps(trial["params"]) for trial in sweep["trials"]}) == len(sweep["trials"])
    folders = tmp_path / "sweep" / "trials"
    assert len(list(folders.glob(f"*/{BEST}"))) == 1


def test_vectors_of_words_are_made_once_and_shared(arguments, tmp_path, capsys):
    flags = ["--embedding", "word2vec", "--embedding-epochs", "1", "--trials", "3"]
    sweep = results_of([*arguments, *flags])
    assert capsys.readouterr().out.count("word2vec (skip-gram)") == 1
    assert (tmp_path / "sweep" / "embedding.safetensors").exists()
    assert len(sweep["trials"]) == 3


def test_trials_may_differ_in_their_vectors(arguments, tmp_path):
    flags = ["embedding=word2vec,random", "embedding-size=4,6", "--embedding-epochs", "1", "--trials", "3"]
    assert len(results_of([*arguments, *flags])["trials"]) == 3
    assert not (tmp_path / "sweep" / "embedding.safetensors").exists()


def _elsewhere(arguments: list[str], out: Path) -> list[str]:
    place = arguments.index("--out") + 1
    return [*arguments[:place], str(out), *arguments[place + 1 :]]
