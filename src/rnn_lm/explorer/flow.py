"""How much each earlier word mattered to one prediction, and by which path it got there.

    read      <eos>   the    men   that   saw    the    dog          predicted: bark
    lag         6      5      4     3      2      1      0           log P(bark | read) is differentiated by

    input x gradient   x_j . d log P / d x_j     of each word's vector: what it added to log P, to first order (signed)
    input              |d log P / d x_j|         how far a change of that vector would move it
    state              |d log P / d h_j|         of the last layer's hidden state after it

An LSTM has two ways back. Cut every edge from a hidden state to the next step's gates, and what is left goes along the
cell, multiplied by forget gates; the rest has passed through a hidden state. Both add up to the whole, as vectors, and
so does input x gradient, as numbers (``gradients/by_lag.py`` has the same split of norms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.gradients.unroll import Link, cell_path_only, unroll, warm_state, whole_state
from rnn_lm.layers.cells import TorchCell
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel

LONGEST = 100
"""Words back from a prediction that are looked at: what was read before them only brings the state there."""


@dataclass(frozen=True)
class Flow:
    """What the last ``T`` tokens read did to the logarithm of one probability; the last of them stands at lag 0.

    Attributes:
        first: place of the first of them among the tokens read.
        log_probability: natural logarithm of the prediction's.
        measures: by name, a value per token: "input x gradient" and "input" of every model; "state" of recurrent ones;
            of an LSTM also "cell path" and "hidden path", which add up to "input x gradient", and "cell state",
            "cell state, cell path" and "cell state, hidden path", norms by the cell state.
    """

    first: int
    log_probability: float
    measures: dict[str, Float64[Tensor, "T"]]


def flow_to(model: NeuralLanguageModel, ids: Sequence[int], predicted: int, longest: int = LONGEST) -> Flow:
    """Return what the tokens read did to a prediction.

    Args:
        model: on the CPU, in evaluation mode, and in float64 (``in_float64``).
        ids: read from the initial state; the first is ``<eos>``.
        predicted: the id of the token whose log-probability after them is looked at.
        longest: tokens back that are looked at.

    Raises:
        UserError: nothing was read.
    """
    if not ids:
        raise UserError("nothing stands before that word: choose another")
    first = max(0, len(ids) - longest)
    return _flow_to(model, torch.tensor(list(ids)).unsqueeze(1), predicted, first)


@singledispatch
def _flow_to(model: Any, input_tb: Tensor, predicted: int, first: int) -> Flow:
    raise NotImplementedError


@_flow_to.register
def _(model: NeuralLanguageModel, input_tb: Tensor, predicted: int, first: int) -> Flow:
    """Of any kind: by the input vectors alone."""
    with torch.no_grad():
        _, state = model.hidden(input_tb[:first], model.initial_state(1)) if first else (None, model.initial_state(1))
    vectors: list[Tensor] = []

    def leaf(*called: Any) -> Tensor:
        vectors.append(called[2].detach().requires_grad_())
        return vectors[-1]

    hook = model.embedding.register_forward_hook(leaf)
    try:
        with torch.enable_grad():
            output_tbd, _ = model.encode(input_tb[first:], state)
            log_prob = _log_probability(model, output_tbd, predicted)
            (gradient_tbe,) = torch.autograd.grad(log_prob, vectors)
    finally:
        hook.remove()
    by_input = {"input x gradient": _dot(vectors[0], gradient_tbe), "input": _norm(gradient_tbe)}
    return Flow(first, float(log_prob.detach()), by_input)


@_flow_to.register
def _(model: RecurrentLanguageModel, input_tb: Tensor, predicted: int, first: int) -> Flow:
    state = warm_state(model, input_tb[:first]) if first else model.initial_state(1)
    whole = _gradients(model, input_tb[first:], state, predicted, whole_state)
    measures = {
        "input x gradient": _dot(whole.vectors_tbe, whole.input_tbe),
        "input": _norm(whole.input_tbe),
        "state": _norm(whole.hidden_tbh),
    }
    if whole.cell_tbh is not None:
        only = _gradients(model, input_tb[first:], state, predicted, cell_path_only)
        assert only.cell_tbh is not None
        measures["cell path"] = _dot(only.vectors_tbe, only.input_tbe)
        measures["hidden path"] = measures["input x gradient"] - measures["cell path"]
        measures["cell state"] = _norm(whole.cell_tbh)
        measures["cell state, cell path"] = _norm(only.cell_tbh)
        measures["cell state, hidden path"] = _norm(whole.cell_tbh - only.cell_tbh)
    return Flow(first, whole.log_probability, measures)


@dataclass(frozen=True)
class _Gradients:
    """Of log P by the word vectors, and by the last layer's states after each token."""

    log_probability: float
    vectors_tbe: Tensor
    input_tbe: Tensor
    hidden_tbh: Tensor
    cell_tbh: Tensor | None


def _gradients(
    model: RecurrentLanguageModel, input_tb: Tensor, state: tuple[Tensor, ...], predicted: int, link: Link
) -> _Gradients:
    with torch.enable_grad():
        trace = unroll(model, input_tb, state, link)
        log_prob = _log_probability(model, trace.output_tbd, predicted)
        last, vectors_tbe = trace.layers[-1], trace.layers[0].input_tbe
        wanted = [vectors_tbe, *(each[0] for each in last.states[1:])]
        has_cell = all(isinstance(cell, TorchCell) and cell.state_parts == 2 for cell in model.cells)
        wanted += [each[1] for each in last.states[1:]] if has_cell else []
        input_tbe, *states = torch.autograd.grad(log_prob, wanted, materialize_grads=True, allow_unused=True)
    steps = len(input_tb)
    cell_tbh = torch.stack(states[steps:]) if has_cell else None
    return _Gradients(float(log_prob.detach()), vectors_tbe.detach(), input_tbe, torch.stack(states[:steps]), cell_tbh)


def _log_probability(model: NeuralLanguageModel, output_tbd: Tensor, predicted: int) -> Tensor:
    return torch.log_softmax(model.logits(output_tbd[-1]), dim=1)[0, predicted]


def _dot(one_tbe: Tensor, other_tbe: Tensor) -> Tensor:
    return (one_tbe.detach() * other_tbe).sum(-1)[:, 0]


def _norm(gradient_tbe: Tensor) -> Tensor:
    return torch.linalg.vector_norm(gradient_tbe, dim=-1)[:, 0]
