"""Recurrent models small enough for a reference that goes token by token, in float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rnn_lm.config import ModelConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.stream import EncodedText

VOCABULARY = 25


@pytest.fixture
def model_of() -> Callable[..., RecurrentLanguageModel]:
    def make(dtype: torch.dtype = torch.float64, embedding_size: int = 16, **config) -> RecurrentLanguageModel:
        settings = ModelConfig(**{"hidden_size": 16, "dropout_output": 0.5, **config})
        model = RecurrentLanguageModel(VOCABULARY, embedding_size, settings, torch.Generator().manual_seed(3))
        return model.to(dtype)

    return make


@pytest.fixture
def text_of() -> Callable[..., EncodedText]:
    """Random ids, few of them, so that words come again; <eos> is 1 and ends the text."""

    def make(length: int, seed: int = 0, words: int = 6) -> EncodedText:
        ids = torch.randint(1, 1 + words, (length,), generator=torch.Generator().manual_seed(seed))
        ids[-1] = 1
        return EncodedText(ids, 1, 5 * length)

    return make


@pytest.fixture(params=["tied", "untied", "projected", "adaptive", "rnn", "gru"])
def any_model(request, model_of) -> RecurrentLanguageModel:
    """Every kind of decoder and cell."""
    return {
        "tied": lambda: model_of(),
        "untied": lambda: model_of(tie_weights=False),
        "projected": lambda: model_of(embedding_size=5, layers=2),
        "adaptive": lambda: model_of(tie_weights=False, decoder="adaptive"),
        "rnn": lambda: model_of(cell="rnn"),
        "gru": lambda: model_of(cell="gru"),
    }[request.param]()
