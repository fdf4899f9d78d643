"""Speed of exact evaluation and of generation, against the peer's.

    python benchmarks/inference.py [--turns 7] [--json FILE]

Same model (LSTM 2 x 200, 10,000 words) and same text for both. The peer evaluates ten columns side by side, each from a
cold start, and drops the tail; ours scores every token once under the policy that the row names.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

import peer
from machine import write_results
from rnn_lm.config import GenerationConfig, ModelConfig
from rnn_lm.evaluation.generation import generate
from rnn_lm.evaluation.perplexity import Policy, score_text
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary
from text import zipfian
from timing import Case, interleaved

V = 10_000
EVALUATED, GENERATED = 20_000, 200


def our_model() -> RecurrentLanguageModel:
    """The peer's model as ours."""
    config = ModelConfig(cell="lstm", hidden_size=peer.SIZE, layers=peer.LAYERS)
    return RecurrentLanguageModel(V, peer.SIZE, config, generator(1, "initialization"))


def peer_evaluation() -> Callable[[], object]:
    """The peer's way of evaluating."""
    return partial(peer.evaluate, peer.Peer(V), zipfian(EVALUATED, V).ids_n)


def our_evaluation(policy: Policy) -> Callable[[], object]:
    """Exact scores under a policy."""
    return partial(score_text, our_model(), zipfian(EVALUATED, V), policy)


def peer_generation() -> Callable[[], object]:
    """The peer's way of generating."""
    return partial(peer.generate, peer.Peer(V), GENERATED)


def our_generation(config: GenerationConfig) -> Callable[[], object]:
    """As ``rnn-lm generate`` does it, with nothing printed."""
    model, words = our_model(), Vocabulary(["<unk>", "<eos>", *map(str, range(V - 2))], [1] * V)
    return lambda: list(generate(model, [], config, words))


EVALUATION = {
    "peer": Case(peer_evaluation, "plain"),
    "stream": Case(partial(our_evaluation, "stream")),
    "sentence": Case(partial(our_evaluation, "sentence")),
}
GENERATION = {
    "peer": Case(peer_generation, "plain"),
    "sampled from all": Case(partial(our_generation, GenerationConfig(length=GENERATED))),
    "top-k 40": Case(partial(our_generation, GenerationConfig(length=GENERATED, top_k=40))),
    "greedy": Case(partial(our_generation, GenerationConfig(length=GENERATED, temperature=0.0))),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of evaluation and generation.")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    evaluation, generation = (interleaved(cases, arguments.turns) for cases in (EVALUATION, GENERATION))
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
        write_results(arguments.json, results)


if __name__ == "__main__":
    main()
