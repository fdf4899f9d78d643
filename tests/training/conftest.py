"""A text small enough to train on in a blink, and a trainer over it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.training.trainer import Trainer, TrainingData

VOCABULARY_SIZE = 20
TINY = {"batch_size": 4, "bptt_length": 5, "budget": "30steps", "validations": 3, "softmax_samples": 10, "seed": 1}


def tiny_text(length: int, seed: int) -> EncodedText:
    """A text with something to learn: each token mostly determines the next."""
    source = torch.Generator().manual_seed(seed)
    noise = torch.rand(length, generator=source) < 0.2
    ids = [1]
    for jump in noise.tolist():
        ids.append(int(torch.randint(1, VOCABULARY_SIZE, (1,), generator=source)) if jump else ids[-1] % 19 + 1)
    return EncodedText(torch.tensor([*ids[1:-1], 1]), 1, 4 * length)


@pytest.fixture(scope="session")
def tiny_data() -> TrainingData:
    train = tiny_text(700, 1)
    return TrainingData(train, tiny_text(150, 2), torch.bincount(train.ids_n, minlength=VOCABULARY_SIZE))


def make_trainer(data: TrainingData, folder: Path | None = None, cell: str = "lstm", **settings) -> Trainer:
    """A trainer of a model with dropout everywhere, so that every random stream is in use."""
    config = TrainingConfig(**{**TINY, **settings})
    model_config = ModelConfig(
        cell=cell, hidden_size=8, layers=2, dropout_input=0.1, dropout_between=0.1, dropout_output=0.1,
        dropout_recurrent=0.1,
    )  # fmt: skip
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 8, model_config, generator(config.seed, "initialization"))
    return Trainer(model, data, config, folder, SilentProgress())


class Late(Runtime):
    """A CPU that is read every eight steps."""

    most_unread = 8


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    """The CPU, told that it answers late, which is all that the code knows of an accelerator."""
    for module in ("asking", "softmax", "cells.library", "cells.engines"):
        monkeypatch.setattr(f"rnn_lm.layers.{module}.answers_late", lambda _: True)
    monkeypatch.setattr("rnn_lm.training.losses.answers_late", lambda _: True)
    return Late()
