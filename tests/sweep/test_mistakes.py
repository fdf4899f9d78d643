"""What a person gets wrong about a sweep is answered with one line, exit code 2, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys

import optuna
import pytest

from refusals import refused
from rnn_lm.cli import main
from rnn_lm.errors import UserError
from rnn_lm.sweep.storage import open_journal, shown_url


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["hiden-size=1..3"], "did you mean 'hidden-size'"),
        (["layers=0..3"], "--layers must be at least 1"),
        (["learning-rate=1e-3..1e-2"], "learning-rate more than once"),
        (["embedding=word2vec,random,nowhere.txt"], "nowhere.txt"),
        (["--trials", "0"], "--trials must be at least 1"),
        (["--embedding", "wordvec"], "--embedding wordvec is neither word2vec nor random"),
        (["--cell", "lsmt"], "did you mean 'lstm'"),
        (["--pruner", "mean"], "--pruner"),
        (
            ["--storage", "sqlite:////nowhere/study.db"],
            "--storage sqlite:////nowhere/study.db: cannot be",
        ),
        (["--storage", "banana"], "--storage banana: cannot be used"),
        (["--storage", "oracel://host/db"], "--storage oracel://host/db: cannot be used"),
        (["--storage", "redis://localhost:1"], "--storage redis://localhost:1: cannot be used"),
        (["--storage", "postgresql://me:secret@localhost:1/db"], "--storage postgresql://me:***@localhost:1/db"),
    ],
)
def test_first_mistakes_are_answered_with_the_mend(capsys, arguments, tmp_path, more, message):
    line = refused(capsys, *arguments, *more)
    assert message in line
    assert "secret" not in line
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_names_its_space(capsys, arguments, tmp_path):
    assert "--space names what to search over" in refused(capsys, *arguments[: arguments.index("--space")])
    assert list(tmp_path.iterdir()) == []


def test_an_engine_without_code_for_a_cell_is_refused_before_the_first_trial(capsys, arguments, tmp_path):
    space = ["--space", "cell=gru,mogrifier", "--engine", "fused"]
    assert "--engine fused has no code for" in refused(capsys, *arguments[: arguments.index("--space")], *space)
    assert list(tmp_path.iterdir()) == []


def test_without_optuna_a_sweep_says_how_to_install_it(capsys, arguments, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "pip install" in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_other_commands_do_without_optuna():
    code = (
        "import sys; sys.modules['optuna'] = None\n"
        "import rnn_lm.commands.sweep, rnn_lm.commands.train, rnn_lm.sweep.space"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_joining_with_other_settings_names_the_first(capsys, arguments, tmp_path):
    storage = ["--storage", f"sqlite:///{tmp_path}/study.db", "--trials", "1"]
    assert main([*arguments, *storage]) == 0
    elsewhere = [str(tmp_path / "other") if word == str(tmp_path / "sweep") else word for word in arguments]
    assert "'sweep' has batch-size 4, not 5" in refused(capsys, *elsewhere, *storage, "--batch-size", "5")
    assert not (tmp_path / "other").exists()
    assert main([*elsewhere, *storage, "--trials", "2"]) == 0  # the same settings join


def test_a_study_of_somebody_elses_is_left_alone(capsys, arguments, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=url, study_name="theirs").ask()
    assert "not one of rnn-lm sweep's" in refused(capsys, *arguments, "--storage", url, "--study-name", "theirs")


def test_a_damaged_journal_is_named(capsys, arguments, tmp_path):
    assert main([*arguments, "--trials", "1"]) == 0
    journal = tmp_path / "sweep" / "study.journal"
    journal.write_text("not JSON\n" + journal.read_text())
    assert str(journal) in refused(capsys, *arguments, "--trials", "1", "--resume")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:p@ss:w@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=p:w@d&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("sqlite:///runs/study.db", "sqlite:///runs/study.db"),
    ],
)
def test_a_password_is_never_shown(url, shown):
    assert shown_url(url) == shown


def test_a_seed_of_the_sampler_below_zero_is_refused(capsys, arguments, tmp_path):
    assert "--sampler-seed must be 0 or a positive number" in refused(capsys, *arguments, "--sampler-seed", "-1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("space", ["learning-rate=1..1e999", "learning-rate=0..nan", "hidden-size=-5..0"])
def test_ranges_beyond_sense_are_refused(capsys, arguments, tmp_path, space):
    refused(capsys, *arguments[: arguments.index("--space")], "--space", space)
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_off_is_removed_and_a_wrong_one_named(tmp_path):
    journal = tmp_path / "study.journal"
    optuna.create_study(storage=open_journal(journal), study_name="sweep").ask()
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"worker')
    assert len(optuna.load_study(study_name="sweep", storage=open_journal(journal)).trials) == 1
    assert journal.read_bytes() == whole
    for line in (b'{"op_code":"4"}', b'{"op_code":6,"worker_id":"x","trial_id":0,"state":"1","values":null}', b"[]"):
        journal.write_bytes(whole + line + b"\n")
        with pytest.raises(UserError, match="line 3: "):
            open_journal(journal)
