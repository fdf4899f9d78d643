"""A model as the server holds it: its name, what it steps and reads with, and by what its states are recognised."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from rnn_lm.errors import UserError, unknown_name
from rnn_lm.experiments.arpa_models import open_model
from rnn_lm.models.families import NGRAM
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.stepping import for_stepping
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.serve.sizes import agreeing_sizes
from rnn_lm.text import TextCodec


@dataclass(frozen=True)
class ServedModel:
    """One model.

    Attributes:
        name: what requests ask for it by.
        stored: the model with its vocabulary and tokenization.
        stepping: the same, laid out for one token at a time.
        sizes: of batches that it may be stepped in: see ``sizes.py``.
        digest: a state is taken for one of this model's if it bears the same.
        loaded: when, in seconds since 1970.
    """

    name: str
    stored: StoredModel
    stepping: LanguageModel
    sizes: tuple[int, ...]
    digest: str
    loaded: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def of(cls, stored: StoredModel, name: str, digest: str) -> ServedModel:
        """Return ``stored`` laid out for serving; its batch sizes are tried out, which takes a moment."""
        if isinstance(stored.model, nn.Module):
            stored.model.eval()
        stepping = for_stepping(stored.model) if stored.model.device.type == "cpu" else stored.model
        return cls(name, stored, stepping, agreeing_sizes(stepping, stored.vocabulary.eos_id), digest)

    @property
    def lm(self) -> LanguageModel:
        """The model as it reads many tokens at once."""
        return self.stored.model

    @property
    def codec(self) -> TextCodec:
        """Text to ids, and back."""
        return self.stored.codec

    @property
    def eos_id(self) -> int:
        """Read before every text."""
        return self.stored.vocabulary.eos_id

    @property
    def unk_id(self) -> int:
        """Not drawn unless a request allows it."""
        return self.stored.vocabulary.unk_id


class Models:
    """The models of a server by name; the first answers requests that name none."""

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self._by_name = {model.name: model for model in models}

    def __iter__(self):
        return iter(self._by_name.values())

    def find(self, name: str | None) -> ServedModel:
        """Return the model of that name; raises ``UserError`` where there is none."""
        if name is None:
            return next(iter(self))
        if name not in self._by_name:
            raise unknown_name("model", name[:80], self._by_name)
        return self._by_name[name]


def digest_of(stored: StoredModel, path: Path) -> str:
    """Return a SHA-256 of all that decides what a model's states mean: its numbers and its vocabulary."""
    digest = hashlib.sha256(stored.vocabulary.digest.encode())
    if isinstance(stored.model, nn.Module):
        for name, tensor in sorted(stored.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    else:
        with (path / NGRAM if path.is_dir() else path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return what models are called: their folders' names, with those of the folders around where two are alike.

    Raises:
        UserError: one path stands there twice.
    """
    whole = [path.resolve() for path in paths]
    for path in paths:
        if whole.count(path.resolve()) > 1:
            raise UserError(f"{path}: is given twice; give each model once")
    deepest = max(len(path.parts) for path in whole)
    by_depth = (["/".join(path.parts[-depth:]) for path in whole] for depth in range(1, deepest + 1))
    return next(names for names in by_depth if len(set(names)) == len(names))


def open_models(paths: Sequence[Path], device: torch.device, progress: Progress) -> Models:
    """Read models from their folders and ARPA files, and lay them out.

    Raises:
        UserError: one is missing, damaged, or given twice.
    """
    models: list[ServedModel] = []
    for path, name in zip(paths, names_of(paths), strict=True):
        stored = open_model(path, progress)
        digest = digest_of(stored, path)
        model = ServedModel.of(stored.to(device), name, digest)
        sizes = ", ".join(map(str, model.sizes))
        progress.say(f"{name}: {model.lm.vocabulary_size:,} tokens; stepped in batches of {sizes}")
        models.append(model)
    return Models(models)
