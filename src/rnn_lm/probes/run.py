"""The long-range probe from beginning to end: train and ask every model, then draw the curves and test the claims.

What one process does in one go is a ``Job``: one probe, model and seed. Its outcome is kept in the folder as soon as it
is there, so that a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import torch

from rnn_lm.config import from_json, to_json
from rnn_lm.errors import UserError
from rnn_lm.files import make_folder, read_json, write_json
from rnn_lm.layers.asking import answers_late
from rnn_lm.limits import flag
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.models import probe_label
from rnn_lm.probes.outcomes import Job, Outcome, load_outcome, run_job
from rnn_lm.probes.results import GeneratedResult
from rnn_lm.probes.summary import probe_summary
from rnn_lm.progress import Progress

MOST_ON_DEVICE = 4
"""Processes that share an accelerator, unless more are asked for. Models this small keep the program busy with handing
kernels over, and the device with little; but each process takes some of its memory for itself."""
_FREE_SETTINGS = ("probes", "models", "seeds", "workers")
"""Settings that say which outcomes there are, not what is in them."""


def run_probe(
    config: ProbeConfig, folder: Path, progress: Progress, device: torch.device | None = None
) -> GeneratedResult:
    """Run what has not been run; return the whole as plain JSON (the "probes" of results.json) and write it to
    ``probes.json`` in the folder.

    Args:
        config: which probes, models, seeds, and how much.
        folder: where outcomes are kept and, by a later call with the same config, found.
        progress: told after each job.
        device: where neural models are trained and asked; default: the CPU.

    Raises:
        UserError: the folder holds outcomes of other settings, or cannot be written.
    """
    started = time.monotonic()
    begin_probe(config, folder)
    outcomes = _outcomes(config, folder, progress, device or torch.device("cpu"))
    results: GeneratedResult = {
        "settings": to_json(config),
        "seeds": list(seeds(config)),
        "models": [{"name": name, "label": probe_label(name)} for name in config.models],
        "seconds": time.monotonic() - started,
        "training_seconds": sum(outcome.seconds for outcome in outcomes),
        "probes": [
            probe_summary(name, config, [outcome for outcome in outcomes if outcome.probe == name])
            for name in config.probes
        ],
    }
    write_json(folder / "probes.json", results)
    return results


def seeds(config: ProbeConfig) -> range:
    """1 to the number of seeds."""
    return range(1, config.seeds + 1)


def begin_probe(config: ProbeConfig, folder: Path) -> None:
    """Make ``folder`` ready for outcomes; raises ``UserError`` where it holds those of other settings."""
    make_folder(folder / "runs")
    _require_same_settings(config, folder)


def jobs_of(config: ProbeConfig) -> list[Job]:
    """All that there is to do, seed by seed."""
    return [Job(probe, model, seed) for seed in seeds(config) for probe in config.probes for model in config.models]


def _outcomes(config: ProbeConfig, folder: Path, progress: Progress, device: torch.device) -> list[Outcome]:
    """Of every job, in order; those found in the folder are not run again."""
    jobs = jobs_of(config)
    found = {job: load_outcome(job, folder) for job in jobs}
    missing = [job for job, outcome in found.items() if outcome is None]
    with progress.task("probes", float(len(jobs))) as task:
        done = float(len(jobs) - len(missing))
        task.update(done)
        for job, outcome in _run(missing, config, folder, device):
            found[job] = outcome
            done += 1
            task.update(done, last=f"{job.probe}, {probe_label(job.model)}, seed {job.seed}")
    return [outcome for outcome in found.values() if outcome is not None]


def _run(jobs: Sequence[Job], config: ProbeConfig, folder: Path, device: torch.device) -> Iterator[tuple[Job, Outcome]]:
    """Run jobs, side by side where there are cores for it, in whatever order they finish."""
    cores = os.cpu_count() or 1
    workers = min(config.workers or (min(cores, MOST_ON_DEVICE) if answers_late(device) else cores), len(jobs))
    if workers <= 1:
        yield from ((job, run_job(job, config, folder, device)) for job in jobs)
        return
    if device.type == "cuda":
        torch.cuda.empty_cache()  # memory that this process keeps in store is none of the workers'
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_stop_quietly) as pool:
        try:
            running = {pool.submit(run_job, job, config, folder, device): job for job in jobs}
            for future in as_completed(running):
                yield running[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _stop_quietly() -> None:
    """Let Ctrl-C end a worker without a traceback; the main process says what there is to say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _require_same_settings(config: ProbeConfig, folder: Path) -> None:
    """Outcomes in ``folder`` may be reused only where they were made with these settings, the seeds' number apart."""
    path = folder / "settings.json"
    settings = {name: value for name, value in to_json(config).items() if name not in _FREE_SETTINGS}
    settings["distances"] = list(config.distances)
    if not path.exists():
        write_json(path, settings)
        return
    before = to_json(from_json(ProbeConfig, read_json(path), str(path)))
    before["distances"] = list(before["distances"])
    for name, value in settings.items():
        if before.get(name) != value:
            raise UserError(
                f"{folder}: was run with {flag(name)} {before.get(name)}, not {value}: choose another folder"
            )
