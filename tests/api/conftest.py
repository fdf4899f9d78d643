"""A folder in which every example of a docstring runs: two texts, and three small runs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import rnn_lm

SIZES = {"hidden_size": 12, "embedding": "random", "embedding_size": 12, "progress": False}


def lines(count: int, seed: int) -> str:
    """Sentences that a small model learns something from."""
    drawn = random.Random(seed)
    who = ["the cat", "a dog", "my son", "the king", "the old man"]
    does = ["sees", "finds", "hears", "loves"]
    what = ["it", "fish", "me", "a horse", "the sea", "bread"]
    sentences = [f"{drawn.choice(who)} {drawn.choice(does)} {drawn.choice(what)} ." for _ in range(count)]
    return "\n".join(sentences) + "\n"


def furnish(folder: Path) -> Path:
    """Make the texts and the runs in ``folder``."""
    (folder / "my.txt").write_text(lines(1200, 3))
    (folder / "test.txt").write_text(lines(58, 4))
    text = str(folder / "my.txt")
    rnn_lm.train(text, cell="lstm", budget="20steps", validations=2, out=folder / "runs" / "tiny", **SIZES)
    rnn_lm.train_ngram(text, order=3, out=folder / "runs" / "kn", progress=False)
    small = {**SIZES, "hidden_size": 8, "embedding_size": 8, "budget": "4steps", "length": 5}
    rnn_lm.compare(text, models=["ngram", "rnn"], out=folder / "runs" / "both", **small)
    return folder


@pytest.fixture(scope="package")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, made once."""
    return furnish(tmp_path_factory.mktemp("api"))


@pytest.fixture
def house(furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, and the test is in it."""
    monkeypatch.chdir(furnished)
    return furnished
