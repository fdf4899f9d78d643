"""The recurrent models of a comparison, several at a time: a process and its share of the threads for each.

Where a step gains little by a second thread, as an LSTM's with products in bfloat16, two models side by side are done
sooner (``docs/performance.md``). What they come to is what one process with as many threads would have made, to the
bit; the first process reads it back from their folders, as it does when a comparison is resumed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import torch

from rnn_lm.config import CorpusConfig, Precision
from rnn_lm.errors import UserError
from rnn_lm.experiments.crew import Job, Plan, Work, run_crew
from rnn_lm.experiments.members import CompareSettings, described, found, make_one, member_folder
from rnn_lm.experiments.model_runs import RecurrentSpec
from rnn_lm.experiments.scores import POLICIES, SCORED_SPLITS, SCORES
from rnn_lm.experiments.vectors import input_vectors
from rnn_lm.prepare import prepare
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.runtime import Runtime

_SCORING = 0.15
"""About what share of a model's time is scoring it."""
_TEXTS = len(POLICIES) * len(SCORED_SPLITS)


def make_side_by_side(
    settings: CompareSettings,
    specs: Sequence[RecurrentSpec],
    words: int,
    folder: Path,
    progress: Progress,
    runtime: Runtime | None,
    workers: int,
    *,
    resume: bool,
) -> Collection[int]:
    """Train and score the models that have not been, ``workers`` at a time; with one worker none.

    Args:
        settings: of the comparison.
        specs: its models.
        words: size of the vocabulary.
        folder: of the comparison, in which its input vectors are kept already.
        progress: told how far all of them are.
        runtime: the precision.
        workers: how many at a time.
        resume: unfinished models are gone on with.

    Returns:
        The numbers of those that were made, in ``specs``.

    Raises:
        TrainingInterrupted, UserError: see ``run_crew``.
    """
    missing = [number for number, spec in enumerate(specs) if not (_folder(folder, spec) / SCORES).exists()]
    # By how many there are to be in all: a run that is resumed goes on with the threads that it began with.
    workers = min(workers, len(specs))
    if workers <= 1 or not missing:
        return ()
    plan = Plan(
        begin,
        (settings, folder, (runtime or Runtime()).precision, resume),
        {number: _job(number, specs, settings, words) for number in missing},
        (1 - _SCORING, *[_SCORING / _TEXTS] * _TEXTS),
        threads=max(1, torch.get_num_threads() // workers),
    )
    threads = "a thread" if plan.threads == 1 else f"{plan.threads} threads"
    progress.say(f"workers     {min(workers, len(missing))} models at a time, {threads} each")
    run_crew(plan, workers, progress)
    return missing


def begin(settings: CompareSettings, folder: Path, precision: Precision, resume: bool) -> Work:
    """In a worker: read the corpus and the vectors that are kept; returns what makes the model of a number."""
    prepared = prepare(settings.corpus, SilentProgress(), folder)
    vectors = input_vectors(settings.embedding, prepared, folder, settings.training.seed, SilentProgress())
    specs, size = settings.specs(len(prepared.vocabulary), vectors), len(prepared.vocabulary)

    def work(number: int, progress: Progress) -> None:
        spec = specs[number]
        progress.say(found(make_one(spec, folder, prepared, progress, Runtime(precision), resume=resume), size))

    return work


def require_readable_again(corpus: CorpusConfig) -> None:
    """Raise ``UserError`` where the text cannot be read by each of several processes."""
    for name in corpus.corpus:
        if Path(name).is_fifo():
            raise UserError(f"--corpus {name}: is a pipe, which --workers cannot each read; give a file")


def _folder(folder: Path, spec: RecurrentSpec) -> Path:
    return member_folder(folder, spec.name, seed=spec.training.seed)


def _job(number: int, specs: Sequence[RecurrentSpec], settings: CompareSettings, words: int) -> Job:
    spec = specs[number]
    name = spec.name if settings.seeds == 1 else f"{spec.name}, seed {spec.training.seed}"
    return Job(f"[{number + 1}/{len(specs)}] {described(spec, words)}", name)
