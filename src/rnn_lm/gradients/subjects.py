"""The models that are looked into: trained ones that are given, or trained here for a short time, and fresh ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.files import make_folder
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.labels import label_of
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import load_model
from rnn_lm.progress import Progress
from rnn_lm.runtime import Runtime, single_thread
from rnn_lm.seeding import generator
from rnn_lm.training.log import gradient_summary
from rnn_lm.training.trainer import Trainer, TrainingData
from rnn_lm.training.validation import shown_perplexity
from rnn_lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class Subject:
    """One model that is looked into.

    Attributes:
        name: as in results files: "rnn", "gru", "lstm".
        weights: "fresh" as initialized, or "trained".
        model: in float32, as it was trained.
        facts: what a reader should know of its training; plain JSON values.
    """

    name: str
    weights: Literal["fresh", "trained"]
    model: RecurrentLanguageModel
    facts: dict[str, Any]

    @property
    def label(self) -> str:
        """For legends."""
        return label_of(self.name)


def fresh_like(subject: Subject, seed: int) -> Subject:
    """The same architecture at its start, its input vectors random."""
    model = subject.model
    start = generator(seed, "initialization")
    with single_thread():  # an orthogonal matrix is, in its last bits, another one on several
        untrained = RecurrentLanguageModel(model.vocabulary_size, model.embedding.weight.shape[1], model.config, start)
    return Subject(subject.name, "fresh", untrained, {})


def load_subjects(folders: Sequence[Path], vocabulary: Vocabulary) -> list[Subject]:
    """Trained models from the folders that ``train`` or ``compare`` left.

    Raises:
        UserError: a folder holds no recurrent model, or one of another vocabulary than the text was read with.
    """
    subjects = []
    for folder in folders:
        stored = load_model(folder)
        if not isinstance(stored.model, RecurrentLanguageModel):
            raise UserError(f"{folder}: holds no recurrent model, whose gradients these are; give another folder")
        if stored.vocabulary != vocabulary:
            raise UserError(f"{folder}: was trained with another vocabulary; give the --corpus that it was trained on")
        subjects.append(Subject(stored.model.config.cell, "trained", stored.model, {"folder": stored.name}))
    return subjects


def train_subject(
    cell: str,
    config: GradientsConfig,
    data: TrainingData,
    folder: Path,
    progress: Progress,
    runtime: Runtime | None = None,
) -> Subject:
    """Train a small model; a run in ``folder`` that stopped half-way goes on, a finished one is read back.

    Raises:
        UserError, TrainingInterrupted: see ``Trainer``.
    """
    size = config.probe_size
    start = generator(config.gradients_seed, "initialization")
    model = RecurrentLanguageModel(len(data.counts_v), size, ModelConfig(cell=cell, hidden_size=size), start)
    # Elman networks want a lower rate than gated ones: at 3e-3 their units saturate.
    rate = 1e-3 if cell.startswith("rnn") else 3e-3
    training = TrainingConfig(
        budget=config.probe_budget, learning_rate=rate, validations=4, valid_tokens=5000, seed=config.gradients_seed
    )
    runtime = runtime or Runtime()
    model = model.to(runtime.device)
    result = Trainer(model, data, training, make_folder(folder), progress, runtime=runtime).run(cell)
    facts = {
        "steps": result.position.step,
        "learning_rate": rate,
        "bptt_length": training.bptt_length,
        "valid_perplexity": shown_perplexity(result.position.best_valid_nll),
        "gradient_norms": gradient_summary(result.log.steps, config.gradients_seed),
    }
    return Subject(cell, "trained", model.cpu(), facts)


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of all parameters: two models have the same one only if they agree in every bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
