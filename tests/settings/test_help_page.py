"""Help: what people use first, everything once, nothing wider than the window, and no wait for torch."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from rnn_lm.cli import main
from rnn_lm.commands import COMMANDS
from rnn_lm.limits import flag
from rnn_lm.settings.catalogue import catalogue
from settings_cases import options_of


@pytest.fixture
def help_of(capsys, monkeypatch):
    def help_of(command: str, *flags: str, width: str = "80") -> str:
        monkeypatch.setenv("COLUMNS", width)
        assert main([command, *flags, "--help"]) == 0
        return capsys.readouterr().out

    return help_of


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_every_flag_once_with_its_help(help_of, command):
    text = help_of(command)
    shown = re.findall(r"^  (--[\w-]+)", text, re.MULTILINE)
    entries = catalogue(options_of(command)).values()
    named = {flag(f"no_{one.name}" if one.default is True else one.name) for one in entries if not one.positional}
    assert sorted(shown) == sorted(named | {"--config"})
    words = " ".join(text.split())
    for entry in entries:
        assert " ".join(entry.help.split()[:5]) in words


@pytest.mark.parametrize("command", ["train", "compare"])
def test_the_flags_that_people_use_come_first(help_of, command):
    first = help_of(command).split("\n\n")[3]
    shown = re.findall(r"^  (--[\w-]+)", first, re.MULTILINE)
    assert len(shown) == 10
    assert {"--corpus", "--preset", "--hidden-size", "--budget", "--out", "--resume", "--config"} <= set(shown)


def test_help_says_where_a_setting_does_something_and_the_defaults_of_a_preset(help_of):
    text = help_of("train", "--preset", "zaremba-small")
    words = " ".join(text.split())
    assert "Only with --averaging non-monotone. (default: 5)" in words
    assert "Only without --init-range" not in words  # attention has none, either
    assert "Momentum of --optimizer sgd. (default: 0.0)" in words
    assert "Units H per layer. (default: 200)" in words
    assert "usage: rnn-lm evaluate RUNS... [flags]" in help_of("evaluate")
    # The n-gram's own command has no models to choose.
    assert "--models" not in help_of("ngram")
    assert "Only with --models ngram." in " ".join(help_of("compare").split())


@pytest.mark.parametrize("command", ["train", "compare", "evaluate", "probe"])
def test_help_does_not_wait_for_torch(command):
    code = f"import sys; from rnn_lm.cli import main; main([{command!r}, '--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: rnn-lm {command}" in done.stdout
