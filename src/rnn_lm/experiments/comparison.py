"""A comparison in a folder of its own, with results.json and report.html: what ``rnn-lm compare`` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rnn_lm.config import to_json
from rnn_lm.embeddings import require_source
from rnn_lm.experiments.compare import run_compare
from rnn_lm.experiments.members import CompareSettings
from rnn_lm.experiments.model_runs import matched_to
from rnn_lm.experiments.parts import check_parts
from rnn_lm.experiments.provenance import provenance
from rnn_lm.experiments.side_by_side import require_readable_again
from rnn_lm.files import write_json
from rnn_lm.models.families import family_of
from rnn_lm.progress import Progress
from rnn_lm.report.html import write_report
from rnn_lm.report.results import FORMAT, VERSION, Results, check_results
from rnn_lm.runs import require_run_folder, start_run
from rnn_lm.runtime import Runtime
from rnn_lm.training.sizes import require_model_fits

RESULTS = "results.json"
REPORT = "report.html"


def check_compare(settings: CompareSettings, folder: Path, *, resume: bool, workers: int = 1) -> None:
    """Find out, before any work, what can be known to be wrong.

    Raises:
        UserError: the folder holds a run that is not to be resumed; a part or cell is unknown; a model fits into no
            memory; there are no such vectors; or ``workers`` cannot all read the corpus.
    """
    require_run_folder(folder, resume=resume)
    check_parts(settings.parts, settings.suites)
    for name in settings.neural:  # unknown, or without code for --engine or --dropout-recurrent: known before training
        size = settings.embedding.embedding_size
        family_of(name).count(1, size, matched_to(name, settings.model, 1, size))
    require_model_fits(1, settings.embedding.embedding_size, settings.model, settings.training)
    require_source(settings.embedding)
    if workers > 1:
        require_readable_again(settings.corpus)


def run_comparison(
    settings: CompareSettings,
    folder: Path,
    progress: Progress,
    runtime: Runtime,
    *,
    resume: bool,
    workers: int = 1,
    begun: Callable[[], None] | None = None,
    call: str | None = None,
) -> Results:
    """Compare, and write results.json and report.html; returns what the former holds.

    Args:
        settings: which have passed ``check_compare``.
        folder: for everything; each model gets a folder in it.
        progress: told of everything.
        runtime: where the recurrent models are trained.
        resume: finished models are read back, an unfinished one is gone on with.
        workers: see ``run_compare``; on a device models are trained one after the other, and a line says so.
        begun: called as soon as the folder is a run's.
        call: what started it, for whoever reads the results; default: this process's command line.

    Raises:
        UserError: see ``start_run`` and ``run_compare``.
    """
    started = time.monotonic()
    start_run(folder, "compare", settings, resume)
    if begun is not None:
        begun()
    if workers > 1 and runtime.device.type != "cpu":
        progress.say(f"note        --workers is for the CPU: on {runtime.device} one model is trained after the other")
        workers = 1
    found = run_compare(settings, folder, progress, runtime, resume=resume, workers=workers)
    made = provenance(time.monotonic() - started, call)
    results: Results = {
        "format": FORMAT,
        "version": VERSION,
        "config": to_json(settings),
        **found,
        "made": {**made, "device": str(runtime.device), "precision": runtime.precision, "workers": workers},
    }
    write_json(folder / RESULTS, results)
    write_report(results, folder / REPORT)
    return check_results(results, str(folder / RESULTS))
