"""Model folders: everything needed to use a trained model again, and nothing that executes on load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnn_lm.config import CorpusConfig, ModelConfig, from_json
from rnn_lm.corpora import TOKENIZERS, resolve
from rnn_lm.corpora.subwords import SUBWORDS, SubwordTokenizer
from rnn_lm.corpora.tokenize import Tokenizer
from rnn_lm.errors import UserError
from rnn_lm.evaluation.unknown import read_usual_share
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.runs import MANIFEST, read_run
from rnn_lm.seeding import generator
from rnn_lm.training.checkpoint import read_checkpoint, restore_model
from rnn_lm.training.trainer import BEST
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
    corpus = from_json(CorpusConfig, _part(run.config, "corpus", folder), str(folder / MANIFEST))
    if run.kind == "ngram":
        model: LanguageModel = NgramLanguageModel.load(folder / NGRAM)
    else:
        model = _load_recurrent(folder, run.config, len(vocabulary))
    if model.vocabulary_size != len(vocabulary):
        raise UserError(f"{folder}: the model has {model.vocabulary_size} words, {VOCABULARY} {len(vocabulary)}")
    tokens = resolve(corpus).tokens
    tokenizer = SubwordTokenizer.load(folder) if tokens in SUBWORDS else TOKENIZERS[tokens]
    return StoredModel(model, vocabulary, corpus, tokenizer, folder.name, read_usual_share(folder))


def _load_recurrent(folder: Path, config: dict[str, Any], vocabulary_size: int) -> RecurrentLanguageModel:
    path = folder / BEST
    if not path.exists():
        raise UserError(f"{folder}: training was not carried to its first validation; resume it")
    model_config = from_json(ModelConfig, _part(config, "model", folder), str(folder / MANIFEST))
    size = config.get("embedding_size")
    if not isinstance(size, int):
        raise UserError(f"{folder / MANIFEST}: has no embedding_size; the file is damaged")
    model = RecurrentLanguageModel(vocabulary_size, size, model_config, generator(0, "initialization"))
    tensors, _ = read_checkpoint(path)
    restore_model(model, tensors, path)
    return model


def _part(config: dict[str, Any], name: str, folder: Path) -> dict[str, Any]:
    part = config.get(name)
    if not isinstance(part, dict):
        raise UserError(f"{folder / MANIFEST}: has no {name} settings; the file is damaged")
    return part
