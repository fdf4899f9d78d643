"""One recurrent model into one folder: what ``rnn-lm train`` and ``rnn_lm.train`` do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnn_lm.config import CorpusConfig, EmbeddingConfig, ModelConfig, TrainingConfig
from rnn_lm.corpora import resolve
from rnn_lm.embeddings import require_source
from rnn_lm.errors import UserError
from rnn_lm.experiments.model_runs import RecurrentSpec, TrainedModel, train_recurrent
from rnn_lm.experiments.starting import open_start, require_start
from rnn_lm.experiments.vectors import InputVectors, input_vectors
from rnn_lm.models.families import family_name
from rnn_lm.prepare import prepare
from rnn_lm.progress import Progress
from rnn_lm.runs import MANIFEST, require_run_folder, require_same_settings
from rnn_lm.runtime import Runtime
from rnn_lm.text import TOKENIZER, TOKENIZERS
from rnn_lm.training.sizes import require_model_fits


@dataclass(frozen=True)
class TrainSettings:
    """All that the training of one model needs to know; see each."""

    corpus: CorpusConfig
    embedding: EmbeddingConfig
    model: ModelConfig
    training: TrainingConfig
    start_from: str | None = None


def check_train(settings: TrainSettings, folder: Path, *, resume: bool) -> None:
    """Find out, before any work, what can be known to be wrong.

    Raises:
        UserError: the folder holds a run that is not to be resumed, or of other settings; the model fits into no
            memory; there are no such vectors; or the run to start from has no such model.
    """
    require_run_folder(folder, resume=resume)
    require_model_fits(1, settings.embedding.embedding_size, settings.model, settings.training)
    corpus, start = resolve(settings.corpus), settings.start_from
    if start is None:
        require_source(settings.embedding)
    elif not (folder / MANIFEST).is_file():  # a run that has begun says all of it itself
        require_start(start, settings.corpus, (settings.embedding, settings.model, settings.training))
    known = {"corpus": corpus, "embedding": settings.embedding, "model": settings.model, "training": settings.training}
    require_same_settings(folder, family_name(settings.model.cell), {**known, "start_from": start})


def run_train(
    settings: TrainSettings,
    folder: Path,
    progress: Progress,
    runtime: Runtime,
    *,
    resume: bool,
    begun: Callable[[], None] | None = None,
) -> TrainedModel:
    """Read the corpus, make the input vectors, and train; in several processes, each of them calls this.

    Args:
        settings: which have passed ``check_train``.
        folder: for the model, its checkpoints and its log.
        progress: told of everything.
        runtime: where the model is trained.
        resume: whether a run in ``folder`` is gone on with.
        begun: called by the first process, as soon as the folder is a run's.

    Raises:
        UserError: see ``prepare`` and ``train_recurrent``.
    """
    tokens = resolve(settings.corpus).tokens
    start = None if settings.start_from is None else open_start(settings.start_from, settings.corpus, folder)
    learns = start is None and not (folder / TOKENIZER).exists()
    if runtime.size > 1 and not TOKENIZERS[tokens].repeatable and learns:
        raise UserError(f"--tokens {tokens} learns other pieces in each process: give --tokens bpe, or --processes 1")
    with runtime.first_goes_first():
        prepared = prepare(settings.corpus, progress, folder, None if start is None else start.codec)
    vectors = InputVectors(None, settings.embedding.embedding_size, None)
    if start is None:
        if runtime.first:
            vectors = input_vectors(settings.embedding, prepared, None, settings.training.seed, progress)
        vectors = runtime.from_first(vectors)
    elif start.tensors is not None:
        progress.say(f"start       the weights of {start.folder}")
    spec = RecurrentSpec(
        settings.model.cell,
        settings.model,
        settings.training,
        settings.embedding,
        vectors.vectors_ve,
        vectors.size,
        start,
    )
    return train_recurrent(folder, spec, prepared, progress, runtime=runtime, begun=begun, resume=resume)
