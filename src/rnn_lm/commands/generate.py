"""``rnn-lm generate``: a model writes, a word at a time."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from rnn_lm.config import GenerationConfig


@dataclass(frozen=True)
class Options:
    """Let a trained model write; each word is printed as soon as it is drawn."""

    run: Annotated[Path, tyro.conf.Positional]
    """Model folder, as train, ngram or compare left it; or an ARPA file."""
    generation: GenerationConfig = field(default_factory=GenerationConfig)


def run(options: Options) -> None:
    """Write to the terminal."""
    from rich.console import Console

    from rnn_lm.corpora import resolve, tokenize_line
    from rnn_lm.evaluation.generation import Repetition, check_prompt, generate
    from rnn_lm.experiments.arpa_models import open_model
    from rnn_lm.progress import TerminalProgress
    from rnn_lm.text.display import TextWriter

    stored = open_model(options.run, TerminalProgress(Console(stderr=True, highlight=False)))
    prompt = tokenize_line(options.generation.prompt, stored.corpus, stored.tokenizer)
    unknown = check_prompt(prompt, stored.vocabulary)
    if unknown:
        print(f"note: not in the model's vocabulary, read as <unk>: {', '.join(unknown)}", file=sys.stderr)
    writer = TextWriter(resolve(stored.corpus).tokens)
    for token in prompt:
        print(writer.add(token), end="", flush=True)
    repetition = Repetition()
    for index in generate(stored.model, stored.vocabulary.encode(prompt), options.generation, stored.vocabulary):
        repetition.add(index)
        print(writer.add(stored.vocabulary.tokens[index]), end="", flush=True)
    print()
    greedy = options.generation.temperature == 0 or options.generation.top_k == 1
    if greedy and (period := repetition.period) is not None:
        tokens = "token" if period == 1 else f"{period} tokens"
        print(
            f"note: the text repeats its last {tokens} over and over, as greedy choice does; "
            "--temperature 1, or with it --top-p 0.9, draws instead",
            file=sys.stderr,
        )
