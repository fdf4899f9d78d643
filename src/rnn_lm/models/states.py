"""What a model remembers while it reads: hidden states, cell states and gates, layer by layer, token by token.

    states = model.hidden("the dogs bark")
    states.tokens                       ('<eos>', 'the', 'dogs', 'bark')
    states[0].hidden                    (T, H): layer 0 after each of them
    states[0].gates["forget"]           (T, H): what let the cell state through as each was read

Recurrent layers are run by their cells' equations, one step at a time, so that a gate is what the state was made with.
Of a kind of model that another package brings, the last layer's output is shown: it stands as the only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.layers.state import State
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel


@dataclass(frozen=True)
class LayerStates:
    """One layer over time.

    >>> import rnn_lm
    >>> layer = rnn_lm.load("runs/tiny").hidden("the cat")[0]
    >>> layer.cell.shape
    torch.Size([3, 12])
    >>> new = layer.gates["forget"][2] * layer.cell[1] + layer.gates["input"][2] * layer.gates["candidate"][2]
    >>> bool((new - layer.cell[2]).abs().max() < 1e-6)
    True

    Attributes:
        hidden: what the layer puts out after each token.
        cell: the LSTM's cell state; None for layers that have none.
        gates: by name: input, forget, candidate and output of an LSTM; reset, update and candidate of a GRU; else none.
    """

    hidden: Float[Tensor, "T H"]
    cell: Float[Tensor, "T H"] | None = None
    gates: dict[str, Float[Tensor, "T H"]] = field(default_factory=dict)


@dataclass(frozen=True)
class HiddenStates:
    """What every layer held after each token of a text.

    >>> import rnn_lm
    >>> states = rnn_lm.load("runs/tiny").hidden("the cat sees fish")
    >>> states.tokens
    ('<eos>', 'the', 'cat', 'sees', 'fish')
    >>> states[0].hidden.shape, sorted(states[0].gates)
    (torch.Size([5, 12]), ['candidate', 'forget', 'input', 'output'])

    Attributes:
        tokens: read one after the other; the first is the ``<eos>`` that stands before every text, and what the model
            does not know is ``<unk>``.
        layers: from input to output.
    """

    tokens: tuple[str, ...]
    layers: tuple[LayerStates, ...]

    def __getitem__(self, layer: int) -> LayerStates:
        """Return layer ``layer``, counted from 0 at the input; -1 is the last."""
        return self.layers[layer]

    def __len__(self) -> int:
        """How many layers."""
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerStates]:
        return iter(self.layers)

    def __repr__(self) -> str:
        parts = []
        for number, layer in enumerate(self.layers):
            names = ["hidden", *(["cell"] if layer.cell is not None else []), *layer.gates]
            parts.append(f"layer {number}: {', '.join(names)} {tuple(layer.hidden.shape)}")
        return f"HiddenStates({len(self.tokens)} tokens; {'; '.join(parts)})"


@torch.no_grad()
def layers_over(model: LanguageModel, ids: Sequence[int], name: str) -> tuple[LayerStates, ...]:
    """Return what each layer of ``model`` held after each of ``ids``, on the CPU.

    Args:
        model: in evaluation mode.
        ids: read from the initial state.
        name: of the model, for the error.

    Raises:
        UserError: the model has no layers whose states could be shown.
    """
    return _layers_over(model, ids, name)


@singledispatch
def _layers_over(model: Any, ids: Sequence[int], name: str) -> tuple[LayerStates, ...]:  # noqa: ARG001
    kind = type(model).__name__
    raise UserError(f"{name} has no hidden states that are known here: it is a {kind}")


@_layers_over.register
def _(model: NgramLanguageModel, ids: Sequence[int], name: str) -> tuple[LayerStates, ...]:  # noqa: ARG001
    raise UserError(f"{name} has no hidden states: it is an n-gram, which looks words up; load a recurrent model")


@_layers_over.register
def _(model: RecurrentLanguageModel, ids: Sequence[int], name: str) -> tuple[LayerStates, ...]:  # noqa: ARG001
    states = model.layers.initial_state(1)
    held: list[list[State]] = [[] for _ in model.cells]
    gates: list[list[dict[str, Tensor]]] = [[] for _ in model.cells]
    for index in ids:
        signal_be = model.embedding(torch.tensor([index], device=model.device))
        for layer, cell in enumerate(model.cells):
            gates[layer].append(cell.gate_values(signal_be, states[layer]))
            states[layer] = cell.step(signal_be, states[layer])
            held[layer].append(states[layer])
            signal_be = states[layer][0]
    return tuple(_layer(*both) for both in zip(held, gates, strict=True))


@_layers_over.register
def _(model: NeuralLanguageModel, ids: Sequence[int], name: str) -> tuple[LayerStates, ...]:  # noqa: ARG001
    """Of a kind of model that is not known here: the last layer's output, which every kind has, token by token."""
    state = model.initial_state(1)
    outputs: list[Tensor] = []
    for index in ids:
        hidden_tbh, state = model.hidden(torch.tensor([[index]], device=model.device), state)
        outputs.append(hidden_tbh[0].cpu())
    return (LayerStates(torch.cat(outputs)),)


def _layer(held: list[State], gates: list[dict[str, Tensor]]) -> LayerStates:
    parts = [torch.cat(part).cpu() for part in zip(*held, strict=True)]
    names = gates[0] if gates else {}
    over_time = {name: torch.cat([one[name] for one in gates]).cpu() for name in names}
    return LayerStates(parts[0], parts[1] if len(parts) > 1 else None, over_time)


@_layers_over.register
def _(model: AttentionLanguageModel, ids: Sequence[int], name: str) -> tuple[LayerStates, ...]:  # noqa: ARG001
    outputs: list[Tensor] = []

    def keep(*called: Any) -> None:
        (hidden_tbe, _) = called[2]
        outputs.append(hidden_tbe[:, 0].cpu())

    hooks = [layer.register_forward_hook(keep) for layer in model.layers]
    try:
        input_tb = torch.tensor(list(ids), device=model.device).unsqueeze(1)
        state = model.initial_state(1)
        model.score(input_tb, input_tb, state)
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(LayerStates(hidden) for hidden in outputs)
