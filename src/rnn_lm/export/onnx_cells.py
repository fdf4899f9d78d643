"""What each cell is in ONNX: an operator of ONNX's own where there is one, else its equations, repeated by a ``Scan``.

    step        the equations, one input: (B, E) and the states to the states
    over time   RNN, GRU and LSTM of ONNX for the cells that they are; a Scan over the step for all others

A cell of one's own says its equations with ``register``, in the terms of ``onnx_graph``::

    @register(LeakyCell, "hidden")
    def leaky(cell, graph, x, state):
        return [0.9 * state[0] + graph.linear(x, cell.weight)]

The first state is the output, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.export.onnx_graph import FLOAT, INT32, Graph, Value
from rnn_lm.layers.cells import (
    Cell,
    DeltaNetCell,
    HGRNCell,
    LSTMCell,
    MinGRUCell,
    MinLSTMCell,
    MLSTMCell,
    QRNNCell,
    RGLRUCell,
    SLSTMCell,
    TorchCell,
)
from rnn_lm.layers.cells.deltanet import SMALLEST
from rnn_lm.layers.cells.elman import ElmanCell, ReluElmanCell
from rnn_lm.layers.cells.gru import GRUCell
from rnn_lm.layers.cells.mogrifier import MogrifierCell
from rnn_lm.layers.cells.rglru import SHARPNESS
from rnn_lm.layers.chunks import LEAST_EXPONENT

Equations: TypeAlias = Callable[[Any, Graph, Value, Sequence[Value]], Sequence[Value]]
"""Cell, graph, input (B, E) and state to the state after it."""


@dataclass(frozen=True)
class Form:
    """A cell in ONNX.

    Attributes:
        equations: one step.
        parts: what the parts of its state are called.
    """

    equations: Equations
    parts: tuple[str, ...]


_FORMS: dict[type[Cell], Form] = {}


def register(kind: type[Cell], *parts: str) -> Callable[[Equations], Equations]:
    """Decorator: what a cell is in ONNX.

    Args:
        kind: the cell's class; subclasses with equations of their own are registered themselves.
        parts: what the parts of its state are called, in their order.
    """

    def add(equations: Equations) -> Equations:
        _FORMS[kind] = Form(equations, parts)
        return equations

    return add


def form_of(cell: Cell) -> Form:
    """Return what a cell is in ONNX.

    Raises:
        UserError: nobody has said so.
    """
    if type(cell) not in _FORMS:
        raise UserError(
            f"nobody has written the equations of {type(cell).__name__} in ONNX; its package can, with "
            "rnn_lm.export.onnx_cells.register"
        )
    return _FORMS[type(cell)]


def state_of(cell: Cell) -> list[tuple[str, float]]:
    """Return the parts of a cell's state, each (B, H): name, and the value that it begins with.

    Raises:
        UserError: see ``form_of``; or a part begins with unequal numbers.
    """
    begins = cell.initial_state(1)
    for part in begins:
        if bool((part != part.flatten()[0]).any()):
            raise UserError(f"ONNX: the state of {type(cell).__name__} does not begin with one number throughout")
    return [(name, float(part.flatten()[0])) for name, part in zip(form_of(cell).parts, begins, strict=True)]


def step(cell: Cell, graph: Graph, x: Value, state: Sequence[Value]) -> list[Value]:
    """Add one step to a graph; returns the state after it."""
    return list(form_of(cell).equations(cell, graph, x, state))


def over_time(cell: Cell, graph: Graph, x: Value, state: Sequence[Value]) -> tuple[Value, list[Value]]:
    """Add a layer over (T, B, E) to a graph; returns every output (T, B, H), and the state after it."""
    operator = _operator(cell)
    if operator is not None:
        return _run_operator(cell, graph, x, state, *operator)
    body = Graph("step", graph)
    parts = [name for name, _ in state_of(cell)]
    shape = ["batch", cell.hidden_size]
    before = [body.input(f"{graph.name}_{x.name}_{name}", FLOAT, shape) for name in parts]
    read = body.input(f"{graph.name}_{x.name}_read", FLOAT, ["batch", cell.input_size])
    after = step(cell, body, read, before)
    for name, value in zip((*parts, "output"), (*after, after[0]), strict=True):
        body.output(f"{graph.name}_{x.name}_next_{name}", value, FLOAT, shape)
    last, output = graph.scan(body, state, x)
    return output, last


@dataclass(frozen=True)
class Operator:
    """An operator of ONNX that a cell is: its name, the order in which it wants our gates, and what else it is told."""

    kind: str
    order: tuple[int, ...]
    attributes: dict[str, Any]


def _operator(cell: Cell) -> tuple[TorchCell, Operator] | None:
    if isinstance(cell, LSTMCell) and cell.kernel:  # a Mogrifier without rounds is one
        return cell, Operator("LSTM", (0, 3, 1, 2), {})
    if type(cell) is GRUCell:
        return cell, Operator("GRU", (1, 0, 2), {"linear_before_reset": 1})
    if type(cell) is ElmanCell:
        return cell, Operator("RNN", (0,), {"activations": ["Tanh"]})
    if type(cell) is ReluElmanCell:
        return cell, Operator("RNN", (0,), {"activations": ["Relu"]})
    return None


def _run_operator(
    _: Cell, graph: Graph, x: Value, state: Sequence[Value], cell: TorchCell, operator: Operator
) -> tuple[Value, list[Value]]:
    def ordered(parameter: Tensor) -> Tensor:
        blocks = parameter.detach().chunk(cell.gates)
        return torch.cat([blocks[index] for index in operator.order])

    weights = [
        ordered(cell.weight_ih),
        ordered(cell.weight_hh),
        torch.cat([ordered(cell.bias_ih), ordered(cell.bias_hh)]),
    ]
    lengths = graph.op("Expand", x.shape(0).cast(INT32), x.shape(1))  # an input left out stops some runtimes
    found = graph.ops(
        operator.kind,
        1 + len(state),
        x,
        *(graph.weight(part.unsqueeze(0)) for part in weights),
        lengths,
        *(part.unsqueeze(0) for part in state),
        hidden_size=cell.hidden_size,
        **operator.attributes,
    )
    output, *last = found
    return output.squeeze(1), [part.squeeze(0) for part in last]


@register(ElmanCell, "hidden")
def elman(cell: ElmanCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    return [_both(cell, graph, x, state[0]).tanh()]


@register(ReluElmanCell, "hidden")
def relu_elman(cell: ReluElmanCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    return [_both(cell, graph, x, state[0]).relu()]


def _both(cell: TorchCell, graph: Graph, x: Value, hidden: Value) -> Value:
    """W_ih x + b_ih + W_hh h + b_hh."""
    return graph.linear(x, cell.weight_ih, cell.bias_ih) + graph.linear(hidden, cell.weight_hh, cell.bias_hh)


@register(GRUCell, "hidden")
def gru(cell: GRUCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    (hidden,) = state
    input_r, input_z, input_n = graph.linear(x, cell.weight_ih, cell.bias_ih).split(3)
    hidden_r, hidden_z, hidden_n = graph.linear(hidden, cell.weight_hh, cell.bias_hh).split(3)
    update = (input_z + hidden_z).sigmoid()
    candidate = (input_n + (input_r + hidden_r).sigmoid() * hidden_n).tanh()
    return [(1.0 - update) * candidate + update * hidden]


@register(LSTMCell, "hidden", "cell")
def lstm(cell: LSTMCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    i, f, g, o = _both(cell, graph, x, state[0]).split(4)
    forget, write = f.sigmoid(), i.sigmoid()
    if cell.cap_input_gate:
        write = graph.op("Min", write, 1.0 - forget)
    memory = forget * state[1] + write * g.tanh()
    return [o.sigmoid() * memory.tanh(), memory]


@register(MogrifierCell, "hidden", "cell")
def mogrifier(cell: MogrifierCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    hidden = state[0]
    for number in range(cell.rounds):
        index = number // 2
        if number % 2 == 0:
            narrow = graph.linear(hidden, cell.q_right[index])
            x = 2.0 * graph.linear(narrow, cell.q_left[index]).sigmoid() * x
        else:
            narrow = graph.linear(x, cell.r_right[index])
            hidden = 2.0 * graph.linear(narrow, cell.r_left[index]).sigmoid() * hidden
    return lstm(cell, graph, x, [hidden, state[1]])


@register(MinGRUCell, "hidden")
def mingru(cell: MinGRUCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    update, candidate = graph.linear(x, cell.weight, cell.bias).split(2)
    update = update.sigmoid()
    return [(1.0 - update) * state[0] + update * candidate]


@register(MinLSTMCell, "hidden")
def minlstm(cell: MinLSTMCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    i, f, candidate = graph.linear(x, cell.weight, cell.bias).split(3)
    odds = f.log_sigmoid() - i.log_sigmoid()
    return [odds.sigmoid() * state[0] + (-odds).sigmoid() * candidate]


@register(QRNNCell, "hidden", "cell", "before_z", "before_f", "before_o")
def qrnn(cell: QRNNCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    _, memory, *before = state
    z, f, o = (graph.linear(x, cell.weight, cell.bias) + graph.concat(before, -1)).split(3)
    forget = f.sigmoid()
    memory = forget * memory + (1.0 - forget) * z.tanh()
    return [o.sigmoid() * memory, memory, *graph.linear(x, cell.weight_before).split(3)]


@register(HGRNCell, "hidden", "cell")
def hgrn(cell: HGRNCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    candidate, forget, output = graph.linear(x, cell.weight, cell.bias).split(3)
    least = torch.sigmoid(cell.lower_bound.detach())
    forget = graph.weight(least) + graph.weight(1 - least) * forget.sigmoid()
    memory = forget * state[1] + (1.0 - forget) * candidate.silu()
    return [output.sigmoid() * memory, memory]


@register(RGLRUCell, "hidden")
def rg_lru(cell: RGLRUCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    projected = graph.linear(x, cell.weight, cell.bias)
    recurrence, gate = graph.linear(projected, cell.gate_weight, cell.gate_bias).split(2)
    slowest = -SHARPNESS * torch.nn.functional.softplus(-cell.decay.detach())
    # ONNX Runtime's Sigmoid is nowhere below 1.5e-8; a gate that is shut lets nothing through in a thousand steps.
    log_decay = graph.weight(slowest) / (1.0 + (-recurrence).exp())
    room = _minus_expm1(2.0 * log_decay)
    return [log_decay.exp() * state[0] + room.sqrt() * (gate.sigmoid() * projected)]


def _minus_expm1(value: Value) -> Value:
    """1 - e^x for x <= 0: 2 e^(x/2) sinh(-x/2), the sinh by its series near 0, where 1 - e^x would lose its digits."""
    near = 0.0 - value * (1.0 + value * (0.5 + value * (1 / 6 + value * (1 / 24 + value * (1 / 120)))))
    graph = value.graph
    return graph.op("Where", graph.op("Greater", value, -0.05), near, 1.0 - value.exp())


@register(SLSTMCell, "hidden", "cell", "normalizer", "stabilizer")
def slstm(cell: SLSTMCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    hidden, memory, normalizer, stabilizer = state
    i, f, z, o = (graph.linear(x, cell.weight_ih, cell.bias) + graph.linear(hidden, cell.weight_hh)).split(4)
    kept = f.log_sigmoid() + stabilizer
    stabilizer = graph.op("Max", kept, i)
    write, keep = (i - stabilizer).exp(), (kept - stabilizer).exp()
    memory = keep * memory + write * z.tanh()
    normalizer = keep * normalizer + write
    return [o.sigmoid() * memory / normalizer, memory, normalizer, stabilizer]


@register(
    MLSTMCell, "hidden", *(f"memory_{index}" for index in range(MLSTMCell.state_parts - 3)), "normalizer", "stabilizer"
)
def mlstm(cell: MLSTMCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    _, *columns, normalizer, stabilizer = state
    units, heads, size = cell.hidden_size, cell.heads, cell.head_size
    head_of_unit = graph.integers(*(unit // size for unit in range(units)))

    def by_head(value: Value) -> Value:
        return graph.op("Pad", value, graph.integers(0, 0, 0, heads * size - units)).reshape(0, heads, size)

    def by_unit(value: Value) -> Value:
        return value.reshape(0, heads * size).slice(0, units, 1)

    q, k, v, output = graph.linear(x, cell.weight, cell.bias).split(4)
    query, key, value = by_head(q), by_head(k) * size**-0.5, by_head(v)
    i, f = graph.linear(x, cell.gate_weight, cell.gate_bias).split(2)
    stabilizer = graph.op("Gather", stabilizer, graph.integers(*range(0, units, size)), axis=1)
    kept = f.log_sigmoid() + stabilizer
    stabilizer = graph.op("Max", kept, i)
    write, keep = ((part - stabilizer).exp().unsqueeze(2) for part in (i, kept))
    memory = graph.concat([by_head(column).unsqueeze(3) for column in columns[:size]], 3)
    memory = keep.unsqueeze(3) * memory + (write * value).unsqueeze(3) * key.unsqueeze(2)
    normalizer = keep * by_head(normalizer) + write * key
    asked = graph.op("ReduceSum", normalizer * query, graph.integers(-1), keepdims=1)
    floor = (-graph.op("Max", stabilizer, graph.weight(torch.tensor(LEAST_EXPONENT)))).exp().unsqueeze(2)
    read = (memory @ query.unsqueeze(3)).squeeze(3) / graph.op("Max", graph.op("Abs", asked), floor)
    after = [by_unit(column.squeeze(3)) for column in memory.split(size, 3)]
    held = graph.op("Gather", stabilizer, head_of_unit, axis=1)
    return [output.sigmoid() * by_unit(read), *after, *columns[size:], by_unit(normalizer), held]


@register(DeltaNetCell, "hidden", *(f"memory_{index}" for index in range(DeltaNetCell.state_parts - 1)))
def deltanet(cell: DeltaNetCell, graph: Graph, x: Value, state: Sequence[Value]) -> Sequence[Value]:
    _, *columns = state
    key, query = (_unit(graph.linear(x, weight).silu()) for weight in (cell.key_weight, cell.query_weight))
    value = graph.linear(x, cell.value_weight)
    rate = graph.linear(x, cell.gate_weight, cell.gate_bias).sigmoid()
    memory = graph.concat([column.unsqueeze(2) for column in columns], 2)
    read = (memory @ key.unsqueeze(2)).squeeze(2)
    memory = memory + (rate * (value - read)).unsqueeze(2) * key.unsqueeze(1)
    output = (memory @ query.unsqueeze(2)).squeeze(2)
    if cell.read_norm:
        squares = graph.op("ReduceSum", output * output, graph.integers(-1), keepdims=1)
        output = output / (squares * (1 / cell.hidden_size) + SMALLEST).sqrt()
    return [output, *(column.squeeze(2) for column in memory.split(len(columns), 2))]


def _unit(vector: Value) -> Value:
    """``vector`` at length 1; a little shorter near 0."""
    graph = vector.graph
    squares = graph.op("ReduceSum", vector * vector, graph.integers(-1), keepdims=1)
    return vector / (squares + 1e-6).sqrt()
