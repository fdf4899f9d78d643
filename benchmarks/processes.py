"""Speed of data-parallel training: one process with every core against two that share them.

    python benchmarks/processes.py [--turns 3] [--steps 60] [--json FILE]

Whole runs of ``rnn-lm train`` on the packaged corpus, taking turns; tokens per second come from their logs, from the
eleventh step on, so that starting up is not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from machine import write_results

WARM_UP = 10
CASES = {
    "1 process": [],
    "2 processes": ["--processes", "2"],
    "1 process, bfloat16 products": ["--precision", "bf16-mixed"],
}
SETTINGS = ["--embedding", "random", "--batch-size", "64", "--device", "cpu", "--validations", "1"]


def tokens_per_second(flags: list[str], steps: int) -> float:
    """Of one run, by its log."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "rnn_lm", "train", *SETTINGS, *flags, "--out", str(out)]
        subprocess.run([*command, "--budget", f"{steps}steps"], check=True, stdout=subprocess.DEVNULL)
        records = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    made = [record for record in records if record["record"] == "step"]
    first, last = made[WARM_UP], made[-1]
    return (last["tokens"] - first["tokens"]) / (last["seconds"] - first["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of data-parallel training.")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    speeds: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(arguments.turns):
        for name, flags in CASES.items():
            speeds[name].append(tokens_per_second(flags, arguments.steps))
    results = {}
    for name, found in speeds.items():
        ratios = [own / base for own, base in zip(found, speeds["1 process"], strict=True)]
        results[name] = {
            "tokens_per_second": median(found),
            "against_one": {"median": median(ratios), "low": min(ratios), "high": max(ratios)},
        }
        print(
            f"{name:<30} {median(found):>9,.0f} tokens/s  {median(ratios):.2f}x [{min(ratios):.2f}, {max(ratios):.2f}]"
        )
    if arguments.json:
        write_results(arguments.json, {"cases": results})


if __name__ == "__main__":
    main()
