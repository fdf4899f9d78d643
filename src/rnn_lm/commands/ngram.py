"""``rnn-lm ngram``: the baseline on its own, from text or from an ARPA file."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from rnn_lm.config import CorpusConfig, NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import Progress, TerminalProgress


@dataclass(frozen=True)
class Options:
    """Train an interpolated modified Kneser-Ney n-gram model; print its perplexity; write ARPA, or read it."""

    out: Path = Path("runs/ngram")
    """Folder for the model."""
    resume: bool = False
    """Take up the model in --out (or train it, if there is none)."""
    arpa: Path | None = None
    """Also write the model to this ARPA file (.gz compresses), which KenLM and SRILM read."""
    overwrite: bool = False
    """Replace the file of --arpa where it is there already."""
    from_arpa: Path | None = None
    """Train nothing: take the model of this ARPA file, made by KenLM, SRILM or rnn-lm, into --out. Text for it is
    tokenized as that of its maker was, and separated by white space."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    ngram: NgramConfig = field(default_factory=NgramConfig)

    def __post_init__(self) -> None:
        if self.arpa is not None and self.ngram.boundary == "stream":
            raise UserError("--arpa: n-grams across <eos> do not fit the ARPA format; use --boundary sentence")
        if self.from_arpa is not None:
            if self.corpus != CorpusConfig() or self.ngram != NgramConfig():
                raise UserError(
                    "--from-arpa takes a finished model: leave out the flags of the corpus and of the n-gram"
                )
            if self.arpa is not None:
                raise UserError("--arpa writes a model that was trained: with --from-arpa, copy the file")


def run(options: Options) -> None:
    """Train, score valid and test, and write; or take over what another program has trained."""
    progress = TerminalProgress()
    if options.from_arpa is None:
        _train(options, progress)
        progress.say(f"model in {options.out}; next: rnn-lm generate {options.out}")
        return
    from rnn_lm.experiments.arpa_models import keep_arpa
    from rnn_lm.settings.keeping import keep_settings

    model = keep_arpa(options.from_arpa, options.out, progress, resume=options.resume)
    keep_settings(options.out, options)
    progress.say(f"order {model.config.order} read from {options.from_arpa}: {_stored(model.ngram_counts)} n-grams")
    progress.say(f"model in {options.out}; next: rnn-lm evaluate {options.out} --text FILE")


def _train(options: Options, progress: Progress) -> None:
    from rnn_lm.corpora import resolve
    from rnn_lm.evaluation.perplexity import score_text
    from rnn_lm.experiments.model_runs import train_ngram
    from rnn_lm.files import require_output
    from rnn_lm.models.arpa import check_tokens, write_arpa
    from rnn_lm.prepare import prepare
    from rnn_lm.runs import require_run_folder, require_same_settings
    from rnn_lm.settings.keeping import keep_settings

    if options.arpa is not None:
        require_output(options.arpa, "--arpa", overwrite=options.overwrite)
    require_run_folder(options.out, resume=options.resume)
    require_same_settings(options.out, "ngram", {"corpus": resolve(options.corpus), "ngram": options.ngram})
    prepared = prepare(options.corpus, progress, options.out)
    if options.arpa is not None:
        check_tokens(options.arpa, prepared.vocabulary.tokens)
    started = time.monotonic()
    model = train_ngram(options.out, options.ngram, prepared, progress, resume=options.resume)
    seconds = time.monotonic() - started
    keep_settings(options.out, options)
    progress.say(f"order {options.ngram.order} trained in {seconds:.1f} s: {_stored(model.ngram_counts)} n-grams")
    for split in ("valid", "test"):
        total = score_text(model, prepared.texts[split], options.ngram.boundary).total
        reading = prepared.readings[split]
        per_word = reading.perplexity_per_word(total)
        progress.say(
            f"  {split:<6} perplexity {total.perplexity:.2f}  ({total.token_count:,} tokens, <eos> counted)"
            + (f"  {per_word:.2f} per word" if per_word is not None else "")
            + reading.beside(total)
        )
    if note := prepared.readings["test"].note(options.out.name):
        progress.say(f"note: {note}")
    if options.arpa is not None:
        write_arpa(options.arpa, model, prepared.vocabulary.tokens)
        progress.say(f"ARPA: {options.arpa}")


def _stored(ngram_counts: tuple[int, ...]) -> str:
    return " + ".join(f"{count:,}" for count in ngram_counts)
