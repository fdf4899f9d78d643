"""Peak memory of corpora of growing size: tokenizing them, training on them, scoring some of them.

    python benchmarks/corpus_memory.py [--json FILE] [--tokens 1000000 10000000 100000000]

The text is generated: words by Zipf's law, a sentence a line. Each job is a command of ``rnn-lm`` in a process of its
own, watched from outside while it runs. *Private* is the memory that the operating system could get back only by ending
the process (``RssAnon``); *resident* adds the pages of mapped files, which it can take back at any time (``VmHWM``).
Worker processes are summed, the main process is given on its own. Linux alone says so much of a process.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from machine import write_results

WORDS, PER_LINE, LINES_AT_A_TIME = 200_000, 20, 50_000
HELD_OUT = 20_000
"""Tokens of valid and of test, about, however long the text."""
SETTINGS = ("--max-vocabulary", "20000", "--embedding", "random", "--embedding-size", "64", "--hidden-size", "64")
STEPS = 300


def write_text(path: Path, tokens: int) -> None:
    """Lines of words whose frequencies follow Zipf's law."""
    source = np.random.default_rng(1)
    share_w = 1 / (np.arange(WORDS) + 2.7)
    cumulative_w = np.cumsum(share_w / share_w.sum())
    words = np.array([f"w{index:x}" for index in range(WORDS)], dtype=object)
    lines = tokens // (PER_LINE + 1)  # each ends with <eos>, which counts
    with path.open("w", encoding="utf-8") as file:
        for first in range(0, lines, LINES_AT_A_TIME):
            count = min(LINES_AT_A_TIME, lines - first)
            drawn = words[np.searchsorted(cumulative_w, source.random((count, PER_LINE))).clip(max=WORDS - 1)]
            file.writelines(" ".join(line) + "\n" for line in drawn)


def processes_of(root: int) -> Iterator[int]:
    """``root`` and all that it started."""
    yield root
    try:
        children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from processes_of(int(child))


def memory_of(process: int) -> dict[str, float]:
    """Memory by its name in ``/proc/PID/status``, in MB; nothing of a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines if line.startswith(("RssAnon", "RssFile", "VmHWM")))
    return {name.rstrip(":"): int(value) / 1024 for name, value, *_ in pairs}


def watched(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run a command; its seconds and peaks in MB."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peaks = {"private_mb": 0.0, "resident_mb": 0.0, "workers_private_mb": 0.0}
    while process.poll() is None:
        found = {one: memory_of(one) for one in processes_of(process.pid)}
        main = found.pop(process.pid)
        now = {
            "private_mb": main.get("RssAnon", 0.0),
            "resident_mb": main.get("VmHWM", 0.0),
            "workers_private_mb": sum(worker.get("RssAnon", 0.0) for worker in found.values()),
        }
        peaks = {name: max(peaks[name], now[name]) for name in peaks}
        time.sleep(0.05)
    output = process.stdout.read() if process.stdout else ""
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{output}")
    found = {"seconds": time.monotonic() - started, **peaks}
    return {name: round(value, 1) for name, value in found.items()}


def measure(tokens: int, folder: Path) -> dict[str, object]:
    """All jobs on one text."""
    text, run, cache = folder / "text.txt", folder / "run", folder / "cache"
    write_text(text, tokens)
    # Small texts too go through the store here, and each size is made afresh.
    held_out = min(HELD_OUT / tokens, 0.05)
    corpus = ["--corpus", str(text), "--split", f"{1 - 2 * held_out:.9f}", f"{held_out:.9f}", f"{held_out:.9f}"]
    environment = {**os.environ, "RNN_LM_CACHE": str(cache)}
    program = [sys.executable, "-m", "rnn_lm"]
    train = [*program, "train", *corpus, *SETTINGS, "--out", str(run)]
    jobs = {
        "tokenize": [*train, "--budget", "1steps"],
        "train": [*train, "--budget", f"{STEPS}steps"],
        "evaluate": [*program, "evaluate", str(run)],
    }
    found: dict[str, object] = {"text_mb": round(text.stat().st_size / 1e6, 1)}
    for name, command in jobs.items():
        if name == "train":
            shutil.rmtree(run)
        found[name] = watched(command, environment)
        print(f"{tokens:>13,} tokens  {name:<9} {found[name]}", flush=True)
    kept = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    found["kept_mb"] = round(kept / 1e6, 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of corpora of growing size.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--tokens", type=int, nargs="+", default=[10**6, 10**7, 10**8])
    arguments = parser.parse_args()
    results = {"processors": len(os.sched_getaffinity(0)), "steps": STEPS, "sizes": {}}
    for tokens in arguments.tokens:
        with tempfile.TemporaryDirectory() as folder:
            results["sizes"][str(tokens)] = measure(tokens, Path(folder))
    if arguments.json:
        write_results(arguments.json, results)


if __name__ == "__main__":
    main()
