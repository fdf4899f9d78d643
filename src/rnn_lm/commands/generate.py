"""``rnn-lm generate``: a model writes, a word at a time."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from rnn_lm.config import DeviceConfig, GenerationConfig


@dataclass(frozen=True)
class Options:
    """Let a trained model write; each word is printed as soon as it is drawn."""

    run: Annotated[Path, tyro.conf.Positional]
    """Model folder, as train, ngram or compare left it; or an ARPA file."""
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    compute: DeviceConfig = field(default_factory=DeviceConfig)


def run(options: Options) -> None:
    """Write to the terminal."""
    from rich.console import Console

    from rnn_lm.evaluation.generation import (
        Repetition,
        check_prompt,
        generate,
        why_not_int8,
        why_not_int8_layers,
    )
    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.progress import TerminalProgress
    from rnn_lm.runtime import open_device

    device = open_device(options.compute)
    stored = open_model(options.run, TerminalProgress(Console(stderr=True, highlight=False))).to(device)
    codec = stored.codec
    prompt = codec.tokens(options.generation.prompt)
    unknown = check_prompt(prompt, stored.vocabulary)
    if unknown:
        print(f"note: not in the model's vocabulary, read as <unk>: {', '.join(unknown)}", file=sys.stderr)
    if reason := why_not_int8(stored.model, options.generation):
        print(f"note: --decoder-precision float32 is taken: {reason}", file=sys.stderr)
    if reason := why_not_int8_layers(stored.model, options.generation):
        print(f"note: --layer-precision float32 is taken: {reason}", file=sys.stderr)
    decoder, repetition = codec.decoder(), Repetition()
    for token in prompt:
        print(decoder.add_token(token), end="", flush=True)  # as it was typed, also where the model reads <unk>
    for index in generate(stored.model, codec.vocabulary.encode(prompt), options.generation, codec.vocabulary):
        repetition.add(index)
        print(decoder.add(index), end="", flush=True)
    print(decoder.finish())
    greedy = options.generation.temperature == 0 or options.generation.top_k == 1
    if greedy and (period := repetition.period) is not None:
        tokens = "token" if period == 1 else f"{period} tokens"
        print(
            f"note: the text repeats its last {tokens} over and over, as greedy choice does; "
            "--temperature 1, or with it --top-p 0.9, draws instead",
            file=sys.stderr,
        )
