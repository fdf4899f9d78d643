"""Every registered model goes through a comparison to its report; a new one needs an entry nowhere else."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from rnn_lm.cli import main
from rnn_lm.models.families import model_names

WORDS = [f"w{i}" for i in range(40)]


@pytest.mark.slow
def test_all_models_train_score_and_are_reported(tmp_path: Path) -> None:
    draw = random.Random(1)
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name, count in (("train", 300), ("valid", 100), ("test", 400)):
        lines = (" ".join(draw.choices(WORDS, weights=range(1, 41), k=6)) for _ in range(count))
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    sizes = ["--embedding", "random", "--embedding-size", "8", "--hidden-size", "8", "--batch-size", "4"]
    short = ["--budget", "3steps", "--bptt-length", "6", "--validations", "1", "--softmax-samples", "20", "--parts"]
    out = tmp_path / "out"
    command = ["compare", "--corpus", str(folder), "--tokens", "whitespace", "--out", str(out), *sizes, *short]
    assert main([*command, "--models", *model_names()]) == 0
    models = json.loads((out / "results.json").read_text(encoding="utf-8"))["models"]
    assert {model["name"] for model in models} == set(model_names())
    assert "Mogrifier" in (out / "report.html").read_text(encoding="utf-8")
