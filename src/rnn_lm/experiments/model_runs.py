"""Train one model into a folder of its own."""

from __future__ import annotations

import bisect
import gc
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import EmbeddingConfig, ModelConfig, NgramConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.experiments.starting import Start
from rnn_lm.layers.asking import answers_late
from rnn_lm.models.families import family_name, family_of
from rnn_lm.models.kneser_ney import fallback_note
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import NGRAM
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress
from rnn_lm.runs import bind_run, start_run
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.training.sizes import require_model_fits, require_segment_fits
from rnn_lm.training.trainer import OnValidation, Trainer, TrainingData, TrainingResult, ignore_validation


@dataclass(frozen=True)
class TrainedModel:
    """A neural model and the run that made it."""

    model: NeuralLanguageModel
    result: TrainingResult


@dataclass(frozen=True)
class RecurrentSpec:
    """What one neural model is to be: everything about it but its text.

    Attributes:
        name: of its folder and in tables.
        model: cell and sizes.
        training: budget, optimizer, seed.
        embedding: how its input vectors are made.
        vectors_ve: the vectors themselves; None for a random start.
        embedding_size: E.
        start: the weights of a trained model that it begins with; None for a start of its own.
    """

    name: str
    model: ModelConfig
    training: TrainingConfig
    embedding: EmbeddingConfig
    vectors_ve: Float[Tensor, "V E"] | None
    embedding_size: int
    start: Start | None = None

    def build(self, vocabulary_size: int) -> NeuralLanguageModel:
        """The model at its start; raises ``UserError`` where its decoder and its training loss do not fit together."""
        if (self.model.decoder == "adaptive") != (self.training.softmax == "adaptive"):
            raise UserError("--decoder adaptive and --softmax adaptive go together: give both, or neither")
        require_model_fits(vocabulary_size, self.embedding_size, self.model, self.training)
        start = generator(self.training.seed, "initialization")
        model = family_of(self.model.cell).build(vocabulary_size, self.embedding_size, self.model, start)
        if self.vectors_ve is not None:
            model.load_embedding(self.vectors_ve, self.embedding.freeze_embedding)
        if self.start is not None:
            self.start.load_into(model, self.embedding.freeze_embedding)
        return model


def train_recurrent(
    folder: Path,
    spec: RecurrentSpec,
    prepared: PreparedCorpus,
    progress: Progress,
    on_validation: OnValidation = ignore_validation,
    runtime: Runtime | None = None,
    *,
    resume: bool,
    begun: Callable[[], None] | None = None,
) -> TrainedModel:
    """Train ``spec`` in ``folder``, from where an earlier run of it stopped if ``resume``.

    ``begun`` is called, by the first process, as soon as the folder is a run's.

    Raises:
        UserError: see ``start_run`` and ``Trainer``.
        anything that ``on_validation`` raises.
    """
    config = {
        "corpus": prepared.config,
        "embedding": spec.embedding,
        "embedding_size": spec.embedding_size,
        "model": spec.model,
        "training": spec.training,
    }
    digests = prepared.digests
    if spec.start is not None:
        config["start_from"] = spec.start.folder
        digests |= spec.start.digests
    runtime = runtime or Runtime()
    # What cannot be trained is refused before there is a folder whose settings would bind the next attempt.
    runtime.columns(spec.training.batch_size)
    model = spec.build(len(prepared.vocabulary)).to(runtime.device)
    require_segment_fits(len(prepared.texts["train"]), spec.embedding_size, spec.model, spec.training)
    with runtime.first_goes_first():
        if runtime.first:
            _begin(folder, family_name(spec.model.cell), config, prepared, digests, resume=resume)
            if begun is not None:
                begun()
    data = TrainingData(prepared.texts["train"], prepared.texts["valid"], prepared.counts_v)
    trainer = Trainer(model, data, spec.training, folder, progress, on_validation, runtime)
    result = trainer.run(spec.name)
    if answers_late(runtime.device):
        del trainer
        gc.collect()  # what is recorded holds memory of the device, and the trainer in a circle: the next run wants it
    return TrainedModel(model.cpu(), result)


def train_ngram(
    folder: Path, config: NgramConfig, prepared: PreparedCorpus, progress: Progress | None = None, *, resume: bool
) -> NgramLanguageModel:
    """Count, smooth and keep an n-gram model in ``folder``; ``progress`` is told where discounts had to be assumed."""
    _begin(folder, "ngram", {"corpus": prepared.config, "ngram": config}, prepared, prepared.digests, resume=resume)
    model = NgramLanguageModel.train(prepared.texts["train"], len(prepared.vocabulary), config)
    model.save(folder / NGRAM)
    note = fallback_note(model.discounts, model.ngram_counts)
    if note and progress is not None:
        progress.say(f"note        {note}")
    return model


def _begin(
    folder: Path, kind: str, config: dict[str, Any], prepared: PreparedCorpus, digests: dict[str, str], *, resume: bool
) -> None:
    """Start or take up a run: first everything is compared, and only then anything is written."""
    run = start_run(folder, kind, config, resume, digests)
    prepared.save_tokens(folder)
    bind_run(run, digests)


def matched_to(name: str, reference: ModelConfig, vocabulary_size: int, embedding_size: int) -> ModelConfig:
    """``reference`` as another model, of the hidden size that brings its parameter count nearest to the original's.

    A comparison of cells at equal H would give the LSTM four times the recurrent parameters of the Elman network. A
    last layer of another size, and layers that a model cannot do without, are that model's own.
    """
    if name == reference.cell:
        return reference
    family = family_of(name)
    model = replace(reference, cell=name, layers=max(reference.layers, family.least_layers))

    def count(hidden_size: int) -> int:
        return family.count(vocabulary_size, embedding_size, replace(model, hidden_size=hidden_size))

    wanted = family_of(reference.cell).count(vocabulary_size, embedding_size, reference)
    sizes = family.sizes(model)
    enough = bisect.bisect_left(sizes, wanted, key=count)
    nearest = (sizes[max(0, enough - 1)], sizes[min(enough, len(sizes) - 1)])
    return replace(model, hidden_size=min(nearest, key=lambda size: abs(count(size) - wanted)))


def dropouts(model: ModelConfig) -> dict[str, float]:
    """Every dropout probability of ``model`` by the name of its setting."""
    values = {field.name: getattr(model, field.name) for field in fields(model) if field.name.startswith("dropout_")}
    return {name: value for name, value in values.items() if not isinstance(value, str)}  # --dropout-masks is a name


def with_dropout_scaled(model: ModelConfig, scale: float) -> ModelConfig:
    """``model`` with every dropout probability multiplied by ``scale``."""
    return replace(model, **{name: probability * scale for name, probability in dropouts(model).items()})
