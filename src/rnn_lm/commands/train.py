"""``rnn-lm train``: one recurrent model into one folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from rnn_lm.config import CorpusConfig, EmbeddingConfig, ModelConfig, RuntimeConfig, TrainingConfig
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
    """quick, ten-minutes or ptb-ten-minutes-gpu: for that much training. Or a published recipe: zaremba-small,
    zaremba-medium, zaremba-large, awd-lstm, mogrifier, lstm-24m, mogrifier-24m. Default: by a --budget of time, or
    quick."""
    start_from: str | None = None
    """Folder of a run: begin with the weights of its model instead of a random start, on its text where --corpus names
    no other. Shape and vocabulary are the model's; all about the training is anew, and may differ."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)


def run(options: Options) -> None:
    """Train, and say what came of it."""
    from rnn_lm.experiments.train import TrainSettings, check_train, run_train
    from rnn_lm.runtime import start_runtime
    from rnn_lm.settings.keeping import keep_settings
    from rnn_lm.training.log import gradient_summary
    from rnn_lm.training.validation import shown_perplexity

    settings = TrainSettings(options.corpus, options.embedding, options.model, options.training, options.start_from)
    check_train(settings, options.out, resume=options.resume)
    runtime = start_runtime(options.runtime)
    progress = TerminalProgress() if runtime.first else SilentProgress()
    begun = partial(keep_settings, options.out, options)
    result = run_train(settings, options.out, progress, runtime, begun=begun, resume=options.resume).result
    if not runtime.first:
        return
    position, summary = result.position, gradient_summary(result.log.steps, options.training.seed)
    best = shown_perplexity(position.best_valid_nll)
    progress.say(
        f"trained {position.step:,} steps in {duration(position.seconds)}; best valid perplexity "
        f"{best:.2f} at step {position.best_step:,}; gradient clipped in "
        f"{summary['clipped_share']:.0%} of steps, {summary['loss_spikes']} loss spikes"
    )
    progress.say(f"model in {options.out}; next: rnn-lm evaluate {options.out}, or rnn-lm generate {options.out}")
