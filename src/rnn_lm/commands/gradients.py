"""``rnn-lm gradients``: where gradients go, and what clipping does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rnn_lm.config import CorpusConfig, DeviceConfig
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """Gradient norm by lag, Jacobians, Lyapunov exponents and the clipping experiment, on real text."""

    out: Path = Path("runs/gradients")
    """Folder for results.json, figures and the models trained for it."""
    resume: bool = False
    """Go on with the run in --out (or start it, if there is none)."""
    runs: tuple[Path, ...] = ()
    """Look into these trained models (folders of train or compare) instead of training small ones."""
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    gradients: GradientsConfig = field(default_factory=GradientsConfig)
    compute: DeviceConfig = field(default_factory=DeviceConfig)


def run(options: Options) -> None:
    """Measure, print the tables, and draw."""
    from rnn_lm.files import write_json
    from rnn_lm.gradients.run import require_float64, require_reach, run_gradients
    from rnn_lm.gradients.subjects import load_subjects
    from rnn_lm.prepare import prepare
    from rnn_lm.report.figures_gradients import draw_gradients
    from rnn_lm.report.tables_gradients import gradients_tables
    from rnn_lm.report.terminal import print_tables
    from rnn_lm.runs import require_run_folder, start_run
    from rnn_lm.runtime import start_on
    from rnn_lm.settings.keeping import keep_settings

    require_run_folder(options.out, resume=options.resume)
    runtime = start_on(options.compute)
    require_float64(runtime.device)
    progress = TerminalProgress()
    prepared = prepare(options.corpus, progress)
    trained = load_subjects(options.runs, prepared.vocabulary)
    require_reach(options.gradients, trained)
    runs = [str(path) for path in options.runs]
    config = {"corpus": prepared.config, "gradients": options.gradients, "runs": runs}
    start_run(options.out, "gradients", config, options.resume, prepared.digests)
    keep_settings(options.out, options)
    results = {"gradients": run_gradients(options.gradients, prepared, options.out, progress, trained, runtime)}
    write_json(options.out / "results.json", results)
    print_tables(gradients_tables(results["gradients"]), progress.console)
    for path in draw_gradients(results, options.out / "figures", progress.say):
        progress.say(f"figure: {path}")
