"""Fill in docs/devices.md: a run of two processes one of which is killed, and the tables of speeds.

    python docs/update_devices.py --data-dir path/to/ptb        the run
    python docs/update_devices.py --speeds benchmarks/results/processes.json --gpu benchmarks/results/device.json

The killed run is a real one, on Penn Treebank; what it prints is what the page shows, progress lines left out.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from markers import put

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from rnn_lm.files import write_atomically
from tables import made_by, markdown, times  # pyright: ignore[reportMissingImports]

PAGE = Path(__file__).parent / "devices.md"
STEPS_BEFORE_THE_KILL = 200


def transcript(data_dir: str) -> str:
    """Two processes, the second killed; then the same command with ``--resume`` and one process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "two"
        command = ["train", "--corpus", "ptb", "--data-dir", data_dir, "--embedding", "random", "--budget", "400steps"]
        command += ["--checkpoint-seconds", "5", "--out", str(out)]

        def shown(text: str, *more: str) -> str:
            words = " ".join(["$ rnn-lm", *command, *more])
            lines = [line for line in text.splitlines() if line and "\u2501" not in line and "\u254c" not in line]
            found = "\n".join([words, *lines])
            return found.replace(str(out), "runs/two").replace(data_dir, "path/to/ptb")

        run = [sys.executable, "-m", "rnn_lm", *command]
        process = subprocess.Popen(
            [*run, "--processes", "2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        log = out / "training.jsonl"
        while not (out / "last.safetensors").exists() or log.read_text().count("\n") < STEPS_BEFORE_THE_KILL:
            time.sleep(0.2)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        ranks = [pid for pid in children if b"--multiprocessing-fork" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(int(ranks[1]), signal.SIGKILL)
        said, _ = process.communicate()
        resumed = subprocess.run([*run, "--resume"], capture_output=True, text=True, check=True)
        killed = f"{shown(said, '--processes 2')}\n$ echo $?\n{process.returncode}"
        return f"```\n{killed}\n{shown(resumed.stdout + resumed.stderr, '--resume')}\n```"


def speeds(path: Path) -> str:
    """The table of ``benchmarks/processes.py``, and on what it was measured."""
    found = json.loads(path.read_text())
    rows = [
        [name, f"{row['tokens_per_second']:,.0f}", times(row["against_one"])] for name, row in found["cases"].items()
    ]
    table = markdown(["", "tokens/s", "against one process"], rows)
    return f"{table}\n\n{made_by('processes', found['made'])}"


def gpu_speeds(path: Path) -> str:
    """The table of ``benchmarks/device.py``, and on what it was measured."""
    found = json.loads(path.read_text())
    lines = [
        "| model | precision | batch | cell, softmax | tokens/s | bare LSTM layers | against them | device works |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found["rows"]:
        precision = {"bf16-mixed": "bfloat16", "32-true": "float32"}[row["precision"]]
        busy = "" if row["busy"] is None else f"{min(row['busy'], 1.0):.0%}"
        lines.append(
            f"| {row['name']} | {precision} | {row['batch']} | {row['cell']}, {row['softmax']} | "
            f"{row['tokens_per_second']:,.0f} | {row['bare_tokens_per_second']:,.0f} | "
            f"{times(row['against_cudnn'])} | {busy} |"
        )
    return "\n".join([*lines, "", f"{found['device']}, torch {found['torch']}, {found['date']}."])


def adapted(path: Path) -> str:
    """The table of what ``rnn-lm evaluate --adapt-results`` has written of one model."""
    (model,) = json.loads(path.read_text())["models"]
    lines = [
        "| policy `stream` | test perplexity | 95% interval | ratio to static |",
        "| --- | ---: | ---: | ---: |",
        "| static | {perplexity:.2f} | {low:.2f} to {high:.2f} | |".format(**model["static"]),
    ]
    for row in model["adapted"]:
        ratio = "{ratio:.3f} [{ratio_low:.3f}, {ratio_high:.3f}]".format(**row)
        lines.append("| {label} | {perplexity:.2f} | {low:.2f} to {high:.2f} |".format(**row) + f" {ratio} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill in docs/devices.md.")
    parser.add_argument("--data-dir", help="folder with Penn Treebank; without it the transcript stays")
    parser.add_argument("--speeds", type=Path, help="what benchmarks/processes.py has written")
    parser.add_argument("--gpu", type=Path, help="what benchmarks/device.py has written")
    parser.add_argument("--adapted", type=Path, help="what evaluate --adapt-results has written of the GPU model")
    arguments = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    if arguments.data_dir:
        page = put(page, "transcript", transcript(arguments.data_dir))
    if arguments.speeds:
        page = put(page, "processes", speeds(arguments.speeds))
    if arguments.gpu:
        page = put(page, "gpu", gpu_speeds(arguments.gpu))
    if arguments.adapted:
        page = put(page, "adapted", adapted(arguments.adapted))
    write_atomically(PAGE, page)


if __name__ == "__main__":
    main()
