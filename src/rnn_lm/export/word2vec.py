"""word2vec's text format: the input vectors of a model, for whatever reads word vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from rnn_lm.embeddings.writing import save_word2vec_text
from rnn_lm.export.base import ExportJob
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel


@dataclass(frozen=True)
class WordVectors:
    """``--to word2vec``."""

    label: str = "word2vec"
    kind: Literal["file", "folder"] = "file"

    def refuses(self, stored: StoredModel) -> str | None:
        """See ``ExportTarget.refuses``."""
        return (
            None
            if isinstance(stored.model, NeuralLanguageModel)
            else "an n-gram model has no vectors; it goes --to arpa"
        )

    def write(self, job: ExportJob) -> None:
        """See ``ExportTarget.write``."""
        model, vocabulary = job.stored.model, job.stored.vocabulary
        assert isinstance(model, NeuralLanguageModel)
        vectors_ve = model.embedding.weight.detach().cpu()
        save_word2vec_text(job.destination, vocabulary, vectors_ve, torch.ones(len(vocabulary), dtype=torch.bool))


TARGET = WordVectors()
