"""``rnn-lm ngram``: the baseline on its own."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from rnn_lm.config import CorpusConfig, NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """Train an interpolated modified Kneser-Ney n-gram model; print its perplexity; write ARPA."""

    out: Path = Path("runs/ngram")
    """Folder for the model."""
    resume: bool = False
    """Take up the model in --out (or train it, if there is none)."""
    arpa: Path | None = None
    """Also write the model to this ARPA file (.gz compresses), which KenLM and SRILM read."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    ngram: NgramConfig = field(default_factory=NgramConfig)

    def __post_init__(self) -> None:
        if self.arpa is not None and self.ngram.boundary == "stream":
            raise UserError("--arpa: n-grams across <eos> do not fit the ARPA format; use --boundary sentence")


def run(options: Options) -> None:
    """Train, score valid and test, and write."""
    from rnn_lm.evaluation.perplexity import score_text
    from rnn_lm.experiments.model_runs import train_ngram
    from rnn_lm.experiments.prepare import prepare
    from rnn_lm.models.arpa import write_arpa

    progress = TerminalProgress()
    prepared = prepare(options.corpus, progress, options.out)
    started = time.monotonic()
    model = train_ngram(options.out, options.ngram, prepared, resume=options.resume)
    stored = " + ".join(f"{count:,}" for count in model.ngram_counts)
    progress.say(f"order {options.ngram.order} trained in {time.monotonic() - started:.1f} s: {stored} n-grams")
    for split in ("valid", "test"):
        total = score_text(model, prepared.texts[split], options.ngram.boundary).total
        progress.say(
            f"  {split:<6} perplexity {total.perplexity:.2f}  ({total.token_count:,} tokens, <eos> counted)"
            f"  {total.perplexity_per_word:.2f} per word"
        )
    if options.arpa is not None:
        write_arpa(options.arpa, model, prepared.vocabulary.tokens)
        progress.say(f"ARPA: {options.arpa}")
    progress.say(f"model in {options.out}; next: rnn-lm generate {options.out}")
