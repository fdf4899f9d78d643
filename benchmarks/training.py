"""Speed of the training step: against the peer, and against the matrix products it is made of.

    python benchmarks/training.py [--turns 7] [--json FILE]

Every case does the same work per token as the peer (LSTM 2 x 200, tied, 10,000 words, dropout 0.2) unless it says
otherwise; times are per token, so that batches of different size can be compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

import peer
from bound import Shape, decoder_products, layer_products, multiply, operations
from machine import write_results
from rnn_lm.config import ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.layers.cells import CELLS, ENGINES, LSTMCell, TorchCell
from rnn_lm.memory import keep_freed_memory
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import start_runtime
from rnn_lm.seeding import generator
from rnn_lm.training.trainer import Trainer, TrainingData
from text import zipfian
from timing import Case, interleaved

V = 10_000
TOKENS = 400_000
TIMED_TOKENS = 14_000
"""Tokens that a case reads in one turn: 20 steps of the peer's."""
BEST_EXACT_BATCH, SAMPLED_BATCH = 128, 128
DROPOUT: dict[str, Any] = {
    "dropout_input": peer.DROPOUT,
    "dropout_between": peer.DROPOUT,
    "dropout_output": peer.DROPOUT,
}


def our_trainer(
    model: ModelConfig,
    embedding_size: int = peer.SIZE,
    vocabulary_size: int = V,
    precision: Any = "32-true",
    **settings: Any,
) -> Trainer:
    """The trainer as ``rnn-lm train`` runs it, its log kept in memory."""
    runtime = start_runtime(RuntimeConfig(device="cpu", precision=precision))
    text = zipfian(TOKENS, vocabulary_size)
    counts_v = torch.bincount(text.ids_n, minlength=vocabulary_size)
    data = TrainingData(text, zipfian(2_000, vocabulary_size, seed=2), counts_v)
    network = RecurrentLanguageModel(vocabulary_size, embedding_size, model, generator(1, "initialization"))
    defaults: dict[str, Any] = {"budget": "1000000steps", "bptt_length": peer.BPTT, "schedule": "constant", "warmup": 0}
    return Trainer(network, data, TrainingConfig(**{**defaults, **settings}), None, SilentProgress(), runtime=runtime)


def peer_training(batch: int = peer.BATCH, vocabulary_size: int = V) -> peer.PeerTraining:
    """The peer on the same text."""
    ids_n = zipfian(TOKENS, vocabulary_size).ids_n
    rows = len(ids_n) // batch
    return peer.PeerTraining(peer.Peer(vocabulary_size), ids_n[: rows * batch].view(batch, rows).t().contiguous())


def repeated(step: Callable[[], object], batch: int) -> Callable[[], None]:
    """``step`` as often as it takes to read ``TIMED_TOKENS`` tokens."""
    times = turns_of(batch)

    def run() -> None:
        for _ in range(times):
            step()

    return run


def turns_of(batch: int) -> int:
    """Steps at ``batch`` that read ``TIMED_TOKENS`` tokens, to the nearest."""
    return round(TIMED_TOKENS / batch / peer.BPTT)


def peer_steps() -> Callable[[], None]:
    """The peer's training step."""
    return repeated(peer_training().step, peer.BATCH)


def library_lstm_alone() -> Callable[[], None]:
    """``torch.nn.LSTM`` of the same sizes, forward and backward, with nothing around it."""
    lstm = nn.LSTM(peer.SIZE, peer.SIZE, peer.LAYERS)
    input_tbe = torch.randn(peer.BPTT, peer.BATCH, peer.SIZE, requires_grad=True)

    def step() -> None:
        output_tbh, _ = lstm(input_tbe)
        output_tbh.sum().backward()

    return repeated(step, peer.BATCH)


def products(batch: int) -> list[tuple[Shape, int]]:
    """What a step of the peer's model has to multiply at this batch."""
    layers = layer_products(batch, peer.BPTT, peer.SIZE, peer.SIZE, LSTMCell.gates) * peer.LAYERS
    return layers + decoder_products(batch * peer.BPTT, peer.SIZE, V)


def product_steps(batch: int) -> Callable[[], None]:
    """Those products alone."""
    return repeated(multiply(products(batch)), batch)


def our_steps(batch: int, softmax: str, precision: str = "32-true") -> Callable[[], None]:
    """One step of the training loop on the peer's model, all that it measures and logs included."""
    same = ModelConfig(cell="lstm", hidden_size=peer.SIZE, layers=peer.LAYERS, **DROPOUT)
    share = float(softmax == "exact")
    descent = {"optimizer": "sgd", "learning_rate": 1.0, "clip_threshold": peer.CLIP}
    trainer = our_trainer(same, precision=precision, softmax=softmax, exact_share=share, batch_size=batch, **descent)
    return repeated(trainer.step, batch)


CASES = {
    "peer": (peer.BATCH, Case(peer_steps, "plain")),
    "torch.nn.LSTM alone": (peer.BATCH, Case(library_lstm_alone, "plain")),
    "products at the peer's batch": (peer.BATCH, Case(partial(product_steps, peer.BATCH))),
    "exact, the peer's setting": (peer.BATCH, Case(partial(our_steps, peer.BATCH, "exact"))),
    "products at the best batch": (BEST_EXACT_BATCH, Case(partial(product_steps, BEST_EXACT_BATCH))),
    "exact, best batch": (BEST_EXACT_BATCH, Case(partial(our_steps, BEST_EXACT_BATCH, "exact"))),
    "sampled": (SAMPLED_BATCH, Case(partial(our_steps, SAMPLED_BATCH, "sampled"))),
    "exact, bfloat16 products": (BEST_EXACT_BATCH, Case(partial(our_steps, BEST_EXACT_BATCH, "exact", "bf16-mixed"))),
    "sampled, bfloat16 products": (SAMPLED_BATCH, Case(partial(our_steps, SAMPLED_BATCH, "sampled", "bf16-mixed"))),
}
"""Batch and what is timed, by name."""


PHASES = {
    "embedding": ("aten::embedding",),
    "layers, forward": ("aten::mkldnn_rnn_layer", "_Layer"),
    "layers, backward": ("autograd::engine::evaluate_function: MkldnnRnnLayerBackward0", "_LayerBackward"),
    "decoder and loss": ("_ExactLoss", "_SampledLoss"),
    "embedding, backward": ("autograd::engine::evaluate_function: EmbeddingBackward0",),
    "norms and clipping": ("aten::linalg_vector_norm",),
    "optimizer": ("Optimizer.step#AdamW.step", "Optimizer.step#SGD.step"),
}
"""Phases of a step by the events that a profile shows for them."""


def phases(trainer: Trainer, steps: int = 10) -> dict[str, float]:
    """Share of a step's time by phase; what no phase claims is "the rest"."""
    for _ in range(3):
        trainer.step()
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(steps):
            trainer.step()
    events = {event.key: event for event in record.key_averages()}
    total = sum(event.self_cpu_time_total for event in events.values())
    shares = {
        phase: sum(events[name].cpu_time_total for name in names if name in events) / total
        for phase, names in PHASES.items()
    }
    return {**shares, "the rest": 1 - sum(shares.values())}


def profiles() -> dict[str, dict[str, float]]:
    """Phases of the step that ``rnn-lm compare`` trains its LSTM with, and of each other cell and softmax."""
    found = {}
    for cell, hidden, softmax in (("lstm", 300, "sampled"), ("lstm", 300, "exact"), ("gru", 373, "sampled"),
                                  ("rnn", 601, "sampled")):  # fmt: skip
        share = float(softmax == "exact")
        trainer = our_trainer(ModelConfig(cell=cell, hidden_size=hidden), 300, softmax=softmax, exact_share=share)
        found[f"{cell} {hidden}, {softmax}"] = phases(trainer)
    return found


def engine_steps(cell: str, hidden: int, engine: str) -> Callable[[], None]:
    """One layer over a segment, forward and backward, at the demo's sizes."""
    layer = CELLS[cell](300, hidden)
    assert isinstance(layer, TorchCell)
    input_tbe = torch.randn(peer.BPTT, 32, 300, requires_grad=True)
    state = layer.initial_state(32)

    def run() -> None:
        output_tbh, _ = ENGINES[engine](layer, input_tbe, state, layer.cell_parameters())
        output_tbh.sum().backward()

    return run


def engines(turns: int) -> dict[str, dict[str, float]]:
    """Our recurrences against torch's kernels."""
    found = {}
    for cell, hidden in (("rnn", 601), ("gru", 373), ("lstm", 300)):
        cases = {engine: Case(partial(engine_steps, cell, hidden, engine)) for engine in ("library", "fused")}
        found[f"{cell} {hidden}"] = interleaved(cases, 3 * turns).ratio("library", "fused")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the training step.")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    keep_freed_memory()
    timings = interleaved({name: case for name, (_, case) in CASES.items()}, arguments.turns)
    rows = {
        name: {
            "batch": batch,
            "tokens_per_second": turns_of(batch) * batch * peer.BPTT / timings.median(name),
            "against_peer": timings.ratio("peer", name),
            "noise": timings.noise(name),
        }
        for name, (batch, _) in CASES.items()
    }
    of_bound = {
        "the peer's setting": timings.ratio("products at the peer's batch", "exact, the peer's setting"),
        "best batch": timings.ratio("products at the best batch", "exact, best batch"),
    }
    results = {
        "threads": torch.get_num_threads(),
        "cases": rows,
        "share_of_the_bound": of_bound,
        "gigaflop_per_step_at_best_batch": operations(products(BEST_EXACT_BATCH)) / 1e9,
        "engines": engines(arguments.turns),
        "phases": profiles(),
    }
    for name, row in rows.items():
        ratio = row["against_peer"]
        print(
            f"{name:<30} batch {row['batch']:>3}  {row['tokens_per_second']:>9,.0f} tokens/s  {ratio['median']:5.2f}x "
            f"the peer [{ratio['low']:.2f}, {ratio['high']:.2f}]  noise {row['noise']:.0%}"
        )
    for name, ratio in of_bound.items():
        print(f"share of the bound, {name}: {ratio['median']:.0%} [{ratio['low']:.0%}, {ratio['high']:.0%}]")
    for name, ratio in results["engines"].items():
        print(f"fused against library, {name}: {ratio['median']:.2f}x [{ratio['low']:.2f}, {ratio['high']:.2f}]")
    for name, shares in results["phases"].items():
        print(f"{name}: " + ", ".join(f"{phase} {share:.0%}" for phase, share in shares.items()))
    if arguments.json:
        write_results(arguments.json, results)


if __name__ == "__main__":
    main()
