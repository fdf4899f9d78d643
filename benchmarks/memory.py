"""Peak memory of training steps: ours against one that holds the logits of every position.

    python benchmarks/memory.py [--json FILE]

Each case runs in a process of its own, and its figure is the growth of the peak resident memory over what the process
had once model and text were there: what the steps themselves need.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from pathlib import Path

from machine import write_results

BATCH, STEPS = 128, 3
SIZES = (10_000, 100_000)
CASES = ("full logits", "exact", "sampled")


def megabytes() -> float:
    """Peak resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_case(case: str, vocabulary_size: int) -> float:
    """MB that a few training steps add to the peak."""
    from rnn_lm.config import ModelConfig
    from rnn_lm.memory import keep_freed_memory
    from training import DROPOUT, our_trainer, peer_training

    if case == "full logits":
        step = peer_training(BATCH, vocabulary_size).step
    else:
        keep_freed_memory()
        model = ModelConfig(cell="lstm", hidden_size=200, layers=2, **DROPOUT)
        descent = {"exact_share": float(case == "exact"), "optimizer": "sgd", "learning_rate": 1.0}
        step = our_trainer(model, vocabulary_size=vocabulary_size, softmax=case, batch_size=BATCH, **descent).step
    before = megabytes()
    for _ in range(STEPS):
        step()
    return megabytes() - before


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of training steps.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--case", choices=CASES, help="run one case here and print its MB")
    parser.add_argument("--vocabulary", type=int, default=SIZES[0])
    arguments = parser.parse_args()
    if arguments.case:
        print(run_case(arguments.case, arguments.vocabulary))
        return
    results: dict[str, dict[str, float]] = {}
    for size in SIZES:
        command = [sys.executable, __file__, "--vocabulary", str(size), "--case"]
        found = {
            case: float(subprocess.run([*command, case], check=True, capture_output=True, text=True).stdout)
            for case in CASES
        }
        results[str(size)] = found
        for case, value in found.items():
            print(f"V = {size:,}  {case:<12} {value:>7,.0f} MB  {found['full logits'] / value:5.1f}x less")
    if arguments.json:
        write_results(arguments.json, {"sizes": results})


if __name__ == "__main__":
    main()
