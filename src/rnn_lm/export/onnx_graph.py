"""ONNX graphs written by hand: values with operators, so that a cell's equations there read as they do in its file.

    graph = Graph("step")
    hidden = graph.input("hidden_0", FLOAT, ["batch", 300])
    update = graph.linear(x, cell.weight, cell.bias).sigmoid()
    graph.output("next_hidden_0", (1 - update) * hidden + update * candidate, FLOAT, ["batch", 300])

Nothing is traced: what an exporter would make of PyTorch's operations differs from version to version, and what it says
of batch sizes and states with it. A graph inside another one (the body of a ``Scan``) reads the weights of the outer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from rnn_lm.errors import UserError

OPSET, IR_VERSION = 17, 8
"""Old enough for runtimes of telephones and browsers; the newest operator used is LayerNormalization, of opset 17."""
FLOAT, INT32, INT64, BOOL = 1, 6, 7, 9
"""Numbers of ``onnx.TensorProto``'s types."""
MOST_BYTES = 2**31 - 2**20
"""A file of protocol buffers holds less than 2 GiB."""

Shape: TypeAlias = Sequence[int | str]
Number: TypeAlias = "Value | float"


def onnx_library() -> Any:
    """Return the module ``onnx``.

    Raises:
        UserError: it is not installed.
    """
    try:
        import onnx
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise UserError("--to onnx needs onnx: pip install 'rnn-lm[export]'") from error
    return onnx


@dataclass(frozen=True, eq=False)
class Value:
    """What a node puts out, or a graph is given; arithmetic with it adds nodes."""

    graph: Graph
    name: str

    def __add__(self, other: Number) -> Value:
        return self.graph.op("Add", self, other)

    def __radd__(self, other: float) -> Value:
        return self.graph.op("Add", other, self)

    def __sub__(self, other: Number) -> Value:
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Number) -> Value:
        return self.graph.op("Mul", self, other)

    def __rmul__(self, other: float) -> Value:
        return self.graph.op("Mul", other, self)

    def __truediv__(self, other: Number) -> Value:
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Value) -> Value:
        return self.graph.op("MatMul", self, other)

    def __neg__(self) -> Value:
        return self.graph.op("Neg", self)

    def sigmoid(self) -> Value:
        return self.graph.op("Sigmoid", self)

    def log_sigmoid(self) -> Value:
        """log sigmoid(x) = -softplus(-x), which holds where sigmoid(x) is too near 0 for a float.

        ONNX Runtime's own Softplus is written so that it overflows nowhere.
        """
        return -(-self).softplus()

    def softplus(self) -> Value:
        return self.graph.op("Softplus", self)

    def tanh(self) -> Value:
        return self.graph.op("Tanh", self)

    def relu(self) -> Value:
        return self.graph.op("Relu", self)

    def exp(self) -> Value:
        return self.graph.op("Exp", self)

    def log(self) -> Value:
        return self.graph.op("Log", self)

    def sqrt(self) -> Value:
        return self.graph.op("Sqrt", self)

    def silu(self) -> Value:
        """x sigmoid(x)."""
        return self * self.sigmoid()

    def gelu(self) -> Value:
        """x Phi(x), by the error function."""
        return 0.5 * self * (1.0 + self.graph.op("Erf", self * 2**-0.5))

    def log_softmax(self) -> Value:
        return self.graph.op("LogSoftmax", self, axis=-1)

    def split(self, parts: int, axis: int = -1) -> list[Value]:
        """As many equal parts; Split itself makes no difference between opsets 13 and 18 where lengths are given."""
        return self.graph.ops("Split", parts, self, axis=axis)

    def unsqueeze(self, *axes: int) -> Value:
        return self.graph.op("Unsqueeze", self, self.graph.integers(*axes))

    def squeeze(self, *axes: int) -> Value:
        return self.graph.op("Squeeze", self, self.graph.integers(*axes))

    def reshape(self, *shape: int) -> Value:
        """0 keeps the length of that axis, -1 takes what is left."""
        return self.graph.op("Reshape", self, self.graph.integers(*shape))

    def transpose(self, *order: int) -> Value:
        return self.graph.op("Transpose", self, perm=order)

    def shape(self, axis: int) -> Value:
        """The length of an axis, as (1,)."""
        return self.graph.op("Shape", self, start=axis, end=axis + 1)

    def cast(self, kind: int) -> Value:
        return self.graph.op("Cast", self, to=kind)

    def slice(self, begin: int, end: int, axis: int) -> Value:
        """Entries ``begin`` to ``end`` of an axis; negative ones count from its end."""
        integers = self.graph.integers
        return self.graph.op("Slice", self, integers(begin), integers(end), integers(axis))


class Graph:
    """Collects nodes, weights, inputs and outputs.

    Args:
        name: of the graph.
        outer: the graph around it, whose weights and values it may read.
    """

    def __init__(self, name: str, outer: Graph | None = None) -> None:
        self._onnx = onnx_library()
        self.name, self._root = name, self if outer is None else outer._root
        self._nodes: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        if outer is None:
            self._numbers: Iterator[int] = itertools.count()
            self._weights: dict[str, Any] = {}
            self._bytes = 0

    def input(self, name: str, kind: int, shape: Shape) -> Value:
        """Something that the graph is given."""
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, kind, list(shape)))
        return Value(self, name)

    def output(self, name: str, value: Value, kind: int, shape: Shape) -> None:
        """Give ``value`` out under a name."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(self._onnx.helper.make_tensor_value_info(name, kind, list(shape)))

    def op(self, kind: str, *inputs: Number, **attributes: Any) -> Value:
        """A node with one output."""
        (value,) = self.ops(kind, 1, *inputs, **attributes)
        return value

    def ops(self, kind: str, outputs: int, *inputs: Number, **attributes: Any) -> list[Value]:
        """A node with several."""
        names = [f"{kind.lower()}_{next(self._root._numbers)}" for _ in range(outputs)]
        given = [self._named(value) for value in inputs]
        self._nodes.append(self._onnx.helper.make_node(kind, given, names, **attributes))
        return [Value(self, name) for name in names]

    def _named(self, value: Number) -> str:
        return value.name if isinstance(value, Value) else self.constant(np.array(value, np.float32)).name

    def weight(self, values: Tensor | np.ndarray) -> Value:
        """A tensor of the model; the same numbers are stored once."""
        if isinstance(values, Tensor):
            values = values.detach().cpu().float().numpy()
        return self.constant(values)

    def constant(self, values: np.ndarray) -> Value:
        """The same for an array of any type."""
        root = self._root
        values = np.ascontiguousarray(values)
        key = f"{values.dtype.str}{values.shape}{hash(values.tobytes())}"
        if key not in root._weights:
            root._bytes += values.nbytes
            if root._bytes > MOST_BYTES:
                raise UserError("--to onnx: the model's weights are more than the 2 GiB that an ONNX file can hold")
            name = f"weight_{len(root._weights)}"
            root._weights[key] = self._onnx.numpy_helper.from_array(values, name)
        return Value(self, root._weights[key].name)

    def integers(self, *values: int) -> Value:
        """A list of integers."""
        return self.constant(np.array(values, np.int64))

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        return self.op("Concat", *values, axis=axis)

    def linear(self, rows: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
        """W x + b of (N, E)."""
        return self.op("Gemm", rows, self.weight(weight), *([] if bias is None else [self.weight(bias)]), transB=1)

    def linear_over(self, values: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
        """The same of (..., E)."""
        product = values @ self.weight(weight.T)
        return product if bias is None else product + self.weight(bias)

    def scan(self, body: Graph, states: Sequence[Value], over: Value) -> tuple[list[Value], Value]:
        """Run a graph (states, one entry of ``over``) -> (states, output) along the first axis of ``over``.

        Returns:
            the last states; every output.
        """
        *after, output = self.ops("Scan", len(states) + 1, *states, over, body=body.proto(), num_scan_inputs=1)
        return after, output

    def proto(self) -> Any:
        """The graph as ONNX has it."""
        return self._onnx.helper.make_graph(
            self._nodes,
            self.name,
            self._inputs,
            self._outputs,
            list(self._weights.values()) if self._root is self else [],
        )

    def model(self, about: str) -> Any:
        """The same as a model, which has been checked."""
        helper = self._onnx.helper
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(self.proto(), opset_imports=opset, producer_name="rnn_lm", doc_string=about)
        model.ir_version = IR_VERSION
        self._onnx.checker.check_model(model, full_check=True)
        return model
