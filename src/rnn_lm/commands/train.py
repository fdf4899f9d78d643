"""``rnn-lm train``: one recurrent model into one folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from rnn_lm.config import CorpusConfig, EmbeddingConfig, ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress, TerminalProgress, duration


@dataclass(frozen=True)
class Options:
    """Train one recurrent language model."""

    FIRST: ClassVar = (
        "corpus", "preset", "cell", "hidden_size", "layers", "budget", "learning_rate", "out", "resume"
    )  # fmt: skip

    out: Path = Path("runs/train")
    """Folder for the model, its checkpoints and its log."""
    resume: bool = False
    """Go on with the run in --out (or start it, if there is none)."""
    preset: str | None = None
    """quick or ten-minutes: defaults found good for that much training. Or a published recipe: zaremba-small,
    zaremba-medium, zaremba-large, awd-lstm, mogrifier. Default: by a --budget of time, or quick."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def run(options: Options) -> None:
    """Train, and say what came of it."""
    from rnn_lm.corpora import resolve
    from rnn_lm.corpora.subwords import TOKENIZER
    from rnn_lm.embeddings import require_source
    from rnn_lm.experiments.model_runs import RecurrentSpec, train_recurrent
    from rnn_lm.experiments.vectors import input_vectors
    from rnn_lm.prepare import prepare
    from rnn_lm.runs import require_run_folder, require_same_settings
    from rnn_lm.runtime import start_runtime
    from rnn_lm.settings.keeping import keep_settings
    from rnn_lm.training.log import gradient_summary
    from rnn_lm.training.sizes import require_model_fits
    from rnn_lm.training.trainer import LARGEST_NLL

    require_run_folder(options.out, resume=options.resume)
    require_model_fits(1, options.embedding.embedding_size, options.model, options.training)
    require_source(options.embedding)
    settings = {"embedding": options.embedding, "model": options.model, "training": options.training}
    require_same_settings(options.out, "recurrent", {"corpus": resolve(options.corpus), **settings})
    runtime = start_runtime(options.runtime)
    progress = TerminalProgress() if runtime.first else SilentProgress()
    if runtime.size > 1 and options.corpus.tokens == "unigram" and not (options.out / TOKENIZER).exists():
        raise UserError("--tokens unigram learns other pieces in each process: give --tokens bpe, or --processes 1")
    with runtime.first_goes_first():
        prepared = prepare(options.corpus, progress, options.out)
    vectors = None
    if runtime.first:
        vectors = input_vectors(options.embedding, prepared, None, options.training.seed, progress)
    vectors = runtime.from_first(vectors)
    assert vectors is not None
    spec = RecurrentSpec(
        options.model.cell, options.model, options.training, options.embedding, vectors.vectors_ve, vectors.size
    )
    begun = partial(keep_settings, options.out, options)
    result = train_recurrent(
        options.out, spec, prepared, progress, runtime=runtime, begun=begun, resume=options.resume
    ).result
    if not runtime.first:
        return
    position, summary = result.position, gradient_summary(result.log.steps, options.training.seed)
    best = math.exp(min(position.best_valid_nll, LARGEST_NLL))
    progress.say(
        f"trained {position.step:,} steps in {duration(position.seconds)}; best valid perplexity "
        f"{best:.2f} at step {position.best_step:,}; gradient clipped in "
        f"{summary['clipped_share']:.0%} of steps, {summary['loss_spikes']} loss spikes"
    )
    progress.say(f"model in {options.out}; next: rnn-lm evaluate {options.out}, or rnn-lm generate {options.out}")
