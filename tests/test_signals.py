"""SIGTERM and SIGHUP stop a command as Ctrl-C does; an ignored signal stays ignored; a second one stops at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnn_lm.training.interrupt import Interrupt, Stopped, stop_signals, stopping

SETTINGS = """
    --tokens whitespace --embedding random --embedding-size 8 --hidden-size 8 --batch-size 2 --bptt-length 4
    --softmax-samples 10 --budget 200000steps --validations 2 --checkpoint-seconds 1000
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    corpus = tmp_path / "text.txt"
    corpus.write_text("the cat sat on the mat\na dog ran to the big red barn\n" * 60)
    arguments = ["train", "--corpus", str(corpus), "--out", str(tmp_path / "out"), *SETTINGS.split()]
    return [sys.executable, "-m", "rnn_lm", *arguments]


def training(command: list[str], **options) -> subprocess.Popen[str]:
    """The command, once it trains."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    folder = Path(command[command.index("--out") + 1])
    deadline = time.monotonic() + 90
    while not (folder / "training.jsonl").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_wish_is_heard_in_the_loop_and_raised_elsewhere(number):
    with stopping():
        with pytest.raises(Stopped) as stopped:
            os.kill(os.getpid(), number)
        assert stopped.value.number == number
        with Interrupt() as interrupt:
            assert not interrupt.asked
            os.kill(os.getpid(), number)
            assert interrupt.number == number
            with pytest.raises(Stopped):
                os.kill(os.getpid(), number)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in stop_signals()
        with stopping():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("processes", [(), ("--processes", "2")])
def test_a_signal_ends_training_with_a_checkpoint(command, tmp_path, number, processes):
    process = training([*command, *processes])
    time.sleep(1)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert said.strip().splitlines()[-1] == (
        "rnn-lm: stopped; what is finished is kept, and --resume goes on from there"
    )
    assert (tmp_path / "out" / "last.safetensors").exists()


@pytest.mark.slow
def test_nohup_trains_on_after_the_terminal_has_gone(command):
    process = training(command, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("job", ["probe", "word2vec"])
def test_a_signal_outside_the_loop_ends_a_command_at_once(command, tmp_path, job):
    commands = {
        "probe": [*command[:3], "probe", "--out", str(tmp_path / "out"), "--workers", "2"],
        "word2vec": [
            *command[:3], "embed", *command[4:6], "--tokens", "whitespace", "--embedding-epochs", "10000",
            "--negatives", "1000",
        ],
    }  # fmt: skip
    process = subprocess.Popen(commands[job], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(15)
    assert process.poll() is None, process.communicate()
    process.terminate()
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert said.strip().splitlines()[-1].startswith("rnn-lm: stopped")
    assert "Traceback" not in said
