"""A unit switched off: its output is 0 at every token, for the decoder, the layer above and the next step alike.

    h_t = step(x_t, h_{t-1})        then h_t[units] = 0, whatever the cell made of it

What a model still predicts without a unit says what the unit is for (Lakretz et al. 2019 find two that carry number). A
cell state is left as it is: it reaches nothing but through the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.explorer.reading import log_probabilities
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.storage import StoredModel


def log_probabilities_without(
    stored: StoredModel, ids: Sequence[int], layer: int, units: Sequence[int]
) -> Float[Tensor, "T V"]:
    """Return log P(next token) after each of ``ids``, with some units of a layer off.

    Args:
        stored: a model with layers.
        ids: read from the initial state.
        layer: counted from 0 at the input.
        units: of that layer.

    Raises:
        UserError: the model has no such layer or unit.
    """
    sizes = layer_sizes(stored.model)
    if not 0 <= layer < len(sizes):
        raise UserError(f"{stored.name} has no layer {layer + 1} whose units could be switched off")
    if any(not 0 <= unit < sizes[layer] for unit in units):
        raise UserError(f"layer {layer + 1} of {stored.name} has the units 0 to {sizes[layer] - 1}")
    kept_u = torch.ones(sizes[layer])
    kept_u[list(units)] = 0
    with evaluating(stored.model), torch.no_grad():
        return _without(stored.model, list(ids), layer, kept_u.to(stored.model.device))


def layer_sizes(model: Any) -> tuple[int, ...]:
    """Return how many units the layers of a model have that can be switched off; none of an n-gram."""
    if isinstance(model, RecurrentLanguageModel):
        return model.layer_sizes
    if isinstance(model, AttentionLanguageModel):
        return (model.output_size,) * len(model.layers)
    return ()


@singledispatch
def _without(model: Any, ids: list[int], layer: int, kept_u: Tensor) -> Tensor:
    raise NotImplementedError


@_without.register
def _(model: RecurrentLanguageModel, ids: list[int], layer: int, kept_u: Tensor) -> Tensor:
    states, outputs = model.layers.initial_state(1), []
    for index in ids:
        signal_be = model.embedding(torch.tensor([index], device=model.device))
        hidden: list[Tensor] = []
        for number, cell in enumerate(model.cells):
            hidden_bh, *rest = cell.step(signal_be, states[number])
            signal_be = hidden_bh * kept_u if number == layer else hidden_bh
            states[number] = (signal_be, *rest)
            hidden.append(signal_be)
        outputs.append(model.layers.output(hidden))
    return torch.log_softmax(model.logits(model.project(torch.cat(outputs))), dim=1).cpu()


@_without.register
def _(model: AttentionLanguageModel, ids: list[int], layer: int, kept_u: Tensor) -> Tensor:
    def off(*called: Any) -> tuple[Tensor, Tensor]:
        hidden_tbe, memory_pbf = called[2]
        return hidden_tbe * kept_u, memory_pbf

    hook = model.layers[layer].register_forward_hook(off)
    try:
        return log_probabilities(model, ids)
    finally:
        hook.remove()
