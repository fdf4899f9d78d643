"""The NLL of 4,096 positions, as evaluation and validation compute it, beside torch's cross entropy.

    python benchmarks/nll.py [--turns 7] [--threads 1 2] [--json FILE]

Baseline: ``linear`` and ``cross_entropy``, 1,024 positions at a time, which is as fast as more at a time and needs less
memory. Ours fills rows of logits up so that each begins with a cache line; it is timed without that, too, and for sizes
that need none. Cases take turns.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from machine import write_results
from rnn_lm.layers import softmax
from timing import Case, interleaved

POSITIONS, CHUNK = 4096, 1024
SIZES = ((8_251, 300), (10_000, 300), (33_278, 400))
BASELINE, AS_THEY_LIE, OURS = "torch's cross entropy", "ours, rows as they lie", "ours"


def making(case: str, words: int, dimensions: int, threads: int) -> Any:
    """Returns what computes the NLL of all positions."""
    torch.set_num_threads(threads)
    source = torch.Generator().manual_seed(1)
    decoder = softmax.Decoder(
        torch.randn(words, dimensions, generator=source) / dimensions**0.5, torch.randn(words, generator=source)
    )
    output_nd = torch.randn(POSITIONS, dimensions, generator=source)
    target_n = torch.randint(words, (POSITIONS,), generator=source)

    def baseline() -> list[torch.Tensor]:
        with torch.inference_mode():
            return [
                functional.cross_entropy(functional.linear(output, *decoder), target, reduction="none")
                for output, target in zip(output_nd.split(CHUNK), target_n.split(CHUNK), strict=True)
            ]

    def ours(fewest: int) -> torch.Tensor:
        softmax.FEWEST_ALIGNED = fewest
        with torch.inference_mode():
            return softmax.nll(output_nd, decoder, target_n)

    usual = softmax.FEWEST_ALIGNED
    return {BASELINE: baseline, AS_THEY_LIE: partial(ours, POSITIONS + 1), OURS: partial(ours, usual)}[case]


def main() -> None:
    parser = argparse.ArgumentParser(description="The NLL of many positions.")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for threads in arguments.threads:
        for words, dimensions in SIZES:
            names = (BASELINE, AS_THEY_LIE, OURS)
            cases = {name: Case(partial(making, name, words, dimensions, threads)) for name in names}
            timings = interleaved(cases, arguments.turns)
            for name in names:
                row = {
                    "words": words,
                    "dimensions": dimensions,
                    "threads": threads,
                    "turns": arguments.turns,
                    "case": name,
                    "tokens_per_second": POSITIONS / timings.median(name),
                    "against_torch": timings.ratio(BASELINE, name),
                }
                rows.append(row)
                print(
                    f"{words:,} x {dimensions}, threads: {threads}, {name}: {row['tokens_per_second']:,.0f} tokens/s, "
                    f"{row['against_torch']['median']:.2f}x",
                    flush=True,
                )
    if arguments.json:
        write_results(arguments.json, {"rows": rows})


if __name__ == "__main__":
    main()
