"""The kinds of models that the package brings, and how a model is found by its name.

family_of("lstm")          recurrent, with that cell
family_of("attention")     attention
FAMILIES["ngram"]          the baseline, which is counted instead of trained
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel, attention_size
from rnn_lm.models.family import FAMILIES, NeuralFamily
from rnn_lm.models.neural import count_around
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel, count_parameters
from rnn_lm.runs import Run

NGRAM = "ngram.safetensors"
"""The file of an n-gram model in its folder."""
BASELINE = "ngram"
"""The kind that is counted instead of trained."""


class NgramFamily:
    """The n-gram baseline."""

    def load(self, run: Run, vocabulary_size: int) -> NgramLanguageModel:  # noqa: ARG002
        """See ``Family.load``."""
        return NgramLanguageModel.load(run.folder / NGRAM)


def attention_config(config: ModelConfig) -> AttentionConfig:
    """The attention layers that ``config`` asks for."""
    return AttentionConfig(
        hidden_size=config.hidden_size,
        layers=config.layers,
        heads=config.heads,
        feed_forward_size=config.feed_forward_size or 2 * config.hidden_size,
        positions=config.positions,
        sharpness=config.sharpness,
        window=config.attention_window,
    )


def _build_attention(
    vocabulary_size: int, embedding_size: int, config: ModelConfig, generator: torch.Generator
) -> AttentionLanguageModel:
    if config.dropout_recurrent:
        raise UserError("--dropout-recurrent: attention has no recurrent matrix; leave it out")
    if config.dropout_state or config.skip_connections:
        name = "--dropout-state" if config.dropout_state else "--skip-connections"
        raise UserError(f"{name}: is of recurrent layers, and attention has none; leave it out")
    return AttentionLanguageModel(
        vocabulary_size, attention_config(config), generator, embedding_size, replace(config, cell="attention")
    )


def _count_attention(vocabulary_size: int, embedding_size: int, config: ModelConfig) -> int:
    layers = attention_size(attention_config(config), embedding_size)
    return layers + count_around(vocabulary_size, embedding_size, config.hidden_size, config)


def _attention_sizes(config: ModelConfig) -> Sequence[int]:
    step = 2 * config.heads if config.positions == "rotary" else config.heads
    return range(step, 8 * config.hidden_size + step, step)


FAMILIES.register(BASELINE)(NgramFamily())
FAMILIES.register("recurrent")(NeuralFamily(RecurrentLanguageModel, count_parameters))
FAMILIES.register("attention")(
    NeuralFamily(_build_attention, _count_attention, _attention_sizes, learning_rate=4e-3, least_layers=2)
)


def model_names() -> list[str]:
    """Every model that can be asked for by name: the cells of recurrent ones, and the other kinds."""
    return [BASELINE, *CELLS, *(kind for kind in FAMILIES if kind not in (BASELINE, "recurrent"))]


def family_name(model: str) -> str:
    """The kind of the neural model that is called ``model``; raises ``UserError`` where there is none."""
    if model in CELLS:
        return "recurrent"
    if model not in (BASELINE, "recurrent") and model in FAMILIES:
        return model
    raise unknown_name("model", model, [name for name in model_names() if name != BASELINE])


def family_of(model: str) -> NeuralFamily:
    """The same kind itself.

    Raises:
        UserError: there is none; or the package that offers it offers something else.
    """
    family = FAMILIES[family_name(model)]
    if not isinstance(family, NeuralFamily):
        raise UserError(f"model {model}: is no NeuralFamily; fix the package that offers it")
    return family
