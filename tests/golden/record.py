"""The figures that must not move when code does: made through the command line alone, so that they outlive any layout.

    python tests/golden/record.py          writes figures.json anew: only where a figure is meant to change

Losses of training steps, perplexities of the n-gram and of a trained network, on a text drawn here.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

from rnn_lm.cli import main

FIGURES = Path(__file__).with_name("figures.json")
STEPS = 20
_COMMON = (
    "--tokens", "whitespace", "--embedding", "random", "--embedding-size", "24", "--hidden-size", "20",
    "--batch-size", "4", "--bptt-length", "10", "--budget", f"{STEPS}steps", "--validations", "2", "--seed", "3",
)  # fmt: skip
NETWORKS: dict[str, tuple[str, ...]] = {
    "rnn": ("--cell", "rnn", "--softmax", "exact"),
    "rnn-relu": ("--cell", "rnn-relu", "--softmax", "exact"),
    "gru": ("--cell", "gru", "--softmax", "exact"),
    "lstm": ("--cell", "lstm", "--softmax", "exact"),
    "lstm, sampled softmax": ("--cell", "lstm", "--softmax", "sampled", "--softmax-samples", "40"),
    "lstm, by hand": ("--cell", "lstm", "--softmax", "exact", "--engine", "hand"),
    "mogrifier": ("--cell", "mogrifier", "--softmax", "exact", "--mogrifier-rounds", "3", "--mogrifier-rank", "4"),
    "lstm, every dropout": (
        "--cell", "lstm", "--softmax", "exact", "--layers", "3", "--last-hidden-size", "24",
        "--dropout-embedding", "0.1", "--dropout-input", "0.2", "--dropout-between", "0.2", "--dropout-output", "0.2",
        "--dropout-recurrent", "0.2", "--activation-penalty", "2", "--temporal-penalty", "1", "--bptt-spread", "2",
    ),
    "gru, masks per step, sgd": (
        "--cell", "gru", "--softmax", "exact", "--layers", "2", "--no-tie-weights", "--dropout-input", "0.2",
        "--dropout-masks", "step", "--optimizer", "sgd", "--learning-rate", "1", "--schedule", "decay",
        "--init-range", "0.1", "--carry", "always", "--averaging", "non-monotone", "--averaging-window", "1",
    ),
    "lstm, adaptive softmax": (
        "--cell", "lstm", "--softmax", "adaptive", "--decoder", "adaptive", "--no-tie-weights",
    ),
}  # fmt: skip


def figures(folder: Path, corpus: tuple[str, ...] = ()) -> dict[str, Any]:
    """All of them, made in ``folder``."""
    text = folder / "text.txt"
    text.write_text(_text())
    networks = {}
    for number, (name, flags) in enumerate(NETWORKS.items()):
        out = folder / f"network-{number}"
        assert main(["train", "--corpus", str(text), "--out", str(out), *_COMMON, *flags, *corpus]) == 0
        networks[name] = _of_log(out / "training.jsonl")
    return {"networks": networks, "ngram": _of_ngram(folder, text)}


def _of_log(path: Path) -> dict[str, Any]:
    records = [json.loads(line) for line in path.read_text().splitlines()]
    steps = [record for record in records if "loss" in record]
    return {
        "loss": [record["loss"] for record in steps],
        "gradient": [record["norm_before"] for record in steps],
        "valid": [record["valid_nll"] for record in records if "valid_nll" in record],
    }


def _of_ngram(folder: Path, text: Path) -> dict[str, float]:
    from rnn_lm.evaluation.perplexity import score_text
    from rnn_lm.experiments.evaluate import splits_for
    from rnn_lm.models.storage import load_model
    from rnn_lm.progress import SilentProgress

    found = {}
    for order in ("2", "5"):
        out = folder / f"ngram-{order}"
        assert (
            main(["ngram", "--corpus", str(text), "--tokens", "whitespace", "--order", order, "--out", str(out)]) == 0
        )
        stored = load_model(out)
        (split,) = splits_for([stored], "test", None, SilentProgress())
        found[order] = score_text(stored.model, split.encoded(stored.vocabulary), "sentence").total.perplexity
    return found


def _text() -> str:
    """Sentences with some order in them: each word depends on the one before it."""
    drawn = random.Random(7)
    words = [f"w{number}" for number in range(60)]
    lines = []
    for _ in range(500):
        place, line = drawn.randrange(60), []
        for _ in range(drawn.randrange(2, 14)):
            line.append(words[place])
            place = (place * 7 + drawn.choice((1, 2, 3, 5, 31))) % 60
        lines.append(" ".join(line))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FIGURES.write_text(json.dumps(figures(Path(folder))) + "\n")
