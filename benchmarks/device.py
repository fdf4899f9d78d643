"""Speed of the training step on an accelerator, against ``torch.nn.LSTM`` with cuDNN alone.

    python benchmarks/device.py [--device cuda] [--turns 3] [--json FILE] [--toy]

Tokens per second of the step of ``rnn-lm train`` (AWD-LSTM's sizes: embedding 400, layers of 1150, 1150 and 400, all of
its dropout, embedding, softmax over 10,000 words and optimizer), and of cuDNN's forward and backward pass through the
same layers with nothing around them in the same precision, called as ``torch.nn.LSTM`` is; of other cells, and of
Zaremba's small model beside its two layers; and the share of its steps in which the device works, as the profiler
counts it. Ours and the bare layers take turns, and a ratio is the median of those within each turn. ``--toy`` makes all
of it small, to see that it runs.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from machine import made_here
from rnn_lm.config import ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import write_json
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime, start_runtime
from rnn_lm.seeding import generator
from rnn_lm.training.trainer import Trainer, TrainingData
from text import zipfian


@dataclass(frozen=True)
class Sizes:
    """Of a model and its segments."""

    vocabulary: int
    embedding: int
    layers: tuple[int, ...]
    bptt: int
    dropout: bool = True


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    name: str
    batch: int
    cell: str = "lstm"
    softmax: str = "exact"
    precision: str = "bf16-mixed"
    steps: int = 20


AWD, SMALL = Sizes(10_000, 400, (1150, 1150, 400), 70), Sizes(10_000, 200, (200, 200), 20, dropout=False)
TOY = Sizes(200, 16, (24, 24, 16), 6)
SIZES = {"awd-lstm": AWD, "zaremba-small": SMALL, "toy": TOY}
CASES = [
    *(Case("awd-lstm", batch) for batch in (20, 64, 80, 256)),
    Case("zaremba-small", 20, steps=100),
    Case("awd-lstm", 80, softmax="sampled"),
    Case("awd-lstm", 80, "gru"),
    Case("awd-lstm", 80, "rnn"),
    *(Case("awd-lstm", batch, precision="32-true") for batch in (20, 80)),
    Case("zaremba-small", 20, precision="32-true", steps=100),
    Case("awd-lstm", 80, "mogrifier", steps=5),
]
TOY_CASES = [
    Case("toy", 4, steps=2),
    Case("toy", 8, "mogrifier", steps=2),
    Case("toy", 8, precision="32-true", steps=2),
]
EPOCH = 929_589
"""Tokens of Penn Treebank's train."""


def our_steps(runtime: Runtime, case: Case) -> Callable[[], None]:
    """Steps of the loop, as ``train`` takes them: figures are read at the end."""
    sizes = SIZES[case.name]
    text = zipfian(max(20 * case.batch * sizes.bptt, 20_000), sizes.vocabulary)
    dropped = 0.5 if case.cell in ("lstm", "gru", "rnn", "mogrifier") else 0.0
    dropout: dict[str, Any] = {
        "dropout_embedding": 0.1, "dropout_input": 0.4, "dropout_between": 0.25, "dropout_output": 0.4,
        "dropout_recurrent": dropped,
    }  # fmt: skip
    untied: dict[str, Any] = {"tie_weights": False}
    config = ModelConfig(
        cell=case.cell, hidden_size=sizes.layers[0], last_hidden_size=sizes.layers[-1], layers=len(sizes.layers),
        **(dropout if sizes.dropout else untied),
    )  # fmt: skip
    model = RecurrentLanguageModel(sizes.vocabulary, sizes.embedding, config, generator(1, "initialization"))
    penalty = float(sizes.dropout)
    settings: dict[str, Any] = {"softmax": case.softmax, "optimizer": "adamw" if sizes.dropout else "sgd"}
    training = TrainingConfig(
        budget="1000000steps", batch_size=case.batch, bptt_length=sizes.bptt, activation_penalty=2 * penalty,
        temporal_penalty=penalty, exact_share=float(case.softmax == "exact"), **settings,
    )  # fmt: skip
    data = TrainingData(text, text, torch.bincount(text.ids_n, minlength=sizes.vocabulary))
    trainer = Trainer(model.to(runtime.device), data, training, None, SilentProgress(), runtime=runtime)

    def run() -> None:
        for _ in range(case.steps):
            trainer.unread.append(trainer.take())
        trainer.read()

    return run


def library_steps(runtime: Runtime, case: Case) -> Callable[[], None]:
    """``torch.nn.LSTM`` alone, layers of the same sizes."""
    sizes = SIZES[case.name]
    digits = torch.bfloat16 if runtime.precision == "bf16-mixed" else torch.float32
    widths = (sizes.embedding, *sizes.layers)
    layers = [nn.LSTM(below, above).to(runtime.device, digits) for below, above in itertools.pairwise(widths)]
    for layer in layers:
        layer.flatten_parameters()
    input_tbe = torch.randn(sizes.bptt, case.batch, sizes.embedding, device=runtime.device, dtype=digits)

    def run() -> None:
        for _ in range(case.steps):
            signal = input_tbe
            for layer in layers:
                layer.zero_grad(set_to_none=True)
                signal = layer(signal)[0]
            signal.sum().backward()

    return run


def seconds(run: Callable[[], object], runtime: Runtime) -> float:
    """All work on the device done."""
    runtime.finish_work()
    started = time.perf_counter()
    run()
    runtime.finish_work()
    return time.perf_counter() - started


def busy_share(run: Callable[[], object], runtime: Runtime) -> float | None:
    """Share of the time in which the device's kernels run; None on the CPU."""
    if runtime.device.type != "cuda":
        return None
    activities = [torch.profiler.ProfilerActivity.CUDA]
    taken = seconds(run, runtime)  # without the profiler, which slows the program and not the kernels
    with torch.profiler.profile(activities=activities) as profile:
        seconds(run, runtime)
    return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed on an accelerator.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for case in TOY_CASES if arguments.toy else CASES:
        try:
            runtime = start_runtime(RuntimeConfig(device=arguments.device, precision=case.precision))  # pyright: ignore[reportArgumentType]
        except UserError as error:
            print(error)
            return
        bare, ours = library_steps(runtime, case), our_steps(runtime, case)
        turns = [(seconds(bare, runtime), seconds(ours, runtime)) for _ in range(arguments.turns + 2)][2:]
        ratios = [one / other for one, other in turns]
        tokens = case.steps * case.batch * SIZES[case.name].bptt
        rows.append(
            {
                **asdict(case),
                "tokens_per_second": tokens / median(own for _, own in turns),
                "bare_tokens_per_second": tokens / median(other for other, _ in turns),
                "against_cudnn": {"median": median(ratios), "low": min(ratios), "high": max(ratios)},
                "busy": busy_share(ours, runtime),
            }
        )
        row, share = rows[-1], rows[-1]["busy"]
        epoch = f"  epoch {EPOCH / row['tokens_per_second']:.2f} s" if case.name == "zaremba-small" else ""
        print(
            f"{case.name:<13} {case.precision:<10} batch {case.batch:<3} {case.cell:<9} {case.softmax:<7} "
            f"{row['tokens_per_second']:>9,.0f} tokens/s  {row['against_cudnn']['median']:.2f}x the bare LSTM's "
            f"{row['bare_tokens_per_second']:,.0f}  device works {'-' if share is None else f'{share:.0%}'}{epoch}",
            flush=True,
        )
        del bare, ours
        gc.collect()  # a trainer holds its recordings in a circle, and they memory of the device
        if arguments.json:
            card = torch.cuda.get_device_name() if runtime.device.type == "cuda" else "CPU"
            write_json(arguments.json, {**made_here(), "device": card, "rows": rows})


if __name__ == "__main__":
    main()
