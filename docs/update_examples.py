"""Put the figures of the examples into docs/examples.md, from the files that they wrote with --out.

python docs/update_examples.py --chunks runs/examples/chunks-*.json --tags runs/examples/tags-*.json \
    --translation runs/examples/translation-*.json
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from markers import put, require

from rnn_lm.evaluation.student import critical
from rnn_lm.files import read_json, write_atomically
from rnn_lm.labels import label_of

PAGE = Path(__file__).parent / "examples.md"


def shown(values: Sequence[float], digits: int) -> str:
    """The mean over seeds, and its 95% interval by Student's t where there are three or more."""
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) < 3:
        return f"{mean} ({len(values)} seed{'s' if len(values) > 1 else ''})"
    half = critical(0.05, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean} ± {half:.{digits}f}"


def grouped(files: Iterable[Path], key: str) -> dict[Hashable, list[dict[str, Any]]]:
    """What the files hold, by one of its entries; each group in order of the seeds."""
    groups: dict[Hashable, list[dict[str, Any]]] = defaultdict(list)
    for figures in sorted((read_json(file) for file in files), key=lambda one: one["seed"]):
        groups[figures[key]].append(figures)
    return groups


def each(values: Iterable[float], digits: int) -> str:
    """Values one by one."""
    return ", ".join(f"{value:.{digits}f}" for value in values)


def minutes(runs: Sequence[dict[str, Any]]) -> str:
    """How long one run took, by the median."""
    return f"{statistics.median(run['seconds'] for run in runs) / 60:.0f}"


def tagging(files: Sequence[Path], what: str) -> str:
    """A row per cell."""
    groups = grouped(files, "cell")
    lines = [
        f"| cell | {what}, test, mean of seeds | seed by seed | valid | minutes of a run |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for cell in sorted(groups, key=("lstm", "gru", "rnn").index):  # pyright: ignore[reportArgumentType]
        runs = groups[cell]
        test, valid = ([run[split] for run in runs] for split in ("test", "valid"))
        lines.append(
            f"| {label_of(str(cell))} | {shown(test, 2)} | {each(test, 2)} | {statistics.mean(valid):.2f} "
            f"| {minutes(runs)} |"
        )
    return "\n".join(lines)


def translation(files: Sequence[Path]) -> str:
    """A row per length of the source, a column without and with attention, and what it adds seed by seed."""
    groups = grouped(files, "attention")
    without, attention = groups[False], groups[True]
    lines = [
        "| source | without attention | with attention | what attention adds |",
        "| --- | ---: | ---: | ---: |",
    ]
    for length in attention[0]["test"]:
        one, other = ({run["seed"]: run["test"][length] for run in runs} for runs in (without, attention))
        gains = [other[seed] - one[seed] for seed in one if seed in other]
        lines.append(
            f"| {length} | {shown(list(one.values()), 1)} | {shown(list(other.values()), 1)} | {shown(gains, 1)} |"
        )
    seeds = (
        f"Seed by seed, all lengths: without {each((run['test']['all'] for run in without), 1)}; with "
        f"{each((run['test']['all'] for run in attention), 1)}. Minutes of a run: {minutes(without)} and "
        f"{minutes(attention)}."
    )
    return "\n".join([*lines, "", seeds])


def main() -> None:
    """Fill the places of the page for which files are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("chunks", "tags", "translation"):
        parser.add_argument(f"--{name}", type=Path, nargs="+", default=[])
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    page = options.page.read_text(encoding="utf-8")
    tables = {
        "chunks": (options.chunks, lambda files: tagging(files, "F1 of chunks")),
        "tags": (options.tags, lambda files: tagging(files, "accuracy")),
        "translation": (options.translation, translation),
    }
    for name, (files, table) in tables.items():
        if files:
            require(page, name, options.page)
            page = put(page, name, table(files))
    write_atomically(options.page, page)


if __name__ == "__main__":
    main()
