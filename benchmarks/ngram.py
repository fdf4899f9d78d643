"""Perplexity and speed of the n-gram model on Penn Treebank, beside KenLM's.

    python benchmarks/ngram.py [--data FOLDER] [--orders 2 3 4 5] [--json FILE]

Prints the table of docs/ngram.md; ``--json`` keeps the same numbers. Seconds are processor time of one thread, which
does not depend on what else the machine is doing. Where ``kenlm`` is installed, the model of the highest order is
handed to it as an ARPA file and has to give the same perplexity there.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from machine import write_results
from rnn_lm.config import NgramConfig
from rnn_lm.files import read_text
from rnn_lm.models.arpa import read_arpa, write_arpa
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.stream import EncodedText
from rnn_lm.vocabulary import Vocabulary
from tables import ngram_table

T = TypeVar("T")

KENLM = {
    2: {"valid": 199.02, "test": 185.70, "train_seconds": 1.0},
    3: {"valid": 157.77, "test": 148.28, "train_seconds": 1.5},
    4: {"valid": 149.90, "test": 142.72, "train_seconds": 2.5},
    5: {"valid": 148.01, "test": 141.19, "train_seconds": 3.6},
}
"""Perplexities and seconds of lmplz, without pruning, on the same tokens."""


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """(result, seconds of processor time)."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def measure(order: int, texts: dict[str, EncodedText], vocabulary: Vocabulary) -> dict[str, Any]:
    """Train one order and score valid and test."""
    config = NgramConfig(order)
    model, train_seconds = timed(lambda: NgramLanguageModel.train(texts["train"], len(vocabulary), config))
    valid_n, _ = timed(lambda: model.nll(texts["valid"].ids_n))
    test_n, score_seconds = timed(lambda: model.nll(texts["test"].ids_n))
    return {
        "order": order,
        "valid": valid_n.mean().exp().item(),
        "test": test_n.mean().exp().item(),
        "train_seconds": train_seconds,
        "score_test_seconds": score_seconds,
        "step_milliseconds": step_milliseconds(model, texts["test"]),
        "ngrams": sum(model.ngram_counts),
        "kenlm": KENLM.get(order),
    }


def step_milliseconds(model: NgramLanguageModel, text: EncodedText, steps: int = 200) -> float:
    """Time of one generation step: the whole distribution after one more token."""
    state = model.initial_state(1)

    def read() -> None:
        nonlocal state
        for index in range(steps):
            _, state = model.step(text.ids_n[index : index + 1], state)

    _, seconds = timed(read)
    return 1000 * seconds / steps


def hand_over(
    order: int, texts: dict[str, EncodedText], vocabulary: Vocabulary, lines: list[list[str]]
) -> dict[str, float]:
    """Write ARPA, read it back, and have KenLM score test with it, where it is installed."""
    model = NgramLanguageModel.train(texts["train"], len(vocabulary), NgramConfig(order))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        _, write_seconds = timed(lambda: write_arpa(path, model, vocabulary.tokens))
        read, read_seconds = timed(lambda: read_arpa(path, vocabulary.tokens, vocabulary.eos_id))
        difference = (read.nll(texts["test"].ids_n) - model.nll(texts["test"].ids_n)).abs().max().item()
        return {
            "arpa_write_seconds": write_seconds,
            "arpa_read_seconds": read_seconds,
            "arpa_megabytes": path.stat().st_size / 1e6,
            "arpa_nll_difference": difference,
            **query_kenlm(path, lines, len(texts["test"])),
        }


def query_kenlm(path: Path, lines: list[list[str]], tokens: int) -> dict[str, float]:
    """What KenLM makes of an ARPA file, and in what time; empty where it is not installed."""
    try:
        import kenlm
    except ImportError:
        return {}
    config = kenlm.Config()
    config.show_progress = False
    model, load_seconds = timed(lambda: kenlm.LanguageModel(str(path), config))
    log10, seconds = timed(lambda: sum(model.score(" ".join(line)) for line in lines))
    return {
        "kenlm_load_seconds": load_seconds,
        "kenlm_score_test_seconds": seconds,
        "kenlm_test_perplexity": math.pow(10, -log10 / tokens),
    }


def main() -> None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "ptb"
    parser = argparse.ArgumentParser(description="Perplexity and speed of the n-gram model, beside KenLM's.")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RNN_LM_PTB", beside)))
    parser.add_argument("--orders", type=int, nargs="+", default=[2, 3, 4, 5])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    splits = {
        name: [line.split() for line in read_text(arguments.data / f"{name}.txt").splitlines()]
        for name in ("train", "valid", "test")
    }
    vocabulary = Vocabulary.build(splits["train"])
    texts = {name: vocabulary.encode_text(lines, characters=1) for name, lines in splits.items()}
    rows = [measure(order, texts, vocabulary) for order in arguments.orders]
    print(ngram_table(rows))
    exchange = hand_over(max(arguments.orders), texts, vocabulary, splits["test"])
    print()
    for name, value in exchange.items():
        print(f"{name.replace('_', ' ')}: {value:.4g}" if "perplexity" not in name else f"{name}: {value:.2f}")
    if arguments.json:
        write_results(arguments.json, {"orders": rows, "exchange": exchange})


if __name__ == "__main__":
    main()
