"""The kinds of language models that there are: what each is built from, counted by, and read back with.

A kind of one's own is an entry in ``FAMILIES``, from this package (``families.py``) or from another one (entry points
``rnn_lm.models``): a ``NeuralFamily`` is trained, compared, loaded and generated from like the built-in ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from rnn_lm.checkpoint import BEST, TRAINING_ALONE, read_checkpoint, restore_model, tensors_of
from rnn_lm.config import ModelConfig, from_json
from rnn_lm.errors import UserError
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.registry import Registry
from rnn_lm.runs import MANIFEST, Run
from rnn_lm.seeding import generator


@runtime_checkable
class Family(Protocol):
    """A kind of model, as its run folders are read."""

    def load(self, run: Run, vocabulary_size: int) -> LanguageModel:
        """Read the model of a run; raises ``UserError`` where it is missing, damaged, or of other sizes."""
        ...


FAMILIES: Registry[Family] = Registry("model", "rnn_lm.models")
"""Kinds by name, which is also that of the kind in ``run.json``."""


def _any_size(config: ModelConfig) -> Sequence[int]:
    return range(1, 8 * config.hidden_size)


@dataclass(frozen=True)
class NeuralFamily:
    """A kind of neural language model.

    Attributes:
        build: vocabulary size, embedding size E, settings and a random stream for the start, to a model.
        count: the same without the stream, to how many numbers the model consists of; raises ``UserError`` where it
            cannot be made.
        sizes: hidden sizes, rising, among which a comparison looks for the one with as many parameters as another
            model.
        learning_rate: peak rate in a comparison, where none is asked for; None: as the others'.
        least_layers: that it needs to be what it is.
    """

    build: Callable[[int, int, ModelConfig, torch.Generator], NeuralLanguageModel]
    count: Callable[[int, int, ModelConfig], int]
    sizes: Callable[[ModelConfig], Sequence[int]] = _any_size
    learning_rate: float | None = None
    least_layers: int = 1

    def load(self, run: Run, vocabulary_size: int) -> NeuralLanguageModel:
        """Read the weights of the best validation."""
        path, manifest = run.folder / BEST, run.folder / MANIFEST
        if not path.exists():
            raise UserError(f"{run.folder}: training was not carried to its first validation; resume it")
        config = from_json(ModelConfig, run.config.get("model"), f"{manifest}: model")
        size = run.config.get("embedding_size")
        if type(size) is not int or size < 1:
            raise UserError(f"{manifest}: has no embedding_size; the file is damaged")
        tensors, _ = read_checkpoint(path)
        self._require_fits(tensors, vocabulary_size, size, config, path)
        model = self.build(vocabulary_size, size, config, generator(0, "initialization"))
        restore_model(model, tensors, path)
        return model

    def _require_fits(
        self, tensors: dict[str, Tensor], vocabulary_size: int, embedding_size: int, config: ModelConfig, path: Path
    ) -> None:
        """Refuse before a model is made whose sizes the file does not have, which no memory might hold."""
        found = tensors_of(tensors, "model.")
        held = sum(tensor.numel() for name, tensor in found.items() if not name.startswith(TRAINING_ALONE))
        fits = config.layers <= len(found) and max(config.mogrifier_rounds, embedding_size) <= max(held, 100)
        if not fits or self.count(vocabulary_size, embedding_size, config) != held:
            raise UserError(f"{path}: does not fit the model that {MANIFEST} describes (it has {held:,} weights)")
