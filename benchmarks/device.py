"""Speed of the training step on an accelerator, against ``torch.nn.LSTM`` with cuDNN alone.

    python benchmarks/device.py [--device cuda] [--turns 5]

Tokens per second of the step of ``rnn-lm train`` (AWD-LSTM's sizes: embedding 400, layers of 1150, 1150 and 400), and
of cuDNN's forward and backward pass through three layers of 1150 with nothing around them. Where there is no
accelerator it says so.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any, get_args, get_type_hints

import torch
from torch import nn

from rnn_lm.config import ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import start_runtime
from rnn_lm.seeding import generator
from rnn_lm.training.trainer import Trainer, TrainingData
from text import zipfian

V, EMBEDDING, HIDDEN, BATCH, BPTT, STEPS = 10_000, 400, 1150, 80, 70, 10
PRECISIONS = get_args(get_type_hints(RuntimeConfig)["precision"])


def our_step(device: str, precision: Any, softmax: Any) -> Callable[[], object]:
    """One step of the loop."""
    runtime = start_runtime(RuntimeConfig(device=device, precision=precision))
    text = zipfian(400_000, V)
    config = ModelConfig(hidden_size=HIDDEN, last_hidden_size=EMBEDDING, layers=3, dropout_recurrent=0.5)
    model = RecurrentLanguageModel(V, EMBEDDING, config, generator(1, "initialization")).to(runtime.device)
    share = float(softmax == "exact")
    training = TrainingConfig(
        budget="1000000steps", batch_size=BATCH, bptt_length=BPTT, softmax=softmax, exact_share=share
    )
    data = TrainingData(text, text, torch.bincount(text.ids_n, minlength=V))
    return Trainer(model, data, training, None, SilentProgress(), runtime=runtime).step


def library_step(device: torch.device) -> Callable[[], object]:
    """``torch.nn.LSTM`` alone."""
    lstm = nn.LSTM(EMBEDDING, HIDDEN, 3).to(device)
    input_tbe = torch.randn(BPTT, BATCH, EMBEDDING, device=device)

    def step() -> None:
        lstm(input_tbe)[0].sum().backward()

    return step


def seconds(step: Callable[[], object]) -> float:
    """Of ``STEPS`` steps, all work on the device done."""
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed on an accelerator.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    try:
        runtime = start_runtime(RuntimeConfig(device=arguments.device, precision="bf16-mixed"))
    except UserError as error:
        print(error)
        return
    steps = {"torch.nn.LSTM, cuDNN": library_step(runtime.device)}
    for precision in PRECISIONS:
        for softmax in ("exact", "sampled"):
            steps[f"rnn-lm, {softmax}, {precision}"] = our_step(arguments.device, precision, softmax)
    found: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(arguments.turns + 1):
        for name, step in steps.items():
            taken = seconds(step)
            if turn > 0:
                found[name].append(taken)
    base = median(found["torch.nn.LSTM, cuDNN"])
    for name, taken in found.items():
        print(
            f"{name:<32} {STEPS * BATCH * BPTT / median(taken):>11,.0f} tokens/s  {base / median(taken):.2f}x cuDNN's"
        )


if __name__ == "__main__":
    main()
