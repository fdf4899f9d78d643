"""Speed of the training step: against the peer, and against the matrix products it is made of.

    python benchmarks/training.py [--turns 7] [--json FILE]

Every case does the same work per token as the peer (LSTM 2 x 200, tied, 10,000 words, dropout 0.2) unless it says
otherwise; times are per token, so that batches of different size can be compared.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

import peer
from bound import decoder_products, layer_products, multiply, operations
from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.files import write_json
from rnn_lm.models.cells import CELLS
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.seeding import generator
from rnn_lm.training.trainer import Trainer, TrainingData
from text import zipfian
from timing import Timings, interleaved

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


def our_trainer(model: ModelConfig, embedding_size: int = peer.SIZE, **settings: Any) -> Trainer:
    """The trainer as ``rnn-lm train`` runs it, its log kept in memory."""
    text = zipfian(TOKENS, V)
    data = TrainingData(text, zipfian(2_000, V, seed=2), torch.bincount(text.ids_n, minlength=V))
    network = RecurrentLanguageModel(V, embedding_size, model, generator(1, "initialization"))
    defaults: dict[str, Any] = {"budget": "1000000steps", "bptt_length": peer.BPTT, "schedule": "constant", "warmup": 0}
    return Trainer(network, data, TrainingConfig(**{**defaults, **settings}), None, SilentProgress())


def peer_training(batch: int = peer.BATCH) -> peer.PeerTraining:
    """The peer on the same text."""
    ids_n = zipfian(TOKENS, V).ids_n
    rows = len(ids_n) // batch
    return peer.PeerTraining(peer.Peer(V), ids_n[: rows * batch].view(batch, rows).t().contiguous())


def repeat(step: Callable[[], object], times: int) -> Callable[[], None]:
    """``step``, ``times`` times."""

    def run() -> None:
        for _ in range(times):
            step()

    return run


def library_lstm_alone() -> Callable[[], None]:
    """``torch.nn.LSTM`` of the same sizes, forward and backward, with nothing around it."""
    lstm = nn.LSTM(peer.SIZE, peer.SIZE, peer.LAYERS)
    input_tbe = torch.randn(peer.BPTT, peer.BATCH, peer.SIZE, requires_grad=True)

    def run() -> None:
        output_tbh, _ = lstm(input_tbe)
        output_tbh.sum().backward()

    return run


def products(batch: int) -> list[tuple[tuple[int, int, int], int]]:
    """What a step of the peer's model has to multiply at this batch."""
    layers = layer_products(batch, peer.BPTT, peer.SIZE, peer.SIZE, CELLS["lstm"].gates) * peer.LAYERS
    return layers + decoder_products(batch * peer.BPTT, peer.SIZE, V)


def measure(turns: int) -> tuple[Timings, dict[str, int]]:
    """Seconds per ``TIMED_TOKENS`` tokens of every case, and the batch of each."""
    same = ModelConfig(cell="lstm", hidden_size=peer.SIZE, layers=peer.LAYERS, **DROPOUT)
    descent = {"optimizer": "sgd", "learning_rate": 1.0, "clip_threshold": peer.CLIP}
    batches = {
        "peer": peer.BATCH,
        "torch.nn.LSTM alone": peer.BATCH,
        "products at the peer's batch": peer.BATCH,
        "exact, the peer's setting": peer.BATCH,
        "products at the best batch": BEST_EXACT_BATCH,
        "exact, best batch": BEST_EXACT_BATCH,
        "sampled": SAMPLED_BATCH,
    }
    steps = {
        "peer": peer_training().step,
        "torch.nn.LSTM alone": library_lstm_alone(),
        "products at the peer's batch": multiply(products(peer.BATCH)),
        "exact, the peer's setting": trainer_step(our_trainer(same, softmax="exact", batch_size=peer.BATCH, **descent)),
        "products at the best batch": multiply(products(BEST_EXACT_BATCH)),
        "exact, best batch": trainer_step(our_trainer(same, softmax="exact", batch_size=BEST_EXACT_BATCH, **descent)),
        "sampled": trainer_step(our_trainer(same, softmax="sampled", exact_share=0.0, batch_size=SAMPLED_BATCH)),
    }
    cases = {name: repeat(step, round(TIMED_TOKENS / batches[name] / peer.BPTT)) for name, step in steps.items()}
    return interleaved(cases, turns), batches


def trainer_step(trainer: Trainer) -> Callable[[], object]:
    """One step of the training loop, all that it measures and logs included."""
    return trainer.step


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


def engines(turns: int) -> dict[str, dict[str, float]]:
    """Our recurrences against torch's kernels: forward and backward over a segment, at the demo's sizes."""
    from rnn_lm.models.cells import CellParameters, run_fused, run_library

    found = {}
    for cell, hidden in (("rnn", 601), ("gru", 373), ("lstm", 300)):
        rows = CELLS[cell].gates * hidden
        parameters = CellParameters(
            *(nn.Parameter(0.1 * torch.randn(*shape)) for shape in ((rows, 300), (rows, hidden), (rows,), (rows,)))
        )
        input_tbe = torch.randn(peer.BPTT, 32, 300, requires_grad=True)
        state = tuple(torch.zeros(32, hidden) for _ in range(CELLS[cell].state_parts))

        def run(engine: Any, cell: str = cell, arguments: Iterable[Any] = (input_tbe, state, parameters)) -> None:
            output_tbh, _ = engine(CELLS[cell], *arguments)
            output_tbh.sum().backward()

        timings = interleaved({"library": lambda: run(run_library), "fused": lambda: run(run_fused)}, 3 * turns)
        found[f"{cell} {hidden}"] = timings.ratio("library", "fused")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of the training step.")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    timings, batches = measure(arguments.turns)
    rows = {
        name: {
            "batch": batch,
            "tokens_per_second": round(TIMED_TOKENS / batch / peer.BPTT) * batch * peer.BPTT / timings.median(name),
            "against_peer": timings.ratio("peer", name),
            "noise": timings.noise(name),
        }
        for name, batch in batches.items()
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
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
