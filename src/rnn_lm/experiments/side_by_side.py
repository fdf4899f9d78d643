"""What a comparison is made of, several pieces at a time: a process and its share of the threads for each.

Where a step gains little by a second thread, as an LSTM's with products in bfloat16, two models side by side are done
sooner (``docs/performance.md``); and what keeps one thread busy, as word2vec, the theory and the probes' small networks
do, is done beside them. A piece is begun once those that it needs are there::

    word2vec ──▶ rnn ──▶ gradients of it       lstm with random input      a network of the probes      theory
             └─▶ lstm ─▶ gradients of it                                   another ...

What the models come to is what one process with as many threads would have made, to the bit; each piece is kept in the
comparison's folder, where the first process reads it back, as it does when a comparison is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from rnn_lm.config import CorpusConfig, Precision
from rnn_lm.errors import UserError
from rnn_lm.experiments.crew import Job, Plan, Work, run_crew
from rnn_lm.experiments.members import CompareSettings, described, found, make_one, member_folder
from rnn_lm.experiments.model_runs import RecurrentSpec
from rnn_lm.experiments.parts import probes_asked, subject_of
from rnn_lm.experiments.scores import POLICIES, SCORED_SPLITS, SCORES
from rnn_lm.experiments.vectors import InputVectors, input_vectors
from rnn_lm.files import make_folder
from rnn_lm.gradients.config import for_compare
from rnn_lm.gradients.run import clip, look_into
from rnn_lm.layers.cells import CELLS
from rnn_lm.prepare import PreparedCorpus, prepare
from rnn_lm.probes import outcomes as probe_outcomes
from rnn_lm.probes.models import probe_label
from rnn_lm.probes.run import begin_probe, jobs_of
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.theory import config as theory_config
from rnn_lm.theory.run import run_theory
from rnn_lm.training.trainer import TrainingData

WORD2VEC = "word2vec"
_SCORING = 0.15
"""About what share of a model's time is scoring it."""
_TEXTS = len(POLICIES) * len(SCORED_SPLITS)
_MODEL_WEIGHTS = (1 - _SCORING, *[_SCORING / _TEXTS] * _TEXTS)


@dataclass(frozen=True)
class _Site:
    """Where a worker does its pieces, with what several of them need."""

    settings: CompareSettings
    folder: Path
    precision: Precision
    resume: bool

    @cached_property
    def prepared(self) -> PreparedCorpus:
        return prepare(self.settings.corpus, SilentProgress(), self.folder)

    @cached_property
    def planned(self) -> list[RecurrentSpec]:
        """The models, without word2vec's vectors."""
        return _planned(self.settings, self.prepared, self.folder, SilentProgress())

    @cached_property
    def specs(self) -> list[RecurrentSpec]:
        """The models, with vectors, which are kept in the folder by the time that this is asked for."""
        return self.settings.specs(len(self.prepared.vocabulary), self.vectors(SilentProgress()))

    def spec(self, number: int) -> RecurrentSpec:
        """Of a model; one that starts at random, or with vectors read from a file, is planned as it will be."""
        planned = self.planned[number]
        as_it_will_be = _starts_at_random(planned) or planned.vectors_ve is not None
        return planned if as_it_will_be else self.specs[number]

    def vectors(self, progress: Progress) -> InputVectors:
        """Made, or read where they are kept."""
        seed = self.settings.training.seed
        return input_vectors(self.settings.embedding, self.prepared, self.folder, seed, progress)


Piece = Callable[[_Site, Progress], None]


@dataclass(frozen=True)
class _Vectors:
    """The input vectors."""

    def __call__(self, site: _Site, progress: Progress) -> None:
        site.vectors(progress)


@dataclass(frozen=True)
class _Model:
    """The model of a number in the specs, trained and scored."""

    number: int

    def __call__(self, site: _Site, progress: Progress) -> None:
        spec, runtime = site.spec(self.number), Runtime(site.precision)
        one = make_one(spec, site.folder, site.prepared, progress, runtime, resume=site.resume)
        progress.say(found(one, len(site.prepared.vocabulary)))


@dataclass(frozen=True)
class _Gradients:
    """Those of a trained model and of its fresh start."""

    number: int

    def __call__(self, site: _Site, progress: Progress) -> None:  # noqa: ARG002 (it tells nothing)
        spec, silent = site.spec(self.number), SilentProgress()
        model = make_one(spec, site.folder, site.prepared, silent, Runtime(site.precision), resume=True)[1]
        subject = subject_of(spec.name, model, silent)  # what is to be said of it, the first process says
        if subject is not None:
            folder = make_folder(site.folder / "gradients")
            look_into([subject], for_compare(), site.prepared, folder, silent, Runtime().device)


@dataclass(frozen=True)
class _Clipping:
    """The experiment with clipped gradients."""

    def __call__(self, site: _Site, progress: Progress) -> None:  # noqa: ARG002
        made = site.prepared
        data = TrainingData(made.texts["train"], made.texts["valid"], made.counts_v)
        clip(for_compare(), data, make_folder(site.folder / "gradients"), SilentProgress())


@dataclass(frozen=True)
class _Probe:
    """One network, or n-gram, of the probes."""

    job: probe_outcomes.Job

    def __call__(self, site: _Site, progress: Progress) -> None:  # noqa: ARG002
        folder = site.folder / "probes"
        if probe_outcomes.load_outcome(self.job, folder) is None:
            probe_outcomes.run_job(self.job, probes_asked(site.settings.suites), folder)


@dataclass(frozen=True)
class _Theory:
    """The networks of its recall experiment, which take most of its time."""

    def __call__(self, site: _Site, progress: Progress) -> None:  # noqa: ARG002
        run_theory(theory_config.SMALL, SilentProgress(), make_folder(site.folder / "theory"))


def make_side_by_side(
    settings: CompareSettings,
    prepared: PreparedCorpus,
    folder: Path,
    progress: Progress,
    runtime: Runtime | None,
    workers: int,
    *,
    resume: bool,
) -> Collection[int]:
    """Make what is missing of a comparison's models, and what its parts can be made of, ``workers`` pieces at a time.

    With one worker, or where all models are there, nothing.

    Args:
        settings: of the comparison.
        prepared: its corpus.
        folder: of the comparison.
        progress: told how far all pieces are.
        runtime: the precision of the models.
        workers: how many at a time.
        resume: unfinished models are gone on with.

    Returns:
        The numbers of the models that were made, in ``CompareSettings.specs``.

    Raises:
        TrainingInterrupted, UserError: see ``run_crew``.
    """
    if workers <= 1:
        return ()
    specs = _planned(settings, prepared, folder, progress)
    # By how many models there are to be in all: a run that is resumed goes on with the threads that it began with.
    workers = min(workers, len(specs))
    missing = [number for number, spec in enumerate(specs) if not (_folder(folder, spec) / SCORES).exists()]
    if workers <= 1 or not missing:
        return ()
    pieces = _pieces(settings, specs, missing, len(prepared.vocabulary), folder)
    plan = Plan(
        begin,
        (settings, folder, (runtime or Runtime()).precision, resume, [piece for piece, _ in pieces]),
        {number: job for number, (_, job) in enumerate(pieces)},
        threads=max(1, torch.get_num_threads() // workers),
    )
    threads = "a thread" if plan.threads == 1 else f"{plan.threads} threads"
    progress.say(f"workers     {min(workers, len(pieces))} models at a time, {threads} each")
    run_crew(plan, workers, progress)
    return missing


def begin(settings: CompareSettings, folder: Path, precision: Precision, resume: bool, pieces: Sequence[Piece]) -> Work:
    """In a worker: returns what makes the piece of a number."""
    site = _Site(settings, folder, precision, resume)
    return lambda number, progress: pieces[number](site, progress)


def require_readable_again(corpus: CorpusConfig) -> None:
    """Raise ``UserError`` where the text cannot be read by each of several processes."""
    for name in corpus.corpus:
        if Path(name).is_fifo():
            raise UserError(f"--corpus {name}: is a pipe, which --workers cannot each read; give a file")


def _pieces(
    settings: CompareSettings, specs: Sequence[RecurrentSpec], missing: Sequence[int], words: int, folder: Path
) -> list[tuple[Piece, Job]]:
    """The long ones first, and the short ones last: so all workers are done at about the same time.

    Sizes are those of the usual settings, where a model's is 1: they only say how far it all is.
    """
    pieces: list[tuple[Piece, Job]] = []
    if settings.embedding.embedding == WORD2VEC:
        pieces.append((_Vectors(), Job("", WORD2VEC, size=0.15, weights=(1.0,))))
    vectors = tuple(range(len(pieces)))
    models: dict[int, int] = {}
    # Of each seed first what waits for nothing. One seed of all is there before the next is begun.
    for number in sorted(missing, key=lambda one: (specs[one].training.seed, not _starts_at_random(specs[one]))):
        spec = specs[number]
        name = spec.name if settings.seeds == 1 else f"{spec.name}, seed {spec.training.seed}"
        line = f"[{len(models) + 1}/{len(missing)}] {described(spec, words)}"
        after = () if _starts_at_random(spec) else vectors
        models[number] = len(pieces)
        pieces.append((_Model(number), Job(line, name, after, 1.0, _MODEL_WEIGHTS)))
    if "gradients" in settings.parts:
        first = [number for number, spec in enumerate(specs) if spec.training.seed == settings.training.seed]
        looked_into = [number for number in first if specs[number].name in CELLS]
        for number in looked_into:
            after = (models[number],) if number in models else vectors
            pieces.append((_Gradients(number), Job("", f"gradients of {specs[number].name}", after, 0.08)))
        if looked_into:
            pieces.append((_Clipping(), Job("", "clipping", size=0.03)))
    if "theory" in settings.parts:
        pieces.append((_Theory(), Job("", "theory", size=0.15)))
    if "probes" in settings.parts:
        asked = probes_asked(settings.suites)
        begin_probe(asked, make_folder(folder / "probes"))
        for job in jobs_of(asked):
            name = f"{job.probe}, {probe_label(job.model)}, seed {job.seed}"
            pieces.append((_Probe(job), Job("", name, size=0.06)))
    return pieces


def _planned(
    settings: CompareSettings, prepared: PreparedCorpus, folder: Path, progress: Progress
) -> list[RecurrentSpec]:
    """The models to be made, where word2vec's vectors may not be there yet: of these the size is known."""
    config, seed = settings.embedding, settings.training.seed
    if config.embedding == WORD2VEC:
        vectors = InputVectors(None, config.embedding_size, None)
    else:
        vectors = input_vectors(config, prepared, folder, seed, progress)
    return settings.specs(len(prepared.vocabulary), vectors)


def _starts_at_random(spec: RecurrentSpec) -> bool:
    return spec.embedding.embedding == "random"


def _folder(folder: Path, spec: RecurrentSpec) -> Path:
    return member_folder(folder, spec.name, seed=spec.training.seed)
