"""Speed of exact evaluation and of generation, against the peer's.

    python benchmarks/inference.py [--turns 7] [--json FILE]

Same model (LSTM 2 x 200, 10,000 words) and same text for both. The peer evaluates ten columns side by side, each from a
cold start, and drops the tail; ours scores every token once under the policy that the row names.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

import peer
from rnn_lm.config import GenerationConfig, ModelConfig
from rnn_lm.evaluation.generation import generate
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.files import write_json
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from text import EOS, zipfian
from timing import interleaved

V = 10_000
EVALUATED, GENERATED = 20_000, 200


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of evaluation and generation.")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    text, other = zipfian(EVALUATED, V), peer.Peer(V)
    config = ModelConfig(cell="lstm", hidden_size=peer.SIZE, layers=peer.LAYERS)
    ours = RecurrentLanguageModel(V, peer.SIZE, config, generator(1, "initialization"))
    words: Any = SimpleNamespace(eos_id=EOS, unk_id=0)

    def write(**settings: Any) -> None:
        for _ in generate(ours, [], GenerationConfig(length=GENERATED, **settings), words):
            pass

    evaluation = interleaved(
        {
            "peer": lambda: peer.evaluate(other, text.ids_n),
            "stream": lambda: score_text(ours, text, "stream"),
            "sentence": lambda: score_text(ours, text, "sentence"),
        },
        arguments.turns,
    )
    generation = interleaved(
        {
            "peer": lambda: peer.generate(other, GENERATED),
            "sampled from all": write,
            "top-k 40": lambda: write(top_k=40),
            "top-p 0.9": lambda: write(top_p=0.9),
        },
        arguments.turns,
    )
    results: dict[str, Any] = {"threads": torch.get_num_threads()}
    for name, timings, count in (("evaluation", evaluation, EVALUATED), ("generation", generation, GENERATED)):
        results[name] = {
            case: {
                "tokens_per_second": count / timings.median(case),
                "against_peer": timings.ratio("peer", case),
                "noise": timings.noise(case),
            }
            for case in timings.seconds
        }
        for case, row in results[name].items():
            ratio = row["against_peer"]
            print(
                f"{name}, {case:<17} {row['tokens_per_second']:>8,.0f} tokens/s  {ratio['median']:5.2f}x the peer "
                f"[{ratio['low']:.2f}, {ratio['high']:.2f}]  noise {row['noise']:.0%}"
            )
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
