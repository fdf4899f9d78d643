"""Files that version 0.1 wrote are read, scored and resumed by today's code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rnn_lm.cli import main
from rnn_lm.config import CorpusConfig
from rnn_lm.experiments.scores import POLICIES, Scores, score_model
from rnn_lm.models.storage import load_model
from rnn_lm.prepare import PreparedCorpus, prepare
from rnn_lm.progress import SilentProgress

GOLDEN = Path(__file__).parent / "golden" / "run-0.1"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
TRAINING = [
    "--corpus", "corpus", "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "8",
    "--hidden-size", "8", "--budget", "20steps", "--batch-size", "4", "--bptt-length", "6", "--validations", "4",
    "--softmax-samples", "10", "--dropout-output", "0.1",
]  # fmt: skip
NGRAM = ["--corpus", "corpus", "--tokens", "whitespace", "--order", "2"]


@pytest.fixture
def old(tmp_path, monkeypatch) -> Path:
    """A copy of the files, which name their corpus by a relative path, in the working directory."""
    folder = tmp_path / "old"
    shutil.copytree(GOLDEN, folder)
    monkeypatch.chdir(folder)
    return folder


def prepared() -> PreparedCorpus:
    return prepare(CorpusConfig(corpus=("corpus",), tokens="whitespace"), SilentProgress())


def perplexities(scores: Scores) -> dict[str, float]:
    return {f"{policy}.{split}": one.total.perplexity for (policy, split), one in scores.items()}


@pytest.mark.parametrize("name", ["lstm", "ngram"])
def test_models_of_version_0_1_are_loaded_and_scored(old, name):
    scores = score_model(old / name, load_model(old / name).model, prepared(), SilentProgress(), POLICIES)
    assert perplexities(scores) == pytest.approx(EXPECTED[name], rel=1e-5)


def test_a_run_of_version_0_1_is_resumed_to_what_it_would_have_come_to(old):
    assert main(["train", "--out", "lstm", "--resume", *TRAINING]) == 0
    scores = score_model(old / "lstm", load_model(old / "lstm").model, prepared(), SilentProgress(), POLICIES)
    assert perplexities(scores) == pytest.approx(EXPECTED["whole"], rel=1e-4)


def test_an_ngram_of_version_0_1_is_taken_up(old):
    assert main(["ngram", "--out", "ngram", "--resume", *NGRAM]) == 0
    scores = score_model(old / "ngram", load_model(old / "ngram").model, prepared(), SilentProgress(), POLICIES)
    assert perplexities(scores) == pytest.approx(EXPECTED["ngram"], rel=1e-9)
