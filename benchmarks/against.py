"""Speed of this code against that of an earlier commit, so that a change of structure cannot cost what nobody sees.

    python benchmarks/against.py [--commit 197bc05] [--turns 9] [--json FILE]

Each version runs in a process of its own, the earlier one from its files as git has them. The two take turns, case by
case, and only the ratio of a turn is kept: above 1, this code is faster. The steps are those of ``rnn-lm train`` at
the demo's sizes, the rest is its scoring and writing.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from statistics import median
from typing import IO

from machine import write_results

REPOSITORY = Path(__file__).resolve().parents[1]
BEFORE = "197bc05"
"""The commit before the first move."""
CASES = (
    "step, rnn", "step, gru", "step, lstm", "step, lstm, exact softmax", "evaluate, stream", "evaluate, sentence",
    "generate",
)  # fmt: skip

WORKER = """
import json, sys, time
import torch
from rnn_lm.config import GenerationConfig, ModelConfig, TrainingConfig
from rnn_lm.evaluation.generation import generate
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.memory import keep_freed_memory
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.training.trainer import Trainer, TrainingData
from rnn_lm.vocabulary import Vocabulary

keep_freed_memory()
V, E, SIZES = 8_000, 300, {"rnn": 601, "gru": 329, "lstm": 300}

def text(length, seed):
    weights = 1 / torch.arange(1.0, V + 1)
    ids = torch.multinomial(weights, length, replacement=True, generator=torch.Generator().manual_seed(seed))
    ids[24::25] = 1
    ids[-1] = 1
    return EncodedText(ids, 1, 5 * length)

def model_of(cell):
    return RecurrentLanguageModel(V, E, ModelConfig(cell=cell, hidden_size=SIZES[cell]), generator(1, "initialization"))

def case(name):
    kind, *rest = name.split(", ")
    if kind == "step":
        train = text(200_000, 1)
        data = TrainingData(train, text(2_000, 2), torch.bincount(train.ids_n, minlength=V))
        softmax = "exact" if len(rest) > 1 else "sampled"
        config = TrainingConfig(budget="1000000steps", schedule="constant", warmup=0.0, softmax=softmax)
        trainer = Trainer(model_of(rest[0]), data, config, None, SilentProgress())
        return lambda: [trainer.step() for _ in range(10)]
    if kind == "evaluate":
        model, scored = model_of("lstm"), text(30_000, 3)
        return lambda: score_text(model, scored, rest[0])
    model, words = model_of("lstm"), Vocabulary(["<unk>", "<eos>", *map(str, range(V - 2))], [1] * V)
    return lambda: list(generate(model, [], GenerationConfig(length=1500), words))

ready = {}
for line in sys.stdin:
    name = json.loads(line)
    if name not in ready:
        ready[name] = case(name)
        ready[name]()
    started = time.perf_counter()
    ready[name]()
    print(json.dumps(time.perf_counter() - started), flush=True)
"""
"""What both versions are asked, in names that both have."""


def files_of(commit: str, folder: Path) -> Path:
    """Put ``src/`` of a commit into ``folder``; returns where Python finds the package."""
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


class Worker:
    """A process in which one version of the code is timed."""

    def __init__(self, source: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(source)}
        command = [sys.executable, "-c", WORKER]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def seconds(self, case: str) -> float:
        """Time one turn of a case."""
        asked, answered = _open(self.process.stdin), _open(self.process.stdout)
        asked.write(json.dumps(case) + "\n")
        asked.flush()
        return json.loads(answered.readline())

    def close(self) -> None:
        """End the process."""
        _open(self.process.stdin).close()
        self.process.wait()


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def ratios(commit: str, turns: int) -> dict[str, list[float]]:
    """How many times faster this code is than ``commit``'s, turn by turn, for each case."""
    with tempfile.TemporaryDirectory() as folder:
        before, now = Worker(files_of(commit, Path(folder))), Worker(REPOSITORY / "src")
        found: dict[str, list[float]] = {case: [] for case in CASES}
        for turn in range(turns):
            for case in CASES:
                # Who goes first changes from turn to turn.
                order = (before, now) if turn % 2 else (now, before)
                times = {worker: worker.seconds(case) for worker in order}
                found[case].append(times[before] / times[now])
        for worker in (before, now):
            worker.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of this code against an earlier commit's.")
    parser.add_argument("--commit", default=BEFORE)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = ratios(arguments.commit, arguments.turns)
    for case, values in found.items():
        low, middle, high = min(values), median(values), max(values)
        print(f"{case:<26} {middle:5.2f}x the speed of {arguments.commit} [{low:.2f}, {high:.2f}]")
    if arguments.json:
        rows = {case: {"median": median(one), "low": min(one), "high": max(one)} for case, one in found.items()}
        write_results(arguments.json, {"commit": arguments.commit, "turns": arguments.turns, "ratio": rows})


if __name__ == "__main__":
    main()
