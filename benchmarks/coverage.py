"""How often intervals hold the truth, and how often a test finds a difference that is not there.

Every kind of interval that is printed is simulated where the truth is known, by the code that the commands use, and
beside it the percentile bootstrap over blocks of 20 sentences, which was used before.

    python benchmarks/coverage.py --json benchmarks/results/coverage.json

What is simulated:

- two equally good models: per-sentence differences of NLL per token with heavy tails (Student's t, 3 degrees),
  sentences of 1 to 100 tokens, which hang together as ``simulate.py`` says;
- one model's perplexity, whose NLL is skewed and shares topics as well; systems of 2, 3 and 5 seeds that differ by
  nothing but their seeds; tokens of a rare kind (one in fifty); the difference of two gains; a gain that grows along
  the text; differences by the word (``coverage_texts.py``);
- shares of right answers near 100 %, half-lives and differences between networks; slopes of gradients and Lyapunov
  exponents, from positions that overlap in short texts; bits recalled (``coverage_instruments.py``).
"""

from __future__ import annotations

import argparse
import datetime
import platform
from pathlib import Path
from typing import Any

import numpy as np

from coverage_instruments import exponents, half_lives, probe_claims, recalled, shares, slopes
from coverage_texts import adapting, by_sentence, kinds_of_token, perplexity, seeds
from rnn_lm.files import write_json
from simulate import false_positives

LENGTHS = (21, 40, 60, 80, 120, 200, 400, 1000, 4000)
"""Sentences of the texts."""
KINDS = ("independent", "topics", "neighbors")
BEFORE_TRIALS = 500
"""Of the earlier method, which is slow and misses by far; with topics alone."""
GRADIENT_TEXTS = (2000, 5000, 10000, 46000)
"""Tokens."""


def everything(random: np.random.Generator, trials: int) -> dict[str, Any]:
    """All simulations; ``trials`` of each test, a quarter of everything else, which is slower."""
    some = max(trials // 4, 1)
    before = {"topics": min(BEFORE_TRIALS, trials)}
    return {
        "tests": [false_positives(random, n, kind, trials, before.get(kind, 0)) for n in LENGTHS for kind in KINDS],
        "intervals": [
            *(perplexity(random, n, some) for n in (40, 100, 400)),
            *(seeds(random, count, spread, some) for count in (2, 3, 5) for spread in (0.0, 0.01, 0.1)),
            *(row for n in (60, 200, 800) for row in kinds_of_token(random, n, some)),
            *(adapting(random, n, some) for n in (60, 400)),
            *(by_sentence(random, n, some) for n in (60, 400)),
            *(shares(random, count, share, some) for count in (1, 2, 3, 5) for share in (0.999, 0.98, 0.8)),
            *(half_lives(random, count, some) for count in (2, 3, 5)),
            *(row for count in (1, 2, 3, 5) for row in probe_claims(random, count, some)),
            *(slopes(random, tokens, some) for tokens in GRADIENT_TEXTS),
            *(exponents(random, tokens, some) for tokens in GRADIENT_TEXTS),
            recalled(random, some),
        ],
    }


def _before(row: dict[str, Any]) -> str:
    if row["before_at_5"] is None:
        return ""
    return f"; before {row['before_at_5']:6.1%}, {row['before_at_1']:6.1%}"


def main() -> None:
    """Simulate, print and keep."""
    parser = argparse.ArgumentParser(description="Simulate the coverage of every interval that is printed.")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    found = everything(np.random.default_rng(arguments.seed), arguments.trials)
    for row in found["tests"]:
        print(
            f"{row['sentences']:5d} sentences, {row['kind']:12} {row['units']:3d} units: "
            f"{row['at_5']:6.1%} at 5 %, {row['at_1']:6.1%} at 1 %{_before(row)}"
            + ("" if row["tested"] else "  (not tested)")
        )
    for row in found["intervals"]:
        print(f"{row['figure']:72} {row['coverage'] or 0:6.1%}  without: {row['without']} of {row['trials']}")
    if arguments.json:
        made = {
            "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "seed": arguments.seed,
        }
        write_json(arguments.json, {"made": made, **found})


if __name__ == "__main__":
    main()
