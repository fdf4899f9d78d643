"""``rnn-lm compare``: the main job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rnn_lm.conditions import Wanted, above, either, holding, only
from rnn_lm.config import (
    CorpusConfig,
    EmbeddingConfig,
    GenerationConfig,
    ModelConfig,
    NgramConfig,
    RuntimeConfig,
    TrainingConfig,
)
from rnn_lm.errors import UserError
from rnn_lm.limits import cores_and_most_processes
from rnn_lm.probes.config import SMALL
from rnn_lm.progress import TerminalProgress, duration

if TYPE_CHECKING:
    from rnn_lm.experiments.members import CompareSettings

_ELMAN = Wanted(lambda names: any(name.startswith("rnn") for name in names), lambda flag: f"{flag} rnn", quick=False)
_DROPOUTS = (
    "dropout_output", "dropout_input", "dropout_between", "dropout_embedding", "dropout_recurrent", "dropout_state"
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """Compare language models on one corpus, and write a report: n-gram, vanilla RNN, GRU and LSTM, or others."""

    FIRST: ClassVar = (
        "corpus", "preset", "models", "hidden_size", "budget", "embedding", "seeds", "out", "resume"
    )  # fmt: skip
    FORMER: ClassVar = {"--cells": "give --models, which also names the n-gram, as in --models ngram rnn lstm"}
    IDLE: ClassVar = {
        "boundary": "compare trains an n-gram model for either boundary",
        "prompt": "compare lets models go on from the corpus's own sentences",
    }

    out: Path = Path("runs/compare")
    """Folder for everything: report.html, results.json and a folder per model."""
    resume: bool = False
    """Go on with the comparison in --out (or start it, if there is none)."""
    workers: int = 1
    """Recurrent models trained and scored at a time, a process each with its share of the threads; on the CPU alone.
    Sooner done where a step gains little by more threads: in bfloat16 (--precision), or where models are small; in
    float32 hardly. What the parts can be made of, and word2vec, is made beside them. A --budget of time is each
    model's own, with fewer threads."""
    seeds: int = 1
    """Train each neural model this many times, from --seed on; intervals then cover seeds as well as sentences."""
    models: tuple[str, ...] = ("ngram", "rnn", "gru", "lstm")
    """Models to compare: ngram, any cell of --cell, attention, or what other packages offer. Sizes of neural ones are
    matched to the parameter count of --cell with --hidden-size."""
    parts: tuple[str, ...] = ("probes", "gradients", "theory")
    """What to add about the models, on a small budget: probes, gradients, theory. --parts alone adds nothing."""
    suites: tuple[str, ...] = field(default=SMALL.probes, metadata=only(parts=holding("probes")))
    """Generated suites that --parts probes trains on and asks: agreement, recall, reference, or what other packages
    offer."""
    rnn_learning_rate: float = field(default=1.5e-3, metadata=only(models=_ELMAN))
    """Peak learning rate of the Elman cells, which want a lower one than gated cells."""
    rnn_dropout_scale: float = field(
        default=1.0, metadata=either(*(only(models=_ELMAN, **{dropout: above(0)}) for dropout in _DROPOUTS))
    )
    """What every dropout is multiplied by for the Elman cells."""
    preset: str | None = None
    """quick, ten-minutes or ptb-ten-minutes-gpu: for that much training. Or a published recipe: zaremba-small,
    zaremba-medium, zaremba-large, awd-lstm, mogrifier, lstm-24m, mogrifier-24m. Default: by a --budget of time, or
    quick."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    ngram: NgramConfig = field(default_factory=NgramConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    generation: GenerationConfig = field(default_factory=GenerationConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= 1000:
            raise UserError("--seeds must be 1 to 1000")
        if not 0 < self.rnn_learning_rate <= 1e4:
            raise UserError("--rnn-learning-rate must be above 0, and at most 10,000")
        if self.runtime.processes > 1:
            raise UserError("--processes is for rnn-lm train; compare trains several models at a time with --workers")
        cores, most = cores_and_most_processes()
        if not 1 <= self.workers <= most:
            raise UserError(f"--workers must be 1 to {most} on {cores} cores")
        if self.workers > 1 and self.runtime.device not in ("auto", "cpu"):
            raise UserError(f"--workers is for the CPU: leave it out, or leave out --device {self.runtime.device}")
        if not 0 <= self.rnn_dropout_scale <= 1:
            raise UserError("--rnn-dropout-scale must be in [0, 1]")
        if not self.suites or len(set(self.suites)) < len(self.suites):
            raise UserError("--suites needs one name or more, each once; --parts without probes asks none")
        if not self.models or len(set(self.models)) < len(self.models):
            raise UserError("--models needs at least one model, each named once, e.g. --models ngram rnn lstm")
        if listed := next((name for name in self.models if "," in name), None):
            words = " ".join(listed.replace(",", " ").split()) or "ngram rnn gru lstm"
            raise UserError(f"--models {listed}: write spaces between them: --models {words}")

    def alternatives(self) -> dict[str, tuple[str, ...]]:
        """Settings that take several values at once: the cells are those compared, and the one that sizes go by."""
        return {"cell": tuple(name for name in self.models if name != "ngram")}


def run(options: Options) -> None:
    """Compare, write results.json and report.html, and print the tables."""
    from rnn_lm.experiments.comparison import check_compare, run_comparison
    from rnn_lm.experiments.next_steps import next_steps
    from rnn_lm.report.terminal import print_results
    from rnn_lm.runtime import start_runtime
    from rnn_lm.settings.keeping import keep_settings

    started = time.monotonic()
    settings = settings_of(options)
    check_compare(settings, options.out, resume=options.resume, workers=options.workers)
    runtime = start_runtime(options.runtime)
    progress = TerminalProgress()
    begun = partial(keep_settings, options.out, options)
    results = run_comparison(
        settings, options.out, progress, runtime, begun=begun, resume=options.resume, workers=options.workers
    )
    print_results(results, progress.console)
    progress.say(f"done in {duration(time.monotonic() - started)}: {options.out / 'report.html'}. What next:")
    for line in next_steps(results, options.out):
        progress.say(f"  {line}")


def settings_of(options: Options) -> CompareSettings:
    """What the flags come to."""
    from rnn_lm.corpora import resolve
    from rnn_lm.experiments.members import CompareSettings, usual_rates

    elman = [name for name in options.models if name.startswith("rnn")]
    return CompareSettings(
        resolve(options.corpus),
        options.ngram,
        options.embedding,
        options.model,
        options.training,
        options.generation,
        options.models,
        usual_rates(options.models, options.training) | dict.fromkeys(elman, options.rnn_learning_rate),
        dict.fromkeys(elman, options.rnn_dropout_scale),
        options.seeds,
        options.parts,
        options.suites,
    )
