"""Errors name the setting where the command line names the flag, and are of kinds that can be told apart."""

from __future__ import annotations

import pytest

import rnn_lm
from rnn_lm.api.errors import in_terms_of_python, without_flags
from rnn_lm.api.model import require_policy
from rnn_lm.errors import MissingFileError, SettingError, UserError
from rnn_lm.training.trainer import TrainingDiverged

SAID = {
    "--hidden-size must be at least 1": "hidden_size must be at least 1",
    "--decoder adaptive has no matrix to tie: add --no-tie-weights": (
        "decoder='adaptive' has no matrix to tie: add tie_weights=False"
    ),
    "--subwords is for --tokens bpe or unigram": "subwords is for tokens bpe or unigram",
    "runs/x: holds a run already; add --resume to go on with it, or choose another --out": (
        "runs/x: holds a run already; add resume=True to go on with it, or choose another out"
    ),
    "--device cuda: torch finds no CUDA device here; leave the flag out, or say --device cpu": (
        "device='cuda': torch finds no CUDA device here; leave the setting out, or say device='cpu'"
    ),
    "the loss became nan at step 3; try --clip norm --clip-threshold 0.25, or --learning-rate 0.001": (
        "the loss became nan at step 3; try clip='norm' clip_threshold=0.25, or learning_rate=0.001"
    ),
    "--freeze-embedding would freeze the tied decoder as well: add --no-tie-weights": (
        "freeze_embedding=True would freeze the tied decoder as well: add tie_weights=False"
    ),
    "--budget 'soon' is not a length of training: write 5epochs, 2000steps, 90s, 10m or 2h": (
        "budget 'soon' is not a length of training: write 5epochs, 2000steps, 90s, 10m or 2h"
    ),
    "--batch-size 4: fewer columns than the 8 processes": "batch_size=4: fewer columns than the 8 processes",
    "the model gives every token the probability 0; try --allow-unk": (
        "the model gives every token the probability 0; try allow_unk=True"
    ),
    "--text x: is a language model; to score with it: rnn-lm evaluate x --text FILE": (
        "text x: is a language model; to score with it: rnn-lm evaluate x --text FILE"
    ),
    "--last-hidden-size needs --layers 2 or more; with one, use --hidden-size": (
        "last_hidden_size needs layers=2 or more; with one, use hidden_size"
    ),
    "nothing is wrong with a - or -- here": "nothing is wrong with a - or -- here",
}


@pytest.mark.parametrize("message", SAID)
def test_flags_become_settings(message):
    assert without_flags(message, {}) == SAID[message]


def test_a_setting_may_have_another_name_in_a_function():
    assert without_flags("--sample-seed must not be negative", {"sample_seed": "seed"}) == "seed must not be negative"


def test_kinds_are_told_apart_and_kinds_of_their_own_are_kept():
    assert type(in_terms_of_python(UserError("--layers must be at least 1"))) is SettingError
    assert type(in_terms_of_python(UserError("x.txt: there is no such file; check the path"))) is MissingFileError
    assert type(in_terms_of_python(UserError("x.txt: is damaged"))) is UserError
    diverged = TrainingDiverged("the loss became nan; try --clip norm")
    assert in_terms_of_python(diverged) is diverged
    assert str(diverged) == "the loss became nan; try clip='norm'"
    with pytest.raises(ValueError, match="^hidden_size must"):
        raise in_terms_of_python(UserError("--hidden-size must be at least 1"))


CALLS = {
    "unknown setting 'hiden_size': did you mean 'hidden_size'?": {"hiden_size": 3},
    "hidden_size must be a whole number, not '8'": {"hidden_size": "8"},
    "hidden_size must be at least 1": {"hidden_size": 0},
    "dropout_input must be in [0, 1), not 1": {"dropout_input": 1},
    "learning_rate must be a finite number, not nan": {"learning_rate": float("nan")},
    "optimizer must be 'adamw', 'adam', 'sgd', not 'adan'": {"optimizer": "adan"},
    "tie_weights must be True or False, not 'no'": {"tie_weights": "no"},
    "unknown model 'lstn': did you mean 'lstm'?": {"cell": "lstn"},
    "unknown preset 'quik': did you mean 'quick'?": {"preset": "quik"},
    "decoder='adaptive' has no matrix to tie: add tie_weights=False": {"decoder": "adaptive"},
    "processes is for the command: rnn-lm train --processes": {"processes": 2},
    "split must be a list of numbers, not 'half'": {"split": "half"},
}


@pytest.mark.parametrize("message", CALLS)
def test_train_refuses_in_the_words_of_its_arguments(house, message):
    with pytest.raises(SettingError) as caught:
        rnn_lm.train("my.txt", out="runs/refused", progress=False, **CALLS[message])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert not (house / "runs" / "refused").exists()


@pytest.mark.usefixtures("house")
def test_what_is_not_there_is_a_file_that_is_missing():
    with pytest.raises(FileNotFoundError, match="no such file"):
        rnn_lm.load("runs/none")
    with pytest.raises(FileNotFoundError, match="nofile.txt"):
        rnn_lm.train("nofile.txt", out="runs/refused", progress=False)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        rnn_lm.open_run("runs/none")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        rnn_lm.open_comparison("runs/none")
    with pytest.raises(UserError, match="holds no finished comparison"):
        rnn_lm.open_comparison("runs/tiny")
    with pytest.raises(UserError, match="holds several models"):
        rnn_lm.load("runs/both")


@pytest.mark.usefixtures("house")
def test_the_others_refuse_so_as_well():
    model = rnn_lm.load("runs/tiny", progress=False)
    with pytest.raises(SettingError, match="unknown model 'lstn'"):
        rnn_lm.compare("my.txt", models="lstn", out="runs/refused", progress=False)
    with pytest.raises(SettingError, match="^unknown part 'probs': did you mean 'probes'"):
        rnn_lm.compare("my.txt", parts=["probs"], out="runs/refused", progress=False)
    with pytest.raises(SettingError, match="^policy must be 'stream' or 'sentence', not 'both'"):
        require_policy("both")
    with pytest.raises(SettingError, match="^seed must not be negative"):
        model.generate(seed=-1)
    with pytest.raises(SettingError, match="^text: the model knows none of its words"):
        model.next("xyzzy")
    with pytest.raises(SettingError, match="^device='names': write"):
        model.to("names")
    with pytest.raises(SettingError, match="^order must be 1 to 6"):
        rnn_lm.train_ngram("my.txt", order=9, out="runs/refused", progress=False)
    with pytest.raises(UserError, match="at least one model"):
        rnn_lm.evaluate([])
