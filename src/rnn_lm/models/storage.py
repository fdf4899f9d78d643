"""Model folders: everything needed to use a trained model again, and nothing that executes on load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from rnn_lm.checkpoint import BEST, read_checkpoint, restore_model, tensors_of
from rnn_lm.config import CorpusConfig, ModelConfig, from_json
from rnn_lm.corpora import TOKENIZERS, resolve
from rnn_lm.corpora.subwords import SUBWORDS, TOKENIZER, SubwordTokenizer
from rnn_lm.corpora.tokenize import Tokenizer
from rnn_lm.errors import UserError
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel, count_parameters
from rnn_lm.models.usual_unk import read_usual_share
from rnn_lm.runs import MANIFEST, read_run
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary

VOCABULARY = "vocabulary.json"
NGRAM = "ngram.safetensors"


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
    tokenizer: Tokenizer
    name: str
    usual_unk: float | None = None


def load_model(folder: Path) -> StoredModel:
    """Read the model in ``folder`` as ``train``, ``ngram`` or ``compare`` left it.

    Raises:
        UserError: the folder holds no model, or a file in it is missing, damaged or of another version.
    """
    run = read_run(folder, "recurrent", "ngram")
    vocabulary = Vocabulary.load(folder / VOCABULARY)
    if run.digests.get("vocabulary", vocabulary.digest) != vocabulary.digest:
        raise UserError(f"{folder / VOCABULARY}: is not the vocabulary that the model was trained with; put that back")
    corpus = from_json(CorpusConfig, run.config.get("corpus"), f"{folder / MANIFEST}: corpus")
    if run.kind == "ngram":
        model: LanguageModel = NgramLanguageModel.load(folder / NGRAM)
    else:
        model = _load_recurrent(folder, run.config, len(vocabulary))
    if model.vocabulary_size != len(vocabulary):
        raise UserError(f"{folder}: the model has {model.vocabulary_size} words, {VOCABULARY} {len(vocabulary)}")
    tokens = resolve(corpus).tokens
    tokenizer = SubwordTokenizer.load(folder) if tokens in SUBWORDS else TOKENIZERS[tokens]
    if isinstance(tokenizer, SubwordTokenizer) and run.digests.get("tokenizer", tokenizer.digest) != tokenizer.digest:
        raise UserError(f"{folder / TOKENIZER}: is not the tokenizer that the model was trained with; put that back")
    return StoredModel(model, vocabulary, corpus, tokenizer, folder.name, read_usual_share(folder))


def _load_recurrent(folder: Path, config: dict[str, Any], vocabulary_size: int) -> RecurrentLanguageModel:
    path, manifest = folder / BEST, folder / MANIFEST
    if not path.exists():
        raise UserError(f"{folder}: training was not carried to its first validation; resume it")
    model_config = from_json(ModelConfig, config.get("model"), f"{manifest}: model")
    size = config.get("embedding_size")
    if type(size) is not int or size < 1:
        raise UserError(f"{manifest}: has no embedding_size; the file is damaged")
    tensors, _ = read_checkpoint(path)
    _require_fits(tensors, vocabulary_size, size, model_config, path)
    model = RecurrentLanguageModel(vocabulary_size, size, model_config, generator(0, "initialization"))
    restore_model(model, tensors, path)
    return model


def _require_fits(
    tensors: dict[str, Tensor], vocabulary_size: int, embedding_size: int, config: ModelConfig, path: Path
) -> None:
    """Refuse before a model is made whose sizes the file does not have, which no memory might hold."""
    found = tensors_of(tensors, "model.")
    held = sum(tensor.numel() for tensor in found.values())
    fits = config.layers <= len(found) and config.mogrifier_rounds <= max(held, 100)
    if not fits or count_parameters(vocabulary_size, embedding_size, config) != held:
        raise UserError(f"{path}: does not fit the model that {MANIFEST} describes (it has {held:,} weights)")
