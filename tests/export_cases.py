"""Small models of every kind, as a folder would give them, for tests of exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rnn_lm.checkpoint import BEST, model_tensors, write_checkpoint
from rnn_lm.config import ModelConfig, NgramConfig, ResolvedCorpusConfig, to_json
from rnn_lm.models.families import family_of
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import VOCABULARY, StoredModel
from rnn_lm.runs import start_run
from rnn_lm.stream import EncodedText
from rnn_lm.text import TextCodec, TextSettings

LINES = [
    "the cat sees fish .",
    "a dog hears it , or me .",
    "the old man loves the sea .",
    "my son , the king , does n't find bread .",
    "it sees the cat .",
]
KINDS: dict[str, dict[str, Any]] = {
    "elman-tanh": {"cell": "rnn"},
    "elman-relu": {"cell": "rnn-relu"},
    "gru": {"cell": "gru", "layers": 2},
    "lstm": {"cell": "lstm", "layers": 2},
    "lstm-last-layer": {"cell": "lstm", "layers": 2, "last_hidden_size": 5},
    "lstm-untied": {"cell": "lstm", "tie_weights": False},
    "lstm-adaptive": {"cell": "lstm", "hidden_size": 16, "tie_weights": False, "decoder": "adaptive"},
    "lstm-capped": {"cell": "lstm", "layers": 2, "cap_input_gate": True, "skip_connections": True},
    "mogrifier": {"cell": "mogrifier", "mogrifier_rank": 3},
    "mogrifier-capped": {"cell": "mogrifier", "mogrifier_rank": 3, "layers": 2, "cap_input_gate": True},
    "mingru": {"cell": "mingru"},
    "minlstm": {"cell": "minlstm"},
    "qrnn": {"cell": "qrnn", "layers": 2},
    "hgrn": {"cell": "hgrn"},
    "rg-lru": {"cell": "rg-lru"},
    "slstm": {"cell": "slstm", "layers": 2},
    "mlstm": {"cell": "mlstm"},
    "mlstm-heads": {"cell": "mlstm", "hidden_size": 19, "layers": 2},
    "deltanet": {"cell": "deltanet"},
    "deltanet-bare": {"cell": "deltanet", "read_norm": False},
    "attention": {"cell": "attention", "layers": 3, "heads": 2},
    "attention-rotary": {"cell": "attention", "heads": 2, "positions": "rotary"},
    "attention-alibi": {"cell": "attention", "heads": 2, "positions": "alibi", "attention_window": 3},
    "attention-none": {"cell": "attention", "heads": 2, "positions": "none", "sharpness": "constant"},
}
"""Name to settings of a model; every cell and every kind of decoder is among them."""


def codec(tokens: str = "words", lines: list[str] | None = None, size: int = 40, **settings: Any) -> TextCodec:
    """The codec of a small text."""
    usual = {"lowercase": True, **settings}
    return TextCodec.learn(lines or LINES, TextSettings(tokens=tokens, **usual), size)


def corpus(codec: TextCodec) -> ResolvedCorpusConfig:
    """The settings of a text that is read as a codec says."""
    settings = codec.settings
    return ResolvedCorpusConfig(
        corpus=("my.txt",),
        tokens=settings.tokens,
        lowercase=settings.lowercase,
        normalize=settings.normalize,
        min_count=1,
    )


def neural(kind: str = "lstm", embedding_size: int = 6, codec_: TextCodec | None = None, **changes: Any) -> StoredModel:
    """A model of one of ``KINDS`` that has not been trained, its weights far from small."""
    found = codec_ or codec()
    config = ModelConfig(**{"hidden_size": 8, "layers": 1, **KINDS[kind], **changes})
    drawn = torch.Generator().manual_seed(3)
    model = family_of(config.cell).build(len(found.vocabulary), embedding_size, config, drawn)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=drawn)
    return StoredModel(model, found.vocabulary, corpus(found), found.tokenization, kind)


def save_run(stored: StoredModel, folder: Path) -> Path:
    """Keep a model in a folder, as ``train`` would."""
    model = stored.model
    assert isinstance(model, NeuralLanguageModel)
    kind = "attention" if model.config.cell == "attention" else "recurrent"
    size = model.embedding.embedding_dim
    config = {"corpus": to_json(stored.corpus), "embedding_size": size, "model": to_json(model.config)}
    start_run(folder, kind, config, False, {"vocabulary": stored.vocabulary.digest})
    stored.vocabulary.save(folder / VOCABULARY)
    write_checkpoint(folder / BEST, model_tensors(model), {"step": 1, "valid_nll": 2.0})
    return folder


def baseline(order: int = 3, boundary: Any = "sentence") -> StoredModel:
    """An n-gram model of the small text."""
    found = codec()
    ids = found.encode("\n".join(LINES) + "\n")
    text = EncodedText(torch.tensor(ids), found.vocabulary.eos_id, 1)
    model = NgramLanguageModel.train(text, len(found.vocabulary), NgramConfig(order=order, boundary=boundary))
    return StoredModel(model, found.vocabulary, corpus(found), found.tokenization, "ngram")
