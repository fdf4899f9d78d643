"""Speed of the training step on an accelerator, against ``torch.nn.LSTM`` with cuDNN alone.

    python benchmarks/device.py [--device cuda] [--turns 5] [--json FILE] [--toy]

Tokens per second of the step of ``rnn-lm train`` (AWD-LSTM's sizes: embedding 400, layers of 1150, 1150 and 400, all of
its dropout), of cuDNN's forward and backward pass through the same three layers with nothing around them in the same
precision, and of other cells; and the share of its steps in which the device works, as the profiler counts it. Cases
take turns, and a ratio is the median of those within each turn. ``--toy`` makes all of it small, to see that it runs.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from rnn_lm.config import ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import write_json
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime, start_runtime
from rnn_lm.seeding import generator
from rnn_lm.training.trainer import Trainer, TrainingData
from text import zipfian

V, EMBEDDING, HIDDEN, BPTT, STEPS = 10_000, 400, 1150, 70, 20
BATCHES = (20, 64, 80, 256)
PRECISIONS = ("bf16-mixed", "32-true")
Case = tuple[Callable[[], object], int]
"""What is timed, and how many tokens it reads."""


def our_steps(
    runtime: Runtime, batch: int, softmax: Any, cell: str, sizes: tuple[int, int, int, int], steps: int
) -> Callable[[], None]:
    """Steps of the loop, as ``train`` takes them: figures are read at the end."""
    vocabulary, embedding, hidden, bptt = sizes
    text = zipfian(max(20 * batch * bptt, 20_000), vocabulary)
    dropped = 0.5 if cell in ("lstm", "gru", "rnn", "mogrifier") else 0.0
    config = ModelConfig(
        cell=cell, hidden_size=hidden, last_hidden_size=embedding, layers=3, dropout_embedding=0.1, dropout_input=0.4,
        dropout_between=0.25, dropout_output=0.4, dropout_recurrent=dropped,
    )  # fmt: skip
    model = RecurrentLanguageModel(vocabulary, embedding, config, generator(1, "initialization")).to(runtime.device)
    training = TrainingConfig(
        budget="1000000steps", batch_size=batch, bptt_length=bptt, softmax=softmax,
        exact_share=float(softmax == "exact"), activation_penalty=2.0, temporal_penalty=1.0,
    )  # fmt: skip
    data = TrainingData(text, text, torch.bincount(text.ids_n, minlength=vocabulary))
    trainer = Trainer(model, data, training, None, SilentProgress(), runtime=runtime)

    def run() -> None:
        for _ in range(steps):
            trainer.unread.append(trainer.take())
        trainer.read()

    return run


def library_steps(runtime: Runtime, batch: int, sizes: tuple[int, int, int, int], steps: int) -> Callable[[], None]:
    """``torch.nn.LSTM`` alone, three layers of the same sizes."""
    _, embedding, hidden, bptt = sizes
    digits = torch.bfloat16 if runtime.precision == "bf16-mixed" else torch.float32
    widths = (embedding, hidden, hidden, embedding)
    layers = [nn.LSTM(below, above).to(runtime.device, digits) for below, above in itertools.pairwise(widths)]
    input_tbe = torch.randn(bptt, batch, embedding, device=runtime.device, dtype=digits)

    def run() -> None:
        for _ in range(steps):
            signal = input_tbe
            for layer in layers:
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
    taken = seconds(run, runtime)
    with torch.profiler.profile(activities=activities) as profile:
        seconds(run, runtime)
    return sum(event.self_device_time_total for event in profile.key_averages()) / 1e6 / taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed on an accelerator.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    sizes = (200, 16, 24, 6) if arguments.toy else (V, EMBEDDING, HIDDEN, BPTT)
    batches, steps = ((4, 8), 2) if arguments.toy else (BATCHES, STEPS)
    rows: list[dict[str, Any]] = []
    for precision in PRECISIONS:
        try:
            runtime = start_runtime(RuntimeConfig(device=arguments.device, precision=precision))  # pyright: ignore[reportArgumentType]
        except UserError as error:
            print(error)
            return
        for batch in batches:
            cases = [("lstm", "exact")]
            if batch == batches[len(batches) // 2]:
                cases += [("lstm", "sampled"), ("gru", "exact"), ("rnn", "exact"), ("mogrifier", "exact")]
            bare = library_steps(runtime, batch, sizes, steps)
            for cell, softmax in cases:
                ours = our_steps(runtime, batch, softmax, cell, sizes, steps)
                turns = [(seconds(bare, runtime), seconds(ours, runtime)) for _ in range(arguments.turns + 1)][1:]
                ratios = [one / other for one, other in turns]
                rows.append(
                    {
                        "cell": cell, "softmax": softmax, "precision": precision, "batch": batch,
                        "tokens_per_second": steps * batch * sizes[3] / median(own for _, own in turns),
                        "against_cudnn": {"median": median(ratios), "low": min(ratios), "high": max(ratios)},
                        "busy": busy_share(ours, runtime),
                    }
                )  # fmt: skip
                row, share = rows[-1], rows[-1]["busy"]
                print(
                    f"{precision:<10} batch {batch:<3} {cell:<9} {softmax:<7} {row['tokens_per_second']:>9,.0f} "
                    f"tokens/s  {row['against_cudnn']['median']:.2f}x a bare LSTM's  device works "
                    f"{'-' if share is None else f'{share:.0%}'}",
                    flush=True,
                )
    if arguments.json:
        card = torch.cuda.get_device_name() if runtime.device.type == "cuda" else "CPU"  # pyright: ignore[reportPossiblyUnboundVariable]
        write_json(arguments.json, {"device": card, "torch": torch.__version__, "rows": rows})


if __name__ == "__main__":
    main()
