"""Language models as ONNX graphs: ids and states in, log-probabilities and states out.

    step        token (batch)            log_probabilities (batch, V)
    block       tokens (length, batch)   log_probabilities (length, batch, V)

Both have the same states, by name (``hidden_0`` in, ``next_hidden_0`` out): what one gives the other takes. Nothing has
been read where every state holds what it begins with; the first token is then the one that ends sentences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Literal, TypeAlias

import numpy as np

from rnn_lm.errors import UserError
from rnn_lm.export.onnx_attention import attend
from rnn_lm.export.onnx_cells import over_time, state_of, step
from rnn_lm.export.onnx_graph import FLOAT, INT64, Graph, Value
from rnn_lm.models.attention import AttentionLanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel

Kind: TypeAlias = Literal["step", "block"]
LOG_PROBABILITIES = "log_probabilities"


@dataclass(frozen=True)
class StatePart:
    """One tensor of a model's state.

    Attributes:
        name: of the input; the output is ``next_`` and that.
        shape: by axis a length, or the name of one that varies.
        begins: the value throughout before anything has been read.
    """

    name: str
    shape: tuple[int | str, ...]
    begins: float = 0.0

    @property
    def next_name(self) -> str:
        """The output that holds it after the tokens."""
        return f"next_{self.name}"


def onnx_model(model: Any, kind: Kind) -> Any:
    """Return a language model as ONNX.

    Args:
        model: a recurrent or an attention model.
        kind: for one token, or for many.

    Raises:
        UserError: it is of another kind, or nobody has written its cell in ONNX; or onnx is not installed.
    """
    parts = state_parts(model)
    graph = Graph(kind)
    varying = ["batch"] if kind == "step" else ["length", "batch"]
    tokens = graph.input("token" if kind == "step" else "tokens", INT64, varying)
    state = [graph.input(part.name, FLOAT, part.shape) for part in parts]
    embedded = graph.op("Gather", graph.weight(model.embedding.weight), tokens)
    output, after = _layers(model, graph, embedded, state)
    graph.output(LOG_PROBABILITIES, _decode(model, graph, output), FLOAT, [*varying, model.vocabulary_size])
    for part, value in zip(parts, after, strict=True):
        shape = [length if isinstance(length, int) or length == "batch" else f"next_{length}" for length in part.shape]
        graph.output(part.next_name, value, FLOAT, shape)
    return graph.model("log P(next token | tokens so far), natural logarithms; written by rnn_lm")


@singledispatch
def state_parts(model: Any) -> list[StatePart]:
    """Return the tensors that a model's state is made of in ONNX.

    Raises:
        UserError: the model cannot be an ONNX graph.
    """
    raise UserError(f"an ONNX graph is written of recurrent and attention models; {type(model).__name__} is neither")


@state_parts.register
def _(model: NgramLanguageModel) -> list[StatePart]:
    raise UserError(
        f"an n-gram of order {model.config.order} is a table, which ONNX has no operator for; it goes --to arpa"
    )


@state_parts.register
def _(model: RecurrentLanguageModel) -> list[StatePart]:
    return [
        StatePart(f"{name}_{layer}", ("batch", cell.hidden_size), begins)
        for layer, cell in enumerate(model.cells)
        for name, begins in state_of(cell)
    ]


@state_parts.register
def _(model: AttentionLanguageModel) -> list[StatePart]:
    width = 2 * model.attention.hidden_size
    return [StatePart(f"past_{layer}", (f"positions_{layer}", "batch", width)) for layer in range(len(model.layers))]


@singledispatch
def _layers(model: Any, graph: Graph, embedded: Value, state: Sequence[Value]) -> tuple[Value, list[Value]]:
    """Return the last layer's output, (N, H) or (T, B, H), and the state after it."""
    raise NotImplementedError


@_layers.register
def _(
    model: RecurrentLanguageModel, graph: Graph, embedded: Value, state: Sequence[Value]
) -> tuple[Value, list[Value]]:
    signal, output, after, rest = embedded, None, [], list(state)
    for cell in model.cells:
        parts, rest = rest[: cell.state_parts], rest[cell.state_parts :]
        if graph.name == "step":
            parts = step(cell, graph, signal, parts)
            signal = parts[0]
        else:
            signal, parts = over_time(cell, graph, signal, parts)
        after += parts
        output = signal if output is None or not model.config.skip_connections else output + signal
    assert output is not None
    return output, after


@_layers.register
def _(
    model: AttentionLanguageModel, graph: Graph, embedded: Value, state: Sequence[Value]
) -> tuple[Value, list[Value]]:
    signal = embedded * math.sqrt(model.embedding.embedding_dim)
    if graph.name == "step":
        signal = signal.unsqueeze(0)
    signal, after = attend(model, graph, signal, state)
    return (signal.squeeze(0) if graph.name == "step" else signal), after


def _decode(model: NeuralLanguageModel, graph: Graph, output: Value) -> Value:
    """log P(next) of the last layer's output."""
    if model.projection is not None:
        output = graph.linear_over(output, model.projection.weight)
    if model.adaptive is not None:
        return _decode_adaptive(model.adaptive, graph, output)
    product = model.output_product
    if graph.name == "step":
        return graph.linear(output, product.weight_vd, product.bias_v).log_softmax()
    flat = output.reshape(-1, product.weight_vd.shape[1])
    log_probabilities = graph.linear(flat, product.weight_vd, product.bias_v).log_softmax()
    lengths = graph.concat([output.shape(0), output.shape(1), graph.integers(model.vocabulary_size)], 0)
    return graph.op("Reshape", log_probabilities, lengths)


def _decode_adaptive(adaptive: Any, graph: Graph, output: Value) -> Value:
    """Frequent words and one entry per cluster; within a cluster, that entry and the word's."""
    head = graph.linear_over(output, adaptive.head.weight).log_softmax()
    frequent = adaptive.shortlist_size
    parts = [head.slice(0, frequent, -1)]
    for index, (narrow, words) in enumerate(adaptive.tail):
        entry = head.slice(frequent + index, frequent + index + 1, -1)
        within = graph.linear_over(graph.linear_over(output, narrow.weight), words.weight)
        parts.append(within.log_softmax() + entry)
    return graph.concat(parts, -1)


def begin(part: StatePart, batch: int) -> np.ndarray:
    """What a part of the state is before anything has been read: axes that vary over time are empty."""
    shape = [batch if length == "batch" else length if isinstance(length, int) else 0 for length in part.shape]
    return np.full(shape, part.begins, np.float32)
