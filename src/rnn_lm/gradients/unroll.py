"""A recurrent model run step by step over real text, with every intermediate state kept and within autograd's reach."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.layers.cells import Cell, TorchCell
from rnn_lm.layers.state import State
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel, split_state

M = TypeVar("M", bound=NeuralLanguageModel)
Link = Callable[[State], State]
"""What a step receives of the state that the step before it left: everything, or with some paths cut."""


def whole_state(state: State) -> State:
    """Cut nothing: the gradient as it is."""
    return state


def cell_path_only(state: State) -> State:
    """Cut every edge from a hidden state to the gates of the next step: only the LSTM's c -> c path remains."""
    hidden_bh, cell_bh = state
    return hidden_bh.detach(), cell_bh


@dataclass(frozen=True)
class LayerTrace:
    """One layer's run over T steps.

    Attributes:
        layer: the layer's cell.
        input_tbe: what it read.
        states: T + 1 states, parts (B, H): ``states[t]`` is what step t started from, ``states[t + 1]`` what it left.
        carried: T states: ``carried[t]`` is ``states[t]`` as step t alone reads it. Its gradient leaves out what else
            ``states[t]`` is used for: the decoder and the layer above read h, and an LSTM's h is computed from its c.
        nudges: T zeros (B, G*H), one added to each step's ``W_hh h + b_hh``: the gradient of a nudge is the gradient
            of that step's recurrent pre-activation. None for a cell whose matrices do not lie as torch.nn's.
    """

    layer: Cell
    input_tbe: Float[Tensor, "T B E"]
    states: list[State]
    carried: list[State]
    nudges: list[Tensor]


@dataclass(frozen=True)
class Trace:
    """A whole model's run.

    Attributes:
        layers: from input to output.
        output_tbd: what the decoder reads.
    """

    layers: list[LayerTrace]
    output_tbd: Float[Tensor, "T B D"]


def in_float64(model: M, device: torch.device | None = None) -> M:
    """A copy of ``model`` in float64 without gradients of its own: what is measured are gradients of states.

    In float32 a gradient a hundred steps back can underflow, and a Jacobian's small singular values are noise.

    Args:
        model: in any precision.
        device: where the copy is to be; default: where ``model`` is.
    """
    return copy.deepcopy(model).to(device, torch.float64).requires_grad_(False)


@torch.no_grad()
def warm_state(model: RecurrentLanguageModel, input_tb: Int[Tensor, "T B"]) -> State:
    """The state after ``input_tb``, read from the initial state: where a real trajectory is, whatever it began from."""
    _, state = model.encode(input_tb, model.initial_state(input_tb.shape[1]))
    return state


def unroll(
    model: RecurrentLanguageModel, input_tb: Int[Tensor, "T B"], state: State, link: Link = whole_state
) -> Trace:
    """Run ``model`` from ``state`` by its cells' equations, without dropout, with all in between in the graph.

    That is every state, and where a graph is made every word vector.

    Args:
        model: in float64 (``in_float64``), so that small gradients keep their digits.
        input_tb: ids read.
        state: parts (L, B, H).
        link: what passes from step to step.
    """
    signal_tbe = torch.nn.functional.embedding(input_tb, model.embedding.weight)
    signal_tbe.requires_grad_(torch.is_grad_enabled())
    traces, outputs = [], []
    for layer, layer_state in zip(model.cells, split_state(state, model.layer_sizes), strict=True):
        trace = _unroll_layer(layer, signal_tbe, layer_state, link)
        signal_tbe = torch.stack([hidden_bh for hidden_bh, *_ in trace.states[1:]])
        traces.append(trace)
        outputs.append(signal_tbe)
    return Trace(traces, model.project(model.layers.output(outputs)))


def _unroll_layer(layer: Cell, input_tbe: Tensor, state: State, link: Link) -> LayerTrace:
    states: list[State] = [tuple(part.clone().requires_grad_() for part in state)]
    carried: list[State] = []
    nudges: list[Tensor] = []
    for input_be in input_tbe:
        # A view is a node of its own in the graph, so that its gradient is that of this one use.
        carried.append(link(tuple(part.view_as(part) for part in states[-1])))
        if isinstance(layer, TorchCell):
            parameters = layer.cell_parameters()
            nudges.append(input_tbe.new_zeros(len(input_be), len(parameters.bias_hh)).requires_grad_())
            nudged = parameters._replace(bias_hh=parameters.bias_hh + nudges[-1])
            states.append(layer.step(input_be, carried[-1], nudged))
        else:
            states.append(layer.step(input_be, carried[-1]))
    return LayerTrace(layer, input_tbe, states, carried, nudges)
