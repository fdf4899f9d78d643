"""A sample of a corpus, and what a model's units held at each of its tokens, in a byte each.

    valid split   |---- stretch ----|  ...  |---- stretch ----|  ...  |---- stretch ----|
                   <eos> w w w w w           <eos> w w w w w           spread evenly, each from a sentence's beginning
                                                                       and from the initial state, all read side by side

A unit's values over the sample are kept as whole numbers from -127 to 127, times a scale of its own: 20,000 tokens of
300 units take 6 MB, and a page goes through them at a click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.layers.state import State
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.stream import EncodedText

STRETCH = 500
"""Tokens that are read in one go."""


@dataclass(frozen=True)
class Quantized:
    """Values over time in a byte each.

    Attributes:
        values_nu: -127 to 127.
        scale_u: what a unit's numbers are to be multiplied by.
    """

    values_nu: Int[ndarray, "N U"]
    scale_u: Float[ndarray, "U"]

    @classmethod
    def of(cls, values: Float[ndarray, "N U"]) -> Quantized:
        """Keep values; the largest of each unit becomes 127 or -127."""
        scale_u = np.maximum(np.abs(values).max(axis=0), 1e-12).astype(np.float32) / np.float32(127)
        return cls(np.round(values / scale_u).clip(-127, 127).astype(np.int8), scale_u)

    @property
    def values(self) -> Float[ndarray, "N U"]:
        """What they stand for."""
        return self.values_nu * self.scale_u


@dataclass(frozen=True)
class Sample:
    """Stretches of a text, and what a model held while it read them.

    Attributes:
        ids_n: the tokens read, stretch after stretch, each of which begins with ``<eos>``.
        stretch: tokens of each.
        layers: of each layer its signals by name: hidden, and cell where it has one.
    """

    ids_n: Int[ndarray, "N"]
    stretch: int
    layers: tuple[dict[str, Quantized], ...]


def stretches(text: EncodedText, tokens: int, stretch: int = STRETCH) -> Int[Tensor, "T B"]:
    """Return stretches of a text, one per column, that together have ``tokens`` tokens or fewer.

    Each begins with the ``<eos>`` before a sentence. Of a text that is shorter, all of it is returned, but for what is
    over; of one shorter than a stretch, one stretch of its length.
    """
    read_n = text.inputs_and_targets()[0]
    stretch = min(stretch, len(read_n), max(tokens, 1))
    wanted = max(1, min(tokens, len(read_n)) // stretch)
    begins_s = torch.cat([torch.zeros(1, dtype=torch.int64), text.sentence_ends[:-1]])
    begins_s = begins_s[begins_s + stretch <= len(read_n)]
    spread_b = torch.linspace(0, len(read_n) - stretch, wanted, dtype=torch.float64).round().long()
    chosen_b = begins_s[torch.searchsorted(begins_s, spread_b, right=True) - 1].unique()
    return read_n[chosen_b + torch.arange(stretch).unsqueeze(1)]


def sample_of(model: LanguageModel, ids_tb: Int[Tensor, "T B"]) -> Sample:
    """Return what a model holds while it reads the columns of ``ids_tb``, each from the initial state."""
    layers = tuple(
        {name: Quantized.of(value_tbu.transpose(0, 1).flatten(0, 1).numpy()) for name, value_tbu in signals.items()}
        for signals in states_of(model, ids_tb)
    )
    return Sample(ids_tb.T.flatten().numpy(), len(ids_tb), layers)


@torch.no_grad()
def states_of(model: LanguageModel, ids_tb: Int[Tensor, "T B"]) -> list[dict[str, Float[Tensor, "T B U"]]]:
    """Return the hidden and cell states of each layer after each token, on the CPU; none of an n-gram."""
    with evaluating(model):
        return _states_of(model, ids_tb)


@singledispatch
def _states_of(model: Any, ids_tb: Tensor) -> list[dict[str, Tensor]]:  # noqa: ARG001
    return []


@_states_of.register
def _(model: RecurrentLanguageModel, ids_tb: Tensor) -> list[dict[str, Tensor]]:
    states = model.layers.initial_state(ids_tb.shape[1])
    held: list[list[State]] = [[] for _ in model.cells]
    for ids_b in ids_tb:
        states = model.layers.step(model.embedding(ids_b.to(model.device)), states)
        for layer, state in zip(held, states, strict=True):
            layer.append(state[:2])
    return [_signals(layer) for layer in held]


def _signals(held: Sequence[State]) -> dict[str, Tensor]:
    parts = [torch.stack(part).cpu() for part in zip(*held, strict=True)]
    return dict(zip(("hidden", "cell"), parts, strict=False))


@_states_of.register
def _(model: NeuralLanguageModel, ids_tb: Tensor) -> list[dict[str, Tensor]]:
    hidden_tbh, _ = model.hidden(ids_tb.to(model.device), model.initial_state(ids_tb.shape[1]))
    return [{"hidden": hidden_tbh.cpu()}]


@_states_of.register
def _(model: AttentionLanguageModel, ids_tb: Tensor) -> list[dict[str, Tensor]]:
    outputs: list[dict[str, Tensor]] = []

    def keep(*called: Any) -> None:
        outputs.append({"hidden": called[2][0].cpu()})

    hooks = [layer.register_forward_hook(keep) for layer in model.layers]
    try:
        model.hidden(ids_tb.to(model.device), model.initial_state(ids_tb.shape[1]))
    finally:
        for hook in hooks:
            hook.remove()
    return outputs
