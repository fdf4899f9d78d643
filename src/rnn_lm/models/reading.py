"""Read one text token by token, as a writer does: what is remembered stands in one place, and is written over.

``reader_of(model)`` gives what reads with the same numbers as ``encode_step``, but for the order in which some of them
are added. For an LSTM all products of a layer are one, into memory that is there already; other layers take their
steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.cells import LSTMCell
from rnn_lm.models.int8_product import int8_product, largest_of
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.stepping import for_stepping

_KEPT_BYTES = 2**26
"""Products of words read before that are kept, of the first layer."""


@runtime_checkable
class Reader(Protocol):
    """A text being read."""

    def read(self, token: int) -> Float[Tensor, "1 D"]:
        """Read one token; return what the decoder compares with its rows, valid until the next is read."""
        ...


def reader_of(model: NeuralLanguageModel, layers: Literal["float32", "int8"] = "float32") -> Reader:
    """Return what reads a text with ``model``, from the initial state on; it does not follow changes of the weights.

    Args:
        model: on the CPU, in float32.
        layers: precision of the recurrent products; float32 where ``needs_other_layers`` says why.
    """
    if not isinstance(model, RecurrentLanguageModel) or needs_other_layers(model):
        return StepReader(model)
    return Int8LSTMReader(model) if layers == "int8" else LSTMReader(model)


def needs_other_layers(model: NeuralLanguageModel) -> str | None:
    """Why layers are read by their own steps, and cannot be in 8 bits; None: they are an LSTM's."""
    if not isinstance(model, RecurrentLanguageModel):
        return f"{type(model).__name__} has no recurrent layers"
    if model.config.skip_connections:
        return "the layers have skip connections"
    usual = all(type(cell) is LSTMCell and not cell.cap_input_gate for cell in model.cells)
    return None if usual else f"the layers are not those of a plain LSTM ({model.config.cell})"


class StepReader:
    """Reads with any model's own steps."""

    def __init__(self, model: NeuralLanguageModel) -> None:
        stepping = for_stepping(model)
        assert isinstance(stepping, NeuralLanguageModel)
        self._model, self._state = stepping, stepping.initial_state(1)

    @torch.inference_mode()
    def read(self, token: int) -> Float[Tensor, "1 D"]:
        """See ``Reader.read``."""
        output_1d, self._state = self._model.encode_step(torch.tensor([token]), self._state)
        return output_1d


class LSTMReader:
    """Reads with an LSTM: ``cells/lstm.py`` has the equations.

    Inputs and hidden states of all layers stand in one row, so that what a layer is multiplied with, its input and its
    own hidden state, lie side by side: ``input | hidden 0 | hidden 1 | ...``. With sigmoid(x) = (1 + tanh(x / 2)) / 2
    all gates are one tanh: the rows of i, f and o are halved beforehand, which costs no digit. No tensor in it asks for
    gradients, so that no mode has to be set.
    """

    def __init__(self, model: RecurrentLanguageModel) -> None:
        sizes = [cell.hidden_size for cell in model.cells]
        self._row = torch.zeros(1, model.cells[0].input_size + sum(sizes))
        row, start = self._row.numpy()[0], 0
        self._layers = []
        for cell in model.cells:
            assert isinstance(cell, LSTMCell)
            self._layers.append(_Layer(cell, self._row[0], row, start))
            start += cell.input_size
        self._output_1h = self._row[:, start:]
        self._projection = None if model.projection is None else model.projection.weight.detach().T
        first = self._layers[0]
        self._embedding = model.embedding.weight.detach()
        self._from_input = first.weight[:, : model.cells[0].input_size]
        self._from_hidden = first.weight[:, model.cells[0].input_size :]
        self._hidden = self._row[0, model.cells[0].input_size :][: sizes[0]]
        self._product_of = functools.lru_cache(_KEPT_BYTES // (16 * sizes[0]))(self._first_products())

    def read(self, token: int) -> Float[Tensor, "1 D"]:
        """See ``Reader.read``."""
        first, *others = self._layers
        torch.addmv(self._product_of(token), self._from_hidden, self._hidden, out=first.gates)
        first.equations()
        for layer in others:
            torch.addmv(layer.bias, layer.weight, layer.read, out=layer.gates)
            layer.equations()
        return self._output()

    def _first_products(self) -> Callable[[int], Tensor]:
        """What the first layer makes of a word, its bias added; without the reader, which would not go if it did."""
        bias, weight, embedding = self._layers[0].bias, self._from_input, self._embedding
        return lambda token: torch.addmv(bias, weight, embedding[token])

    def _output(self) -> Float[Tensor, "1 D"]:
        return self._output_1h if self._projection is None else self._output_1h @ self._projection


class Int8LSTMReader(LSTMReader):
    """The same with recurrent products in 8 bits: sooner, and from a state that is not quite float32's.

    What is read has to come from memory at every word, as has the decoder's matrix: a quarter of the bytes. Hidden
    states and embeddings are brought to 8 bits for the product alone, and stand in the row in float32, as cell states
    do. ``benchmarks/int8_error.py`` measures how far what is predicted is from what float32 predicts.
    """

    def __init__(self, model: RecurrentLanguageModel) -> None:
        super().__init__(model)
        recurrent = [(self._hidden, self._from_hidden), *((layer.read, layer.weight) for layer in self._layers[1:])]
        self._recurrent = [(vector.numpy(), int8_product(matrix)) for vector, matrix in recurrent]
        self._other_biases = [layer.bias.numpy() for layer in self._layers[1:]]

    def read(self, token: int) -> Float[Tensor, "1 D"]:
        """See ``Reader.read``."""
        biases = (self._product_of(token).numpy(), *self._other_biases)
        for layer, (vector, product), bias in zip(self._layers, self._recurrent, biases, strict=True):
            product.add_to(bias, vector, largest_of(vector), layer.all_gates)
            layer.equations()
        return self._output()

    def _first_products(self) -> Callable[[int], Tensor]:
        product = int8_product(self._from_input)
        bias, embeddings = self._layers[0].bias.numpy(), self._embedding.numpy()

        def first(token: int) -> Tensor:
            sums = np.empty_like(bias)
            product.add_to(bias, embeddings[token], largest_of(embeddings[token]), sums)
            return torch.from_numpy(sums)

        return first


class _Layer:
    """One layer's weights and memory.

    Args:
        cell: whose weights they are.
        row_t, row: the row of inputs and hidden states, as torch and as numpy have it.
        start: where in it this layer's input begins.
    """

    def __init__(self, cell: LSTMCell, row_t: Tensor, row: np.ndarray, start: int) -> None:
        size, hidden = cell.hidden_size, start + cell.input_size
        i, f, g, o = range(4)
        order = [(i, 0.5), (f, 0.5), (o, 0.5), (g, 1.0)]
        weight = torch.cat([cell.weight_ih, cell.weight_hh], dim=1).detach().chunk(4)
        bias = (cell.bias_ih + cell.bias_hh).detach().chunk(4)
        by_column = torch.cat([weight[gate] * half for gate, half in order]).t().contiguous()
        self.weight = by_column.t()  # a product reads memory in one sweep: see stepping.py
        self.bias = torch.cat([bias[gate] * half for gate, half in order])
        self.read = row_t[start : hidden + size]
        self.gates = torch.empty(4 * size)
        self.all_gates = self.gates.numpy()
        self._sigmoid = self.all_gates[: 3 * size]
        self._i, self._f, self._o, self._g = self.all_gates.reshape(4, size)
        self._cell, self._scratch = np.zeros(size, np.float32), np.empty(size, np.float32)
        self._hidden = row[hidden : hidden + size]

    def equations(self) -> None:
        """Go from ``gates``, as the products leave them, to the hidden state."""
        np.tanh(self.all_gates, out=self.all_gates)
        np.add(self._sigmoid, 1.0, out=self._sigmoid)
        np.multiply(self._sigmoid, 0.5, out=self._sigmoid)
        np.multiply(self._cell, self._f, out=self._cell)
        np.multiply(self._i, self._g, out=self._scratch)
        np.add(self._cell, self._scratch, out=self._cell)
        np.tanh(self._cell, out=self._scratch)
        np.multiply(self._scratch, self._o, out=self._hidden)
