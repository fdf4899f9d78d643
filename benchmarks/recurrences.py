"""Speed of one layer by the length that it reads: cells with a recurrent matrix, linear ones, and attention.

    python benchmarks/recurrences.py [--turns 5] [--busy] [--json FILE]
    python benchmarks/recurrences.py --scans [--busy]
    python benchmarks/recurrences.py --batches [--half] [--busy]
    python benchmarks/recurrences.py --chunks [--busy]

Tokens per second forward and backward of a layer alone, E = 200 inputs, all with about as many parameters as an LSTM of
200 units, in batches of 7,168 tokens whatever the length. ``--scans`` times the two ways of the linear recurrence
instead, by length and by numbers in a step: where they cross is ``layers.scan.SMALL_STEP``. ``--batches`` sets the
minGRU, and its matrix products alone, beside the LSTM of as many parameters at 256 steps, by width and batch: no
recurrence of equal parameters can gain more than the products leave; with ``--half`` all in bfloat16, as a budget of
time trains where that pays. ``--chunks`` sets mLSTM and DeltaNet chunk by
chunk beside their steps. ``--busy`` counts the
processor's time on one thread instead of the clock's, for a machine on which others compute: then what stands is how
much work a layer is, not how well it spreads over threads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rnn_lm.config import ModelConfig
from rnn_lm.files import write_json
from rnn_lm.layers import CELLS, Cell
from rnn_lm.layers.scan import run_blocks, run_steps
from rnn_lm.models.attention import AttentionConfig, AttentionLayer, LayerView
from timing import Case, Timings, interleaved

E, TOKENS = 200, 7_168
LENGTHS = (35, 256, 2048)
MODELS = ("lstm", "gru", "mingru", "minlstm", "qrnn", "hgrn", "rg-lru", "mlstm", "deltanet", "attention")
STEP_SIZES = (256, 1024, 2048, 4096, 8192, 16384, 65536)


def count(layer: nn.Module) -> int:
    """Numbers that a layer consists of."""
    return sum(parameter.numel() for parameter in layer.parameters())


def cell_of(name: str, hidden_size: int) -> Cell:
    """The cell, as a language model makes it."""
    settings = {"engine": ModelConfig().engine}
    return CELLS[name].of(E, hidden_size, settings)


def attention_of(middle: int) -> AttentionLayer:
    """A layer that sees everything behind it, four heads of 50, with so many units in its feed-forward part."""
    config = AttentionConfig(hidden_size=E, feed_forward_size=middle)
    return AttentionLayer(config, LayerView(None, (0.0,) * config.heads, False, True))


def layer_of(name: str) -> Cell | AttentionLayer:
    """The layer of this kind whose parameters are nearest in number to the LSTM's."""
    make: Callable[[int], Cell | AttentionLayer] = attention_of if name == "attention" else partial(cell_of, name)
    wanted = count(cell_of("lstm", E))
    return make(min(range(8, 1600, 2), key=lambda size: abs(_count_on_paper(make, size) - wanted)))


def _count_on_paper(make: Callable[[int], nn.Module], size: int) -> int:
    with torch.device("meta"):
        return count(make(size))


def forward_and_backward(name: str, length: int) -> Callable[[], None]:
    """One layer over a batch."""
    layer, batch = layer_of(name), max(1, TOKENS // length)
    input_tbe = torch.randn(length, batch, E, requires_grad=True)

    def run() -> None:
        if isinstance(layer, AttentionLayer):
            output_tbh, _ = layer(input_tbe, input_tbe.new_empty(0, batch, 2 * E), input_tbe.new_ones(length, batch, 1))
        else:
            output_tbh, _ = layer(input_tbe, layer.initial_state(batch))
        output_tbh.sum().backward()

    return run


def timed(cases: Mapping[str, Case], turns: int, busy: bool) -> Timings:
    """Seconds by the clock; or, if others compute here, of the processor on one thread."""
    if not busy:
        return interleaved(cases, turns)
    torch.set_num_threads(1)
    runs = {name: case.make() for name, case in cases.items()}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(turns + 1):
        for name, run in runs.items():
            started = time.process_time()
            run()
            if turn > 0:
                seconds[name].append(time.process_time() - started)
    return Timings(seconds)


def scan_alone(way: str, length: int, step: int) -> Callable[[], None]:
    """The recurrence forward, over about a million numbers."""
    decay_tbh, values_tbh = torch.rand(length, 1, step), torch.randn(length, 1, step)

    def run() -> None:
        for _ in range(max(1, 1_000_000 // (length * step))):
            taken_tbh = values_tbh.clone()
            if way == "blocks":
                run_blocks(decay_tbh, taken_tbh)
            else:
                run_steps(decay_tbh.unbind()[1:], taken_tbh.unbind())

    return run


def speeds(timings: Timings, length: int) -> dict[str, Any]:
    """By model: tokens per second, and how many times as fast as the LSTM."""
    tokens = length * max(1, TOKENS // length)
    return {
        name: {"tokens_per_second": tokens / timings.median(name), "against_lstm": timings.ratio("lstm", name)}
        for name in MODELS
    }


def compare_scans(turns: int, busy: bool) -> None:
    """Print how many times as fast blocks are as steps."""
    for length in (64, *LENGTHS[1:]):
        cases = {
            f"{way} {step}": Case(partial(scan_alone, way, length, step))
            for step in STEP_SIZES
            if length * step <= 20_000_000
            for way in ("steps", "blocks")
        }
        timings = timed(cases, turns, busy)
        for step in STEP_SIZES:
            if f"steps {step}" in cases:
                ratio = timings.ratio(f"steps {step}", f"blocks {step}")
                print(f"{length:5} steps of {step:6}: blocks {ratio['median']:.2f} times as fast", ratio, flush=True)


def of_width(name: str, width: int, batch: int, half: bool = False, length: int = 256) -> Callable[[], None]:
    """An LSTM of ``width`` units reading as many numbers; the minGRU of as many parameters; its products alone."""
    kind = torch.bfloat16 if half else torch.float32
    wanted = 4 * width * (2 * width + 2)
    hidden = width if name == "lstm" else round(wanted / (2 * (width + 1)))
    input_tbe = torch.randn(length, batch, width, requires_grad=True)
    if name == "products":
        rows_ne, weight_ge = input_tbe.detach().flatten(0, 1).to(kind), torch.randn(2 * hidden, width).to(kind)
        grad_ng = torch.randn(length * batch, 2 * hidden).to(kind)

        def products() -> None:
            torch.mm(rows_ne, weight_ge.T)
            torch.mm(grad_ng, weight_ge)
            torch.mm(grad_ng.T, rows_ne)

        return products
    cell = CELLS[name].of(width, hidden, {"engine": ModelConfig().engine})

    def layer() -> None:
        with torch.autocast("cpu", kind, enabled=half):
            output_tbh, _ = cell(input_tbe, cell.initial_state(batch))
        output_tbh.sum().backward()

    return layer


def compare_batches(turns: int, busy: bool, half: bool) -> None:
    """Print milliseconds of LSTM, minGRU and the products that a minGRU cannot do without."""
    for width, batch in ((200, 28), (200, 4), (200, 1), (650, 28), (650, 8), (650, 4), (650, 1)):
        names = ("lstm", "mingru", "products")
        timings = timed({name: Case(partial(of_width, name, width, batch, half)) for name in names}, turns, busy)
        for name in names:
            ratio = timings.ratio("lstm", name)
            print(
                f"{width:4} units, batch {batch:2}: {name:9} {1000 * timings.median(name):8.1f} ms, "
                f"{ratio['median']:.2f} of LSTM ({ratio['low']:.2f} to {ratio['high']:.2f})",
                flush=True,
            )


def matrix_memory(name: str, way: str, length: int) -> Callable[[], None]:
    """A layer with a matrix memory, as many parameters as the LSTM, one way or the other."""
    layer, batch = layer_of(name), max(1, TOKENS // length)
    assert isinstance(layer, Cell)
    run = layer.run if way == "chunks" else partial(Cell.run, layer)
    input_tbe = torch.randn(length, batch, E, requires_grad=True)

    def forward_and_back() -> None:
        output_tbh, _ = run(input_tbe, layer.initial_state(batch))
        output_tbh.sum().backward()

    return forward_and_back


def compare_chunks(turns: int, busy: bool) -> None:
    """Print how many times as fast chunks are as steps."""
    for name in ("mlstm", "deltanet"):
        for length in LENGTHS:
            cases = {way: Case(partial(matrix_memory, name, way, length)) for way in ("steps", "chunks")}
            timings = timed(cases, turns, busy)
            ratio = timings.ratio("steps", "chunks")
            milliseconds = {way: round(1000 * timings.median(way)) for way in cases}
            print(f"{name:9} {length:5}: ms {milliseconds}, {ratio['median']:.1f} times as fast", ratio, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed of one layer by length.")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--busy", action="store_true", help="processor time on one thread instead of the clock's")
    parser.add_argument("--scans", action="store_true", help="the two ways of the linear recurrence")
    parser.add_argument("--batches", action="store_true", help="minGRU beside the LSTM by width and batch")
    parser.add_argument("--half", action="store_true", help="with --batches: in bfloat16")
    parser.add_argument("--chunks", action="store_true", help="mLSTM and DeltaNet chunk by chunk and step by step")
    arguments = parser.parse_args()
    if arguments.chunks:
        compare_chunks(arguments.turns, arguments.busy)
        return
    if arguments.batches:
        compare_batches(arguments.turns, arguments.busy, arguments.half)
        return
    if arguments.scans:
        compare_scans(arguments.turns, arguments.busy)
        return
    results: dict[str, Any] = {
        "input_size": E,
        "tokens": TOKENS,
        "seconds": "of the processor, on one thread" if arguments.busy else "by the clock",
        "parameters": {name: count(layer_of(name)) for name in MODELS},
        "by_length": {},
    }
    for length in LENGTHS:
        cases = {name: Case(partial(forward_and_backward, name, length)) for name in MODELS}
        timings = timed(cases, arguments.turns, arguments.busy)
        results["by_length"][str(length)] = found = speeds(timings, length)
        for name, one in found.items():
            ratio = one["against_lstm"]
            print(
                f"{length:5} {name:10} {one['tokens_per_second']:10,.0f} tokens/s, {ratio['median']:.2f} of LSTM "
                f"({ratio['low']:.2f} to {ratio['high']:.2f})",
                flush=True,
            )
    if arguments.json:
        write_json(arguments.json, results)


if __name__ == "__main__":
    main()
