"""Generation beside ONNX Runtime: the same weights, states in and out, one text, the word drawn in both.

    python benchmarks/generation.py [--turns 15] [--sizes 200 650] [--threads 1 2] [--json FILE]

An LSTM of two layers over 10,000 words at random start, its decoder's bias the logarithm of Zipf's law, so that words
come as often as in a text. ONNX Runtime runs the graph that ``--to onnx`` writes, and that of ``--to onnx-int8`` (its
own dynamic quantization, of all matrices). Its user draws from the log-probabilities that come out: exponentials, their
sums in double precision, one binary search, by numpy. Ours is ``generate`` as a whole, ``<unk>`` struck out as always.

Cases take turns of a paragraph, in one process for each number of threads, and ratios are formed within a turn: of
seconds, and of the processor's time, which hardly depends on what else the machine does but counts threads that wait.
A turn's first words are not counted: threads wake then, and weights come back into the caches from which the case
before has driven them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from machine import write_results
from rnn_lm.config import GenerationConfig, ModelConfig
from rnn_lm.evaluation.generation import generate
from rnn_lm.export.onnx import quantize
from rnn_lm.export.onnx_models import onnx_model
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary
from timing import Timings

V = 10_000
WARMING, WORDS = 10, 100
"""In a turn: not counted, and counted."""
OURS = {
    "ours, float32": {},
    "ours, int8": {"decoder_precision": "int8"},
    "ours, int8, layers too": {"decoder_precision": "int8", "layer_precision": "int8"},
}
CASES = ("ONNX Runtime, float32", "ONNX Runtime, int8", *OURS)


REST = 0.1
"""Seconds before each: threads of the case before, which wait for more work, have gone to sleep by then."""


def model_of(size: int) -> RecurrentLanguageModel:
    """Two layers of ``size``, whose words are as frequent as those of a text."""
    config = ModelConfig(cell="lstm", hidden_size=size, layers=2)
    model = RecurrentLanguageModel(V, size, config, generator(1, "initialization")).eval()
    with torch.no_grad():
        model.output_product.bias_v.copy_(torch.arange(1, V + 1).log().neg())
    return model


def in_onnx_runtime(path: Path, threads: int) -> Callable[[int], object]:
    """Some words from a graph, drawn one after another; each call goes on with the text."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    first, *states = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    random = np.random.default_rng(1)

    token, state = 1, [np.zeros((1, one.shape[1]), np.float32) for one in states]

    def run(words: int) -> None:
        nonlocal token, state
        for _ in range(words):
            given = {first.name: np.array([token]), **dict(zip((one.name for one in states), state, strict=True))}
            log_probabilities, *state = session.run(names, given)
            sums = np.cumsum(np.exp(np.asarray(log_probabilities)[0]), dtype=np.float64)
            token = int(np.searchsorted(sums, random.random() * sums[-1], side="right"))

    return run


def in_rnn_lm(model: RecurrentLanguageModel, settings: dict[str, Any]) -> Callable[[int], object]:
    """The same by ``generate``; the text begins anew after some thousand words."""
    vocabulary = Vocabulary(["<unk>", "<eos>", *map(str, range(V - 2))], [1] * V)
    config = GenerationConfig(length=4000, **settings)
    text = iter(())

    def run(words: int) -> None:
        nonlocal text
        for _ in range(words):
            if next(text, None) is None:
                text = generate(model, [], config, vocabulary)

    return run


def measured(pipe: Any, size: int, threads: int, turns: int) -> None:
    """Seconds of every case, and of the processor, turn by turn, sent through ``pipe``."""
    torch.set_num_threads(threads)
    model = model_of(size)
    with tempfile.TemporaryDirectory() as folder:
        plain, eight = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        for path in (plain, eight):
            path.write_bytes(onnx_model(model, "step").SerializeToString())
        quantize(eight)
        peers = (in_onnx_runtime(path, threads) for path in (plain, eight))
        cases = dict(zip(CASES, (*peers, *(in_rnn_lm(model, one) for one in OURS.values())), strict=True))
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    processor: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(turns + 2):
        for name, run in cases.items():
            time.sleep(REST)
            run(WARMING)
            started, worked = time.perf_counter(), time.process_time()
            run(WORDS)
            if turn > 1:
                seconds[name].append(time.perf_counter() - started)
                processor[name].append(time.process_time() - worked)
    pipe.send((seconds, processor))


def one_process(size: int, threads: int, turns: int) -> tuple[Timings, Timings]:
    """The same in a process that has so many threads from its start."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=measured, args=(theirs, size, threads, turns))
    process.start()
    seconds, processor = ours.recv()
    process.join()
    return Timings(seconds), Timings(processor)


def main() -> None:
    parser = argparse.ArgumentParser(description="Generation beside ONNX Runtime.")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 650], help="units of each of the two layers")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for threads in arguments.threads:
        for size in arguments.sizes:
            timings, processor = one_process(size, threads, arguments.turns)
            for case in CASES:
                row = {
                    "size": size,
                    "threads": threads,
                    "turns": arguments.turns,
                    "case": case,
                    "tokens_per_second": WORDS / timings.median(case),
                    "against": {peer: timings.ratio(peer, case) for peer in CASES[:2]},
                    "processor": {peer: processor.ratio(peer, case) for peer in CASES[:2]},
                    "noise": timings.noise(case),
                }
                rows.append(row)
                print(f"2 x {size}, threads: {threads}, {case}: {row['tokens_per_second']:,.0f} tokens/s")
                for kind in ("against", "processor"):
                    shown = (
                        f"{one['median']:.2f}x [{one['low']:.2f}, {one['high']:.2f}]" for one in row[kind].values()
                    )
                    print(f"    {kind}: {', '.join(shown)}", flush=True)
            if arguments.json:  # what there is, should somebody lose patience on a busy machine
                write_results(arguments.json, {"rows": rows})


if __name__ == "__main__":
    main()
