"""The models that are probed, at matched parameter counts, and the settings that each trains best with.

Every neural model was given the same search on every probe (``tuning.py``: four learning rates, then two clipping
thresholds at the best of them), the same text and the same steps, on a seed that the probe itself does not use; the
lowest loss on fresh sentences decided, not the accuracy that the probe reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from rnn_lm.config import ModelConfig, NgramConfig
from rnn_lm.labels import label_of
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.probes.config import STATE_NAMES
from rnn_lm.registry import Registry

NGRAM = NgramConfig(order=5)
"""The n-gram beside them."""


def probe_label(name: str) -> str:
    """What a model is called in the probe's results; the n-gram by its order, which is always the same here."""
    return f"{NGRAM.order}-gram" if name == "ngram" else label_of(name)


@dataclass(frozen=True)
class Setting:
    """How a model is trained on a probe.

    Attributes:
        learning_rate: at its peak.
        clip_norm: the largest gradient norm that passes unclipped.
    """

    learning_rate: float
    clip_norm: float


UNTUNED = Setting(5e-3, 0.25)
"""What a model is trained with that was tuned for nothing like the probe: slow enough for every cell here."""


_LOAD, _DISCOURSE, _STATES = "agreement-load", "agreement-discourse", "state-tracking"


@dataclass(frozen=True)
class Preset:
    """One neural model.

    Attributes:
        embedding_size: E.
        model: its sizes.
        settings: how it is trained, by probe; see ``setting`` for probes that are not there.
        sizes: embedding size and units on probes whose vocabulary is large, where others are needed to match.
    """

    embedding_size: int
    model: ModelConfig | AttentionConfig
    settings: Mapping[str, Setting]
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def setting(self, probe: str) -> Setting:
        """How it is trained on ``probe``; on one that nobody has tuned it for, as on the agreement probe.

        All suites of state tracking are one here.
        """
        probe = _STATES if probe in STATE_NAMES else probe
        return self.settings.get(probe) or self.settings.get("agreement", UNTUNED)

    def build(self, vocabulary_size: int, random: torch.Generator, probe: str = "") -> NeuralLanguageModel:
        """A fresh model, of the sizes that ``probe`` asks for; ``random`` draws its start."""
        embedding_size, units = self.sizes.get(probe, (self.embedding_size, self.model.hidden_size))
        if isinstance(self.model, AttentionConfig):
            return AttentionLanguageModel(vocabulary_size, replace(self.model, hidden_size=units), random)
        model = replace(self.model, hidden_size=units)
        return RecurrentLanguageModel(vocabulary_size, embedding_size, model, random)


_ELMAN = ModelConfig(cell="rnn", hidden_size=122)
_ELMAN_SETTINGS = {"agreement": Setting(5e-3, 0.25), "recall": Setting(1e-2, 0.25), "reference": Setting(1e-2, 0.25)}
_PRESETS = {
    "rnn": Preset(
        122,
        _ELMAN,
        {
            **_ELMAN_SETTINGS,
            _LOAD: Setting(5e-3, 0.25),
            _DISCOURSE: Setting(2e-2, 1.0),
            _STATES: Setting(5e-3, 1.0),
        },
        {_LOAD: (48, 137)},
    ),
    "rnn-uniform": Preset(122, replace(_ELMAN, recurrent_init="uniform"), _ELMAN_SETTINGS),
    "gru": Preset(
        73,
        ModelConfig(cell="gru", hidden_size=73),
        {
            "agreement": Setting(2e-2, 0.25),
            "recall": Setting(1e-2, 1.0),
            "reference": Setting(2e-2, 1.0),
            _LOAD: Setting(2e-2, 1.0),
            _DISCOURSE: Setting(2e-2, 0.25),
            _STATES: Setting(1e-2, 1.0),
        },
        {_LOAD: (48, 76)},
    ),
    "lstm": Preset(
        64,
        ModelConfig(cell="lstm", hidden_size=64),
        {
            "agreement": Setting(2e-2, 0.25),
            "recall": Setting(1e-2, 1.0),
            "reference": Setting(2e-2, 1.0),
            _LOAD: Setting(2e-2, 1.0),
            _DISCOURSE: Setting(2e-2, 0.25),
            _STATES: Setting(1e-2, 1.0),
        },
        {_LOAD: (48, 64)},
    ),
    "attention": Preset(
        48,
        AttentionConfig(hidden_size=48, layers=2, heads=4, feed_forward_size=80),
        {
            "agreement": Setting(5e-3, 0.25),
            "recall": Setting(2e-3, 1.0),
            "reference": Setting(2e-3, 0.25),
            _DISCOURSE: Setting(1e-2, 0.25),
            _STATES: Setting(5e-3, 1.0),
        },
    ),
    "mingru": Preset(88, ModelConfig(cell="mingru", hidden_size=88, layers=2), {_STATES: Setting(1e-2, 1.0)}),
    "deltanet": Preset(
        108,
        ModelConfig(cell="deltanet", hidden_size=108, layers=2, read_norm=False),
        {_STATES: Setting(1e-2, 1.0)},
    ),
}
"""About 37 000 parameters each at the agreement probe's vocabulary, equal to within 8% on every probe."""

PRESETS: Registry[Preset] = Registry("probed model", "rnn_lm.probed_models")
"""The models that can be probed; those of other packages are matched to these by whoever registers them."""
for _name, _preset in _PRESETS.items():
    PRESETS.register(_name)(_preset)


def parameter_count(model: nn.Module) -> int:
    """Numbers that training sets."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
