"""A corpus of a few hundred simple sentences, and a sweep over it that takes a second or two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_lm.cli import main
from rnn_lm.config import EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.sweep.configs import RunConfigs

SMALL = [
    "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "8", "--hidden-size", "8",
    "--budget", "12steps", "--batch-size", "4", "--bptt-length", "6", "--validations", "4", "--softmax-samples", "20",
]  # fmt: skip
SPACE = ["--space", "learning-rate=1e-5..0.3:log", "cell=gru,rnn", "hidden-size=4..12:4"]


@pytest.fixture(autouse=True)
def _single_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """A folder with train, valid and test."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = [
        f"{subject} {verb} {thing} {rest}".strip()
        for rest in ["", "today", "at home"]
        for subject in ["the cat", "a dog", "my son"]
        for verb in ["sees", "likes", "has"]
        for thing in ["it", "fish", "me"]
    ]
    for name, part in [("train", lines * 3), ("valid", lines[::5]), ("test", lines[::7])]:
        (folder / f"{name}.txt").write_text("\n".join(part) + "\n")
    return folder


@pytest.fixture
def arguments(tiny_corpus, tmp_path) -> list[str]:
    """A small sweep's command line, into ``tmp_path / "sweep"``."""
    return ["sweep", "--corpus", str(tiny_corpus), "--out", str(tmp_path / "sweep"), *SMALL, *SPACE]


@pytest.fixture
def configs() -> RunConfigs:
    return RunConfigs(EmbeddingConfig(), ModelConfig(), TrainingConfig())


def results_of(arguments: list[str]) -> dict[str, Any]:
    """Run a command and read the results that it wrote."""
    assert main(arguments) == 0
    return read_results(arguments)


def read_results(arguments: list[str]) -> dict[str, Any]:
    out = Path(arguments[arguments.index("--out") + 1])
    return json.loads((out / "results.json").read_text())["sweep"]


def found(sweep: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What trials that count came to, without numbers and times, which differ between runs."""
    counted = [trial for trial in sweep["trials"] if trial["state"] in ("complete", "pruned", "diverged")]
    return [(trial["state"], trial["params"], trial["curve"]) for trial in counted]
