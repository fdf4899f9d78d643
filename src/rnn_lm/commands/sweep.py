"""``rnn-lm sweep``: a search over settings."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rnn_lm.conditions import given, only, require_effect
from rnn_lm.config import CorpusConfig, EmbeddingConfig, ModelConfig, RuntimeConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import TerminalProgress, duration
from rnn_lm.sweep.configs import RunConfigs, Value

if TYPE_CHECKING:
    from optuna import Study

    from rnn_lm.sweep.run import Sweep
    from rnn_lm.sweep.settings import SweepSettings


@dataclass(frozen=True)
class Options:
    """Search over any settings of train, with Optuna: trials with promising values, bad ones given up early."""

    out: Path = Path("runs/sweep")
    """Folder for results.json, figures, the study and a folder per trial; checkpoints are kept of the best alone."""
    resume: bool = False
    """Go on with the sweep in --out (or start it, if there is none), or join others that are at it."""
    space: tuple[str, ...] = ()
    """What to search over, each as NAME=LOW..HIGH, NAME=LOW..HIGH:log, NAME=LOW..HIGH:STEP or NAME=A,B,C, where NAME
    is any flag of embedding, model or training: learning-rate=1e-3..3e-2:log cell=lstm,gru. The other flags hold for
    all trials."""
    trials: int = 20
    """Trials to have ended, pruned ones included, over all processes and calls. More can be asked for on --resume."""
    pruner: Literal["median", "halving", "none"] = "median"
    """Which trials are given up early: median (worse than half of the complete ones at that share of the budget),
    halving (successive halving: one in three goes on from a tenth, three tenths and nine tenths), or none."""
    storage: str | None = None
    """Share the study through a database instead of a file in --out: sqlite:///FILE, postgresql://..., mysql://...,
    redis://..."""
    study_name: str = field(default="sweep", metadata=only(storage=given))
    """Processes with the same --storage and --study-name share one study."""
    sampler_seed: int = 1
    """Seeds the choice of settings."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    # Not auto, which times each run anew: trials are compared with each other.
    runtime: RuntimeConfig = field(default_factory=lambda: RuntimeConfig(precision="32-true"))

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UserError("--trials must be at least 1")
        if not 0 <= self.sampler_seed < 2**63:
            raise UserError("--sampler-seed must be 0 or a positive number below 2^63")
        if self.runtime.processes > 1:
            raise UserError("--processes is for rnn-lm train; a sweep is shared by starting the same command again")

    def alternatives(self) -> dict[str, tuple[Value, ...]]:
        """Settings that take several values: those of the space."""
        from rnn_lm.sweep.space import parse_space

        if not self.space:
            return {}
        configs = RunConfigs(self.embedding, self.model, self.training)
        return {one.field: one.extremes for one in parse_space(self.space, configs)}


def run(options: Options) -> None:
    """Search; print the best trials, and write results.json and figures."""
    from rnn_lm.runtime import start_runtime

    runtime = start_runtime(options.runtime)
    _require_optuna()
    from rnn_lm.prepare import prepare
    from rnn_lm.sweep.run import Sweep
    from rnn_lm.sweep.storage import storage_errors

    settings = _settings(options)
    progress = TerminalProgress()
    started = time.monotonic()
    prepared = prepare(options.corpus, progress)
    for note in settings.notes():
        progress.say(f"note        {note}")
    with storage_errors(options.storage):
        study = _start(options, settings, prepared.digests)
        sweep = Sweep(study, settings, prepared, options.out, options.trials, runtime)
        try:
            sweep.run(progress)
        finally:
            results = _write_results(sweep, options, time.monotonic() - started)
    _show(results["sweep"], options, progress)
    if results["sweep"]["best"] is None:
        raise UserError(_without_best(results["sweep"]["trials"], options.out))
    progress.say(f"done in {duration(time.monotonic() - started)}")


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401 (only to see whether it is there)
    except ImportError as error:
        raise UserError("sweep needs Optuna; install it with: pip install -c constraints.txt '.[sweep]'") from error


def _settings(options: Options) -> SweepSettings:
    from rnn_lm.sweep.settings import SweepSettings
    from rnn_lm.sweep.space import parse_space

    if options.storage is not None and "***" in options.storage:
        raise UserError(f"--storage {options.storage}: a run's file does not keep its password; give --storage again")
    configs = RunConfigs(options.embedding, options.model, options.training)
    space = parse_space(options.space, configs)
    settings = SweepSettings(options.corpus, configs, space, options.pruner, options.sampler_seed)
    settings.check_names()
    require_effect(options, {one.field: f"--space {one}" for one in space})
    return settings


def _start(options: Options, settings: SweepSettings, digests: dict[str, str]) -> Study:
    """Begin or take up the run's folder and its study; a database that cannot be used leaves no folder behind."""
    from rnn_lm.runs import start_run
    from rnn_lm.settings.keeping import keep_settings
    from rnn_lm.sweep.run import open_study
    from rnn_lm.sweep.storage import JOURNAL, open_database, open_journal, shown_url

    name, url = options.study_name, options.storage
    config = {**settings.to_json(), **settings.parts(), "storage": url and shown_url(url), "study_name": name}
    if url is not None:
        study = open_study(open_database(url), name, settings)
        start_run(options.out, "sweep", config, options.resume, digests)
        keep_settings(options.out, replace(options, storage=shown_url(url)))
        return study
    start_run(options.out, "sweep", config, options.resume, digests)
    keep_settings(options.out, options)
    return open_study(open_journal(options.out / JOURNAL), name, settings)


def _write_results(sweep: Sweep, options: Options, seconds: float) -> dict[str, Any]:
    """Write results.json with every trial so far, also where Ctrl-C ended the sweep."""
    from rnn_lm.experiments.provenance import provenance
    from rnn_lm.files import write_json
    from rnn_lm.sweep.outcomes import describe
    from rnn_lm.sweep.storage import shown_url

    made = provenance(seconds)
    results = {
        "format": "rnn_lm sweep results",
        "version": 1,
        "made": {
            **made,
            "command": shown_url(made["command"]),
            "device": str(sweep.runtime.device),
            "precision": sweep.runtime.precision,
        },
        "config": sweep.settings.to_json(),
        "sweep": describe(sweep.study, sweep.settings, options.out, sweep.runtime.precision),
    }
    write_json(options.out / "results.json", results)
    return results


def _without_best(trials: list[dict[str, Any]], out: Path) -> str:
    """Why there is no best trial, in one line with the first reason that a trial gives."""
    reasons = [trial["reason"] for trial in trials if "reason" in trial]
    first = f" (the first: {reasons[0]})" if reasons else ""
    return (
        f"--space: none of {len(trials)} trials ended with a perplexity{first}; search where training goes well, e.g. "
        f"lower learning rates, with another --out. What became of each is in {out / 'results.json'}"
    )


def _show(sweep: dict[str, Any], options: Options, progress: TerminalProgress) -> None:
    from rnn_lm.checkpoint import BEST
    from rnn_lm.report.figures_sweep import draw_sweep
    from rnn_lm.report.tables_sweep import best_trials_table
    from rnn_lm.report.terminal import print_tables
    from rnn_lm.sweep.run import TRIALS
    from rnn_lm.sweep.trial import trial_folder

    table = best_trials_table(sweep)
    if table.rows:
        print_tables([table], progress.console)
    else:
        progress.say(table.caption)
    for path in draw_sweep(sweep, options.out / "figures", progress.say):
        progress.say(f"figure: {path}")
    if sweep["best"] is not None:
        folder = trial_folder(options.out / TRIALS, sweep["best"]["number"])
        if (folder / BEST).exists():  # else the best trial was another machine's
            progress.say(f"best model in {folder}; next: rnn-lm evaluate {folder}")
        progress.say(f"the best trial again: {sweep['best']['command']}")
