"""Model folders: everything needed to use a trained model again, and nothing that executes on load."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from rnn_lm.config import CorpusConfig, from_json
from rnn_lm.corpora import resolve, text_settings
from rnn_lm.errors import UserError
from rnn_lm.models.families import FAMILIES, NGRAM
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.usual_unk import read_usual_share
from rnn_lm.runs import MANIFEST, read_run
from rnn_lm.text import TOKENIZER, TOKENIZERS, VOCABULARY, TextCodec, Tokenization
from rnn_lm.vocabulary import Vocabulary

__all__ = ["NGRAM", "VOCABULARY", "StoredModel", "load_model"]


@dataclass(frozen=True)
class StoredModel:
    """A model read back, with what is needed to give it text.

    Attributes:
        model: behind the common seam.
        vocabulary: its tokens.
        corpus: the settings under which its text was read and tokenised.
        tokenizer: cuts text as theirs was.
        name: of the folder, for titles.
        usual_unk: share of ``<unk>`` in the valid text that it was made with; None where that is not known.
    """

    model: LanguageModel
    vocabulary: Vocabulary
    corpus: CorpusConfig
    tokenizer: Tokenization
    name: str
    usual_unk: float | None = None

    def to(self, device: torch.device) -> StoredModel:
        """Move the model to ``device``, where it is one that can be; returns this."""
        if isinstance(self.model, nn.Module):
            self.model.to(device)
        return self

    @cached_property
    def codec(self) -> TextCodec:
        """Text to the model's ids, and back."""
        return TextCodec(self.vocabulary, self.tokenizer, text_settings(self.corpus))


def load_model(folder: Path) -> StoredModel:
    """Read the model in ``folder`` as ``train``, ``ngram`` or ``compare`` left it.

    Raises:
        UserError: the folder holds no model, or a file in it is missing, damaged or of another version.
    """
    run = read_run(folder, *FAMILIES)
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    if run.digests.get("vocabulary", vocabulary.digest) != vocabulary.digest:
        raise UserError(f"{folder / VOCABULARY}: is not the vocabulary that the model was trained with; put that back")
    corpus = from_json(CorpusConfig, run.config.get("corpus"), f"{folder / MANIFEST}: corpus")
    model = FAMILIES[run.kind].load(run, len(vocabulary))
    if model.vocabulary_size != len(vocabulary):
        raise UserError(f"{folder}: the model has {model.vocabulary_size} words, {VOCABULARY} {len(vocabulary)}")
    tokenizer = TOKENIZERS[resolve(corpus).tokens].load(folder)
    if run.digests.get("tokenizer", tokenizer.digest) != tokenizer.digest:
        raise UserError(f"{folder / TOKENIZER}: is not the tokenizer that the model was trained with; put that back")
    return StoredModel(model, vocabulary, corpus, tokenizer, folder.name, read_usual_share(folder))
