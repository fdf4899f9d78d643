"""Put perplexities at equal parameters and equal time into docs/recurrences.md.

    rnn-lm compare --models ngram lstm ... --seeds 3 --budget 60s --parts --out runs/recurrences
    rnn-lm compare --corpus ptb --data-dir FOLDER ... --out runs/recurrences-ptb
    python docs/update_recurrences.py runs/recurrences runs/recurrences-ptb

A table per run, in rising order of test perplexity under the policy "stream": with sizes, steps and tokens trained on
in the time (means over seeds) and every seed's perplexity.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any

from markers import put, require
from update_tables import provenance

from rnn_lm.files import read_json, write_atomically

PAGE = Path(__file__).parent / "recurrences.md"
MARKER = "perplexity"
HEAD = ("Model", "Layers, units", "Parameters", "Steps", "Tokens/s", "Test perplexity", "95% interval", "Each seed")


def rows_of(found: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each model, the best one first."""
    yield HEAD
    yield ("---", "---", *["---:"] * 5, "---")
    for model in sorted(found["models"], key=lambda model: _test(model)["perplexity"]):
        test, settings = _test(model), model["settings"]
        trained = [curve["points"][-1] for curve in model["curves"]]
        sizes = f"{settings['layers']} x {settings['hidden_size']}" if trained else f"{settings['order']}-gram"
        yield (
            model["label"],
            sizes,
            f"{model['parameters']:,}",
            f"{mean(point['step'] for point in trained):,.0f}" if trained else "",
            f"{mean(point['tokens'] / point['seconds'] for point in trained):,.0f}" if trained else "",
            f"{test['perplexity']:.1f}",
            f"{test['low']:.1f} to {test['high']:.1f}",
            ", ".join(f"{value:.1f}" for value in test["per_seed"]),
        )


def _test(model: dict[str, Any]) -> dict[str, Any]:
    return model["perplexity"]["stream"]["test"]


def main() -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description="Put perplexities of many cells into docs/recurrences.md.")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of rnn-lm compare")
    parts = []
    for run in parser.parse_args().runs:
        found = read_json(run / "results.json")
        table = "\n".join(f"| {' | '.join(row)} |" for row in rows_of(found))
        parts.append(f"**{found['corpus']['name']}**\n\n{table}\n\n{provenance(found)}")
    page = PAGE.read_text(encoding="utf-8")
    require(page, MARKER, PAGE)
    write_atomically(PAGE, put(page, MARKER, "\n\n".join(parts)))


if __name__ == "__main__":
    main()
