"""Training that starts from a trained model: its weights, its vocabulary and its shape, and a run that stands alone."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import rnn_lm
from refusals import refused
from rnn_lm.checkpoint import BEST, LAST, read_checkpoint
from rnn_lm.cli import main
from rnn_lm.commands import compare, train
from rnn_lm.errors import UserError
from rnn_lm.experiments import train as train_experiment
from rnn_lm.flags import parse_options
from rnn_lm.models.storage import load_model
from rnn_lm.settings.keeping import SETTINGS
from rnn_lm.training.callbacks import Logging

SMALL: dict[str, Any] = {"device": "cpu", "precision": "32-true", "batch_size": 4, "bptt_length": 5, "progress": False}
SHAPE: dict[str, Any] = {"cell": "gru", "hidden_size": 7, "embedding": "random", "embedding_size": 6}
FLAGS = [
    "--device", "cpu", "--precision", "32-true", "--batch-size", "4", "--bptt-length", "5", "--budget", "4steps",
    "--validations", "1",
]  # fmt: skip


def sentences(count: int, seed: int, who: list[str]) -> str:
    """Sentences with something to learn."""
    drawn = random.Random(seed)
    lines = [f"{drawn.choice(who)} {drawn.choice(['sees', 'hears'])} {drawn.choice(['it', 'me', 'fish'])} ."]
    lines += [f"{drawn.choice(who)} {drawn.choice(['sees', 'hears'])} it ." for _ in range(count)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two texts and a model of the first, whose decoder is tied, and one whose decoder is not."""
    folder = tmp_path_factory.mktemp("starting")
    (folder / "my.txt").write_text(sentences(150, 1, ["The cat", "A dog", "My son"]))
    (folder / "other.txt").write_text(sentences(150, 2, ["The cat", "An owl"]))
    settings = {**SMALL, **SHAPE, "budget": "40steps", "validations": 2, "learning_rate": 0.02, "lowercase": False}
    text = str(folder / "my.txt")
    penalty = {"softmax": "exact", "past_decode_penalty": 0.1}
    rnn_lm.train(text, out=folder / "tied", **settings, **penalty)
    rnn_lm.train(text, out=folder / "own", **settings, tie_weights=False)
    return folder


@pytest.fixture
def house(furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, and the test is in it."""
    monkeypatch.chdir(furnished)
    return furnished


def weights(folder: str | Path, name: str = BEST) -> dict[str, torch.Tensor]:
    return read_checkpoint(Path(folder) / name)[0]


@pytest.mark.usefixtures("house")
def test_before_a_step_changes_anything_the_model_is_the_stored_one(monkeypatch, capsys):
    monkeypatch.setattr(train_experiment, "input_vectors", None)  # word2vec, the default, would be thrown away
    assert main(["train", "--corpus", "my.txt", "--start-from", "tied", "--learning-rate", "1e-30",
                 "--softmax", "exact", "--past-decode-penalty", "0.1", "--out", "same", *FLAGS]) == 0  # fmt: skip
    assert "start       the weights of tied" in capsys.readouterr().out
    stored, begun = rnn_lm.open_run("tied", progress=False), rnn_lm.open_run("same", progress=False)
    assert begun.curve[0].valid_perplexity == min(point.valid_perplexity or 0 for point in stored.curve)
    assert begun.model.perplexity() == stored.model.perplexity()
    mine, its = load_model(Path("same")).model.state_dict(), load_model(Path("tied")).model.state_dict()  # pyright: ignore
    assert mine.keys() == its.keys()
    assert all(torch.equal(mine[name], its[name]) for name in its)


@pytest.mark.usefixtures("house")
def test_on_another_text_the_model_keeps_its_words_and_its_way_of_cutting():
    run = rnn_lm.train("other.txt", start_from=Path("tied"), out="adapted", budget="30steps", **SMALL)
    stored = load_model(Path("tied"))
    assert load_model(Path("adapted")).vocabulary == stored.vocabulary
    assert "owl" not in stored.vocabulary
    assert "The" in stored.vocabulary  # as it was told not to lower-case
    assert not run.settings["lowercase"]
    assert run.settings["start_from"] == "tied"
    assert run.model.perplexity().unk_share > 0.05
    before = rnn_lm.load("tied", progress=False).perplexity(Path("other.txt"))
    assert run.model.perplexity(Path("other.txt")) < 0.8 * before


@pytest.mark.usefixtures("house")
def test_a_stopped_run_goes_on_to_the_same_bits_without_the_folder_it_started_from(monkeypatch):
    shutil.copytree("tied", "start")
    asked = {**SMALL, "start_from": "start", "budget": "12steps", "validations": 2, "dropout_output": 0.2, "seed": 5}
    rnn_lm.train("other.txt", out="whole", **asked)

    logged, steps = Logging.after_step, []

    def after_step(self, record):
        logged(self, record)
        steps.append(record)
        if len(steps) == 9:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(Logging, "after_step", after_step)
        with pytest.raises(KeyboardInterrupt):
            rnn_lm.train("other.txt", out="stopped", **asked)
    shape = {**SHAPE, "embedding": "word2vec", "lowercase": False}
    asked_anew = {**asked, **shape, "start_from": None}
    assert not rnn_lm.open_run("stopped", progress=False).finished
    shutil.rmtree("start")
    with pytest.raises(UserError, match="start-from 'start', not None"):
        rnn_lm.train("other.txt", out="stopped", **asked_anew, resume=True)
    assert rnn_lm.train("other.txt", out="stopped", **asked, resume=True).finished
    for name in (BEST, LAST):
        mine, other = weights("stopped", name), weights("whole", name)
        assert all(torch.equal(mine[key], other[key]) for key in other)


@pytest.mark.usefixtures("house")
def test_a_run_that_has_no_checkpoint_yet_is_held_to_the_weights_it_was_begun_with():
    shutil.copytree("tied", "exchanged")
    rnn_lm.train("my.txt", start_from="exchanged", out="early", budget="2steps", **SMALL)
    (Path("early") / LAST).unlink()
    shutil.rmtree("exchanged")
    rnn_lm.train("my.txt", out="exchanged", **SMALL, **SHAPE, budget="2steps", lowercase=False)
    with pytest.raises(UserError, match="the starting model is not the one"):
        rnn_lm.train("my.txt", start_from="exchanged", out="early", budget="2steps", **SMALL, resume=True)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("frozen", [False, True])
def test_input_vectors_stay_as_they_were_where_they_are_frozen_and_only_there(frozen):
    out = f"frozen-{frozen}"
    rnn_lm.train("my.txt", start_from="own", out=out, budget="3steps", freeze_embedding=frozen, **SMALL)
    before, after = weights("own")["model.embedding.weight"], weights(out)["model.embedding.weight"]
    assert torch.equal(before, after) == frozen


def test_the_shape_stands_above_a_preset_and_what_is_asked_for_above_the_shape(house):
    start = ["--start-from", str(house / "tied")]
    options = parse_options(train.Options, [*start, "--budget", "10m", "--dropout-output", "0.4"], "rnn-lm train")
    assert (options.model.cell, options.model.hidden_size, options.embedding.embedding_size) == ("gru", 7, 6)
    assert (options.model.dropout_output, options.preset) == (0.4, "ten-minutes")
    assert options.corpus.corpus == (str(house / "my.txt"),)
    assert options.training == parse_options(train.Options, ["--budget", "10m"], "rnn-lm train").training
    other = parse_options(train.Options, [*start, "--corpus", "ptb"], "rnn-lm train").corpus
    assert (other.corpus, other.tokens, other.lowercase) == (("ptb",), "words", False)
    assert parse_options(train.Options, [*start, "--hidden-size", "9"], "rnn-lm train").model.hidden_size == 9


@pytest.mark.usefixtures("house")
def test_settings_kept_by_such_a_run_ask_for_it_again():
    rnn_lm.train("my.txt", start_from="tied", out="kept", budget="2steps", learning_rate=1e-3, **SMALL)
    options = parse_options(train.Options, ["--config", str(Path("kept") / SETTINGS)], "rnn-lm train")
    again = parse_options(train.Options, ["--config", "kept"], "rnn-lm train")
    assert (options.start_from, again.start_from) == ("tied", "tied")
    assert (options.model, options.training, options.embedding) == (again.model, again.training, again.embedding)
    assert parse_options(compare.Options, ["--config", "kept"], "rnn-lm compare").training == again.training
    # The settings of a run, and a start from itself: what it left undecided is decided alike.
    assert main(["train", "--config", "tied", "--start-from", "tied", "--out", "again", *FLAGS]) == 0


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--start-from nowhere", "--start-from nowhere: no run here"),
        ("--start-from count", "--start-from count: holds a 'ngram' run, 'recurrent'"),
        ("--start-from begun", "--start-from begun: was not trained to its first validation"),
        ("--start-from damaged", "--start-from damaged/best.safetensors: "),
        ("--start-from tied --hidden-size 9", "--hidden-size 9 does not go with --start-from tied, whose model has "
         "--hidden-size 7: leave it out"),
        ("--start-from tied --cell lstm", "--cell lstm does not go with --start-from tied, whose model has --cell gru"),
        ("--start-from tied --no-tie-weights", "--no-tie-weights does not go with --start-from tied"),
        ("--start-from tied --tokens characters", "--tokens characters does not go with --start-from tied"),
        ("--start-from tied --max-vocabulary 5", "whose model has no --max-vocabulary: leave it out"),
        ("--start-from tied --freeze-embedding", "would freeze the tied decoder of --start-from tied as well"),
        ("--start-from own --embedding random", "--embedding random does nothing with --start-from own"),
    ],
)  # fmt: skip
def test_what_cannot_be_started_from_is_refused_before_any_work(given, said, capsys):
    if not Path("count").exists():
        rnn_lm.train_ngram("my.txt", order=2, out="count", progress=False)
        shutil.copytree("tied", "begun", ignore=shutil.ignore_patterns(BEST))
        shutil.copytree("tied", "damaged")
        (Path("damaged") / BEST).write_bytes((Path("tied") / BEST).read_bytes()[:-4])
    assert said in refused(capsys, "train", "--corpus", "my.txt", "--out", "refused", *FLAGS, *given.split())
    assert not Path("refused").exists()


def test_a_comparison_starts_from_no_model(capsys):
    assert "--start-from" in refused(capsys, "compare", "--start-from", "tied")


@pytest.mark.usefixtures("house")
def test_pieces_of_words_are_the_models(capsys):
    pytest.importorskip("tokenizers")
    rnn_lm.train("my.txt", out="pieces", tokens="bpe", subwords=262, **SMALL, **SHAPE, budget="2steps")
    rnn_lm.train("other.txt", start_from="pieces", out="more", tokens="bpe", budget="2steps", **SMALL)
    assert (Path("more") / "tokenizer.json").read_text() == (Path("pieces") / "tokenizer.json").read_text()
    line = refused(capsys, "train", "--start-from", "pieces", "--tokens", "words", "--out", "refused", *FLAGS)
    assert "--tokens words does not go with --start-from pieces, whose model has --tokens bpe" in line
