"""Several processes share a run: the same weights, and nothing is lost with one of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from rnn_lm.cli import INTERRUPTED, main
from rnn_lm.launch import RANK_LOST

TEXT = "the cat sat on the mat\na dog ran to the big red barn\nthe cats sit on mats , and so do dogs\n" * 60
# Descent by the gradient itself: AdamW divides it by its own size, which turns a rounding of 1e-9 into a step.
SETTINGS = """
    --embedding random --embedding-size 12 --hidden-size 16 --layers 2 --optimizer sgd --learning-rate 0.5
    --batch-size 5 --bptt-length 7 --dropout-input 0.2 --dropout-between 0.2 --dropout-recurrent 0.2
    --softmax-samples 10 --exact-share 0.5 --checkpoint-seconds 0.2 --validations 4
"""


def arguments(corpus: Path, out: Path, *more: str) -> list[str]:
    return ["train", "--corpus", str(corpus), "--out", str(out), *SETTINGS.split(), *more]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "rnn_lm", *command], capture_output=True, text=True, timeout=120)


def start(command: list[str], out: Path, steps: int) -> subprocess.Popen[str]:
    """The command under way, once it has logged ``steps`` and written a checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rnn_lm", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    log, last = out / "training.jsonl", out / "last.safetensors"
    deadline = time.monotonic() + 90
    while not (last.exists() and log.exists() and log.read_text().count("\n") >= steps):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def largest_difference(first: Path, second: Path) -> float:
    one, other = load_file(first / "last.safetensors"), load_file(second / "last.safetensors")
    assert one.keys() == other.keys()
    return max(float((one[name].double() - other[name].double()).abs().max()) for name in one)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_two_processes_give_the_weights_of_one(corpus: Path, tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    budget = ("--budget", "40steps")
    assert main(arguments(corpus, alone, *budget)) == 0
    done = run(arguments(corpus, shared, *budget, "--processes", "2"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained 40 steps") == 1  # one process speaks
    assert (shared / "training.jsonl").read_text().count('"step"') >= 40
    assert largest_difference(alone, shared) < 1e-6


@pytest.mark.slow
def test_a_cluster_of_words_that_one_process_alone_meets(tmp_path: Path) -> None:
    corpus, alone, shared = tmp_path / "text.txt", tmp_path / "alone", tmp_path / "shared"
    corpus.write_text("".join(f"the cat sat on the mat and the dog ran to w{line % 40}\n" for line in range(200)))
    adaptive = ("--decoder", "adaptive", "--softmax", "adaptive", "--no-tie-weights", "--batch-size", "2")
    budget = ("--budget", "30steps", "--bptt-length", "4")
    assert main(arguments(corpus, alone, *budget, *adaptive)) == 0
    done = run(arguments(corpus, shared, *budget, *adaptive, "--processes", "2"))
    assert done.returncode == 0, done.stderr
    assert largest_difference(alone, shared) < 1e-6


@pytest.mark.slow
def test_ctrl_c_keeps_everything_and_another_number_of_processes_goes_on(corpus: Path, tmp_path: Path) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    budget = ("--budget", "150steps", "--learning-rate", "0.1")
    process = start(arguments(corpus, broken, *budget, "--processes", "2"), broken, steps=20)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert said.strip().splitlines()[-1].startswith("rnn-lm: stopped")
    assert main(arguments(corpus, unbroken, *budget)) == 0
    assert main(arguments(corpus, broken, *budget, "--resume")) == 0
    assert largest_difference(unbroken, broken) < 1e-5


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run_with_one_line(corpus: Path, tmp_path: Path) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    budget = ("--budget", "400steps", "--learning-rate", "0.1")
    process = start(arguments(corpus, broken, *budget, "--processes", "2"), broken, steps=20)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("no /proc to find the processes in")
    ranks = [pid for pid in children.read_text().split() if b"--multiprocessing-fork" in cmdline(pid)]
    os.kill(int(ranks[-1]), signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == RANK_LOST
    assert said.startswith("rnn-lm: process 1 of 2 was ended by SIGKILL")
    assert said.count("\n") == 1
    assert not any(Path(f"/proc/{pid}").exists() for pid in ranks)
    done = run(arguments(corpus, broken, *budget, "--resume", "--processes", "2"))
    assert done.returncode == 0, done.stderr
    assert main(arguments(corpus, unbroken, *budget)) == 0
    assert largest_difference(unbroken, broken) < 1e-5


def cmdline(pid: str) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.slow
def test_what_every_process_refuses_is_said_once(corpus: Path, tmp_path: Path) -> None:
    done = run(arguments(corpus, tmp_path / "out", "--processes", "6"))
    assert done.returncode == 2
    assert done.stderr == "rnn-lm: --batch-size 5: fewer columns than the 6 processes that share them\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_torchrun_starts_the_processes_as_well(corpus: Path, tmp_path: Path) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    budget = ("--budget", "10steps")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rnn_lm"]
    done = subprocess.run(
        [*launcher, *arguments(corpus, shared, *budget)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert main(arguments(corpus, alone, *budget)) == 0
    assert largest_difference(alone, shared) < 1e-6
