"""The attention layers as an ONNX graph: the formulas of ``models/attention.py``, over states that grow.

A layer's state is the keys and values of past positions side by side, (P, B, 2 H): none at first, its window at most.
There is no column of what counts, as there is in training: all columns of a batch begin together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from torch import Tensor, nn

from rnn_lm.export.onnx_graph import FLOAT, Graph, Value
from rnn_lm.models.attention import AttentionLanguageModel, AttentionLayer


def attend(
    model: AttentionLanguageModel, graph: Graph, signal: Value, state: Sequence[Value]
) -> tuple[Value, list[Value]]:
    """Add all layers to a graph; returns the last one's normalized output (T, B, H), and the state after it."""
    if model.widening is not None:
        signal = graph.linear_over(signal, model.widening.weight)
    after = []
    for layer, past in zip(model.layers, state, strict=True):
        signal, memory = _layer(cast(AttentionLayer, layer), graph, signal, past)
        after.append(memory)
    return _norm(model.norm, graph, signal), after


def _layer(layer: AttentionLayer, graph: Graph, signal: Value, past: Value) -> tuple[Value, Value]:
    query, key, value = graph.linear_over(_norm(layer.attention_norm, graph, signal), layer.project.weight).split(3)
    memory = graph.concat([past, graph.concat([key, value], -1)], 0)
    signal = signal + graph.linear_over(_mix(layer, graph, query, memory), layer.merge.weight)
    expand, contract = layer.expand, layer.contract
    middle = graph.linear_over(_norm(layer.feed_forward_norm, graph, signal), expand.weight, expand.bias).gelu()
    window = layer.view.window
    kept = memory if window is None else memory.slice(-window, np.iinfo(np.int64).max, 0)
    return signal + graph.linear_over(middle, contract.weight, contract.bias), kept


def _mix(layer: AttentionLayer, graph: Graph, query: Value, memory: Value) -> Value:
    """softmax(c q k / sqrt(d) - slope * distance) v, head by head: see ``AttentionLayer``."""
    view, size = layer.view, layer.merge.in_features // layer.heads
    key, value = memory.split(2)
    positions = _range(graph, memory.shape(0))
    own = graph.op("Slice", positions, memory.shape(0) - query.shape(0), memory.shape(0), graph.integers(0))
    query, key, value = (part.reshape(0, 0, layer.heads, size).transpose(1, 2, 0, 3) for part in (query, key, value))
    if view.rotary:
        query, key = _rotate(query, own, size), _rotate(key, positions, size)
    distance = own.unsqueeze(1) - positions.unsqueeze(0)
    visible = graph.op("GreaterOrEqual", distance, 0.0)
    if view.window is not None:
        visible = graph.op("And", visible, graph.op("Less", distance, float(view.window)))
    if view.sharpened:
        seen = graph.op("ReduceSum", visible.cast(FLOAT), graph.integers(-1), keepdims=1)
        query = query * (1.0 + seen).log()
    slopes = graph.weight(np.array(view.slopes, np.float32).reshape(-1, 1, 1))
    bias = graph.op("Where", visible, -(slopes * distance), -math.inf)
    scores = query @ key.transpose(0, 1, 3, 2) * size**-0.5 + bias
    mixed = graph.op("Softmax", scores, axis=-1) @ value
    return mixed.transpose(2, 0, 1, 3).reshape(0, 0, layer.heads * size)


def _range(graph: Graph, count: Value) -> Value:
    """0, 1, ... as floats, (count,)."""
    zero, one = (graph.constant(np.array(number, np.int64)) for number in (0, 1))
    return graph.op("Range", zero, count.squeeze(0), one).cast(FLOAT)


def _rotate(vectors: Value, positions: Value, size: int) -> Value:
    """Each pair of coordinates turned by an angle proportional to the position: see ``models.attention.rotate``."""
    graph, half = vectors.graph, size // 2
    frequencies = graph.weight(np.array(10_000.0 ** (-np.arange(half) / half), np.float32))
    angle = positions.unsqueeze(1) * frequencies
    cosine, sine = graph.op("Cos", angle), graph.op("Sin", angle)
    first, second = vectors.split(2)
    return graph.concat([first * cosine - second * sine, first * sine + second * cosine], -1)


def _norm(norm: nn.LayerNorm, graph: Graph, signal: Value) -> Value:
    weight, bias = (graph.weight(cast(Tensor, part)) for part in (norm.weight, norm.bias))
    return graph.op("LayerNormalization", signal, weight, bias, axis=-1, epsilon=norm.eps)
