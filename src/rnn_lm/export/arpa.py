"""ARPA: an n-gram model as the text file that KenLM, SRILM and others read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rnn_lm.export.base import ExportJob
from rnn_lm.models.arpa import write_arpa
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import StoredModel


@dataclass(frozen=True)
class Arpa:
    """``--to arpa``."""

    label: str = "ARPA"
    kind: Literal["file", "folder"] = "file"

    def refuses(self, stored: StoredModel) -> str | None:
        """See ``ExportTarget.refuses``."""
        if not isinstance(stored.model, NgramLanguageModel):
            return "an ARPA file holds n-gram models alone; a neural one goes --to hf, onnx, web or torch"
        if stored.model.config.boundary != "sentence":
            return (
                "an ARPA file describes single sentences, and this n-gram model runs across them; train it with "
                "--boundary sentence"
            )
        return None

    def write(self, job: ExportJob) -> None:
        """See ``ExportTarget.write``."""
        assert isinstance(job.stored.model, NgramLanguageModel)
        write_arpa(job.destination, job.stored.model, job.stored.vocabulary.tokens)


TARGET = Arpa()
