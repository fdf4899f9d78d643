"""The models that are probed, at matched parameter counts, and the settings that each trains best with.

Every neural model was given the same grid (``tuning.py``: four learning rates by two clipping thresholds), the same
text and the same steps, on a seed that the probe itself does not use; the lowest loss on fresh sentences decided, not
the accuracy that the probe reports.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from rnn_lm.config import ModelConfig, NgramConfig
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel

NGRAM = NgramConfig(order=5)
"""The n-gram beside them."""
LABELS = {"ngram": f"{NGRAM.order}-gram", "rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "attention": "Attention"}


@dataclass(frozen=True)
class Preset:
    """One neural model and how it is trained.

    Attributes:
        embedding_size: E.
        model: its sizes.
        learning_rate: peak, by probe.
        clip_norm: the largest gradient norm that passes unclipped.
    """

    embedding_size: int
    model: ModelConfig | AttentionConfig
    learning_rate: float
    clip_norm: float

    def build(self, vocabulary_size: int, random: torch.Generator) -> RecurrentLanguageModel | AttentionLanguageModel:
        """A fresh model; ``random`` draws its start."""
        if isinstance(self.model, AttentionConfig):
            return AttentionLanguageModel(vocabulary_size, self.model, random)
        return RecurrentLanguageModel(vocabulary_size, self.embedding_size, self.model, random)


PRESETS: dict[str, Preset] = {
    "rnn": Preset(122, ModelConfig(cell="rnn", hidden_size=122), 5e-3, 0.25),
    "gru": Preset(73, ModelConfig(cell="gru", hidden_size=73), 2e-2, 0.25),
    "lstm": Preset(64, ModelConfig(cell="lstm", hidden_size=64), 2e-2, 0.25),
    "attention": Preset(48, AttentionConfig(hidden_size=48, layers=2, heads=4, feed_forward_size=80), 5e-3, 1.0),
}
"""About 37 000 parameters each at the agreement probe's vocabulary."""


def parameter_count(model: nn.Module) -> int:
    """Numbers that training sets."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
