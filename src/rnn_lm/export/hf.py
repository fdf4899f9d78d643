"""A folder for Hugging Face transformers: weights, the code that runs them, the tokenizer, a model card.

    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)

The code is ``transformers_code/``, copied as it stands: files that need torch and transformers, and no rnn_lm. Where
rnn_lm is there, ``register()`` makes transformers know the model, and nothing that a folder brings along is run.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.export.base import ExportJob
from rnn_lm.export.hf_card import model_card
from rnn_lm.export.hf_tokenizer import write_tokenizer
from rnn_lm.files import write_atomically, write_json, write_tensors
from rnn_lm.models.attention import AttentionLanguageModel, layer_views
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel

CODE = "rnn_lm.export.transformers_code"
FILES = ("configuration_rnn_lm.py", "modeling_rnn_lm.py", "cells_rnn_lm.py", "attention_rnn_lm.py")
CELLS = (
    "rnn", "rnn-relu", "gru", "lstm", "mogrifier", "mingru", "minlstm", "qrnn", "hgrn", "rg-lru", "slstm", "mlstm",
    "deltanet",
)  # fmt: skip
"""That ``cells_rnn_lm.py`` has."""
_AUTO = {
    "AutoConfig": "configuration_rnn_lm.RnnLmConfig",
    "AutoModelForCausalLM": "modeling_rnn_lm.RnnLmForCausalLM",
}


@dataclass(frozen=True)
class HuggingFace:
    """``--to hf``."""

    label: str = "Hugging Face"
    kind: Literal["file", "folder"] = "folder"

    def refuses(self, stored: StoredModel) -> str | None:
        """See ``ExportTarget.refuses``."""
        model = stored.model
        if not isinstance(model, NeuralLanguageModel):
            return "Hugging Face's folders hold neural models; an n-gram model goes --to arpa"
        if isinstance(model, AttentionLanguageModel) or (
            isinstance(model, RecurrentLanguageModel) and model.config.cell in CELLS
        ):
            return None
        return f"there is no code for {model.config.cell} that works without rnn_lm; --to torch writes its weights"

    def write(self, job: ExportJob) -> None:
        """See ``ExportTarget.write``."""
        model, folder = job.stored.model, job.destination
        require_package("tokenizers")
        assert isinstance(model, NeuralLanguageModel)
        write_json(folder / "config.json", config_of(model, job.stored.vocabulary.eos_id))
        eos, unk = job.stored.vocabulary.eos_id, job.stored.vocabulary.unk_id
        ends = {"bos_token_id": eos, "eos_token_id": eos, "pad_token_id": eos}
        # As ``rnn-lm generate`` does, nothing is written that is no word.
        write_json(folder / "generation_config.json", {**ends, "suppress_tokens": [unk]})
        write_tensors(folder / "model.safetensors", weights_of(model), {"format": "pt"})
        for name in FILES:
            write_atomically(folder / name, (files(CODE) / name).read_text(encoding="utf-8"))
        if note := write_tokenizer(folder, job.stored):
            job.progress.say(f"note: {note}")
        write_atomically(folder / "README.md", model_card(job))


TARGET = HuggingFace()


def require_package(name: str) -> None:
    """Raise ``UserError`` with what to install, where a package is not there."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"Hugging Face folders need the package {name}: pip install 'rnn-lm[export]'") from error


def config_of(model: NeuralLanguageModel, eos_id: int) -> dict[str, Any]:
    """Return what ``config.json`` holds."""
    settings = model.config
    adaptive = [] if model.adaptive is None else model.adaptive.cutoffs[:-1]
    if isinstance(model, AttentionLanguageModel):
        sizes, options = [model.output_size] * model.attention.layers, _attention_options(model)
    else:
        assert isinstance(model, RecurrentLanguageModel)
        sizes, options = list(model.layer_sizes), {}
        if settings.cell == "mogrifier":
            options = {"rounds": settings.mogrifier_rounds, "rank": settings.mogrifier_rank}
        if settings.cap_input_gate:
            options["cap_input_gate"] = True
        if settings.cell == "deltanet" and settings.read_norm:
            options["read_norm"] = True
    skipping = {"skip_connections": True} if settings.skip_connections else {}
    return {
        "model_type": "rnn_lm",
        "architectures": ["RnnLmForCausalLM"],
        "auto_map": _AUTO,
        "cell": settings.cell,
        "vocab_size": model.vocabulary_size,
        "embedding_size": model.embedding.embedding_dim,
        "layer_sizes": sizes,
        "softmax": settings.decoder,
        "tied": settings.tie_weights,
        "cutoffs": list(map(int, adaptive)),
        "cell_options": options,
        **skipping,
        "n_positions": 1_048_576,
        "bos_token_id": eos_id,
        "eos_token_id": eos_id,
        "pad_token_id": eos_id,
        "tie_word_embeddings": False,
        "dtype": "float32",
    }


def _attention_options(model: AttentionLanguageModel) -> dict[str, Any]:
    attention = model.attention
    views = [
        {
            "window": view.window,
            "slopes": [float(slope) for slope in view.slopes],
            "rotary": view.rotary,
            "sharpened": view.sharpened,
        }
        for view in layer_views(attention)
    ]
    return {"heads": attention.heads, "feed_forward_size": attention.feed_forward_size, "views": views}


def weights_of(model: NeuralLanguageModel) -> dict[str, Tensor]:
    """Return the parameters under the names that they have here, which are those of the code that goes along."""
    return {name: tensor.detach().cpu().float() for name, tensor in model.named_parameters()}


def register() -> None:
    """Make transformers know folders of this kind, so that they load without ``trust_remote_code``.

    >>> from rnn_lm.export.hf import register
    >>> register()
    """
    require_package("transformers")
    from transformers import AutoConfig, AutoModelForCausalLM

    from rnn_lm.export.transformers_code.configuration_rnn_lm import RnnLmConfig
    from rnn_lm.export.transformers_code.modeling_rnn_lm import RnnLmForCausalLM

    AutoConfig.register(RnnLmConfig.model_type, RnnLmConfig, exist_ok=True)
    AutoModelForCausalLM.register(RnnLmConfig, RnnLmForCausalLM, exist_ok=True)
