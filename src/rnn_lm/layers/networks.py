"""Whole recurrent networks for anybody's ``nn.Module``: layers on top of each other, one way or both, in one object.

    encoder = LSTM(input_size=8, hidden_size=16, layers=2, bidirectional=True)
    output_tbh, (hidden_lbh, cell_lbh) = encoder(input_tbe, lengths_b=lengths_b)

They compute what torch.nn's classes of the same names compute, with packed sequences where ``lengths_b`` is given, and
take over their weights (``load_torch``); and there is one for any other cell::

    Network(MinGRUCell, input_size=8, hidden_size=16, layers=2)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnn_lm.layers.cells import Cell, LSTMCell, TorchCell
from rnn_lm.layers.cells.elman import ElmanCell, ReluElmanCell
from rnn_lm.layers.cells.gru import GRUCell
from rnn_lm.layers.cells.mogrifier import MogrifierCell
from rnn_lm.layers.stack import Bidirectional, Recurrent
from rnn_lm.layers.state import State

MakeCell: TypeAlias = Callable[[int, int], Cell]


class Network(nn.Module):
    """Layers of one kind of cell on top of each other.

    Args:
        make_cell: makes the cell of a layer from its input size and hidden size; a cell's class does.
        input_size: E, numbers in an input.
        hidden_size: H, units of each layer (of each direction).
        layers: L.
        bidirectional: whether each layer reads every column from both ends, and the next reads both.
        dropout: share of each layer's outputs but the last one's that is dropped in training.

    Raises:
        ValueError: ``layers`` is below 1, or ``dropout`` is not in [0, 1).
    """

    def __init__(
        self,
        make_cell: MakeCell,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"layers must be at least 1, not {layers}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), not {dropout:g}")
        self.input_size, self.hidden_size, self.bidirectional = input_size, hidden_size, bidirectional
        self.directions = 2 if bidirectional else 1
        sizes = [input_size, *[self.directions * hidden_size] * (layers - 1)]
        self.layers = nn.ModuleList(
            Bidirectional(make_cell(size, hidden_size), make_cell(size, hidden_size))
            if bidirectional
            else Recurrent(make_cell(size, hidden_size))
            for size in sizes
        )
        self.dropout = nn.Dropout(dropout)

    @property
    def runs(self) -> list[Recurrent]:
        """What reads in one direction, layer by layer, forward before backward."""
        found: list[Recurrent] = []
        for layer in self.layers:
            if isinstance(layer, Bidirectional):
                found += [layer.forward_layer, layer.backward_layer]
            elif isinstance(layer, Recurrent):
                found.append(layer)
        return found

    def initial_state(self, batch: int) -> State:
        """Return the state before any input: parts (L, B, H), or (2 L, B, H) for both directions."""
        return _joined([run.cell.initial_state(batch) for run in self.runs])

    def forward(
        self,
        input_tbe: Float[Tensor, "T B E"],
        state: State | None = None,
        lengths_b: Int[Tensor, "B"] | None = None,
    ) -> tuple[Float[Tensor, "T B D"], State]:
        """Read ``input_tbe``; return the last layer's hidden states, and each column's state after its last input.

        Args:
            input_tbe: what is read, time first.
            state: before it, as ``initial_state`` has it; default: that.
            lengths_b: inputs of each column, 1 to T, what stands behind them being padding; default: T.

        Returns:
            The hidden states (T, B, H), forward and backward side by side (T, B, 2 H), zeros behind each column's end;
            and the state, the hidden state first: layer by layer, forward before backward, as torch.nn has it.

        Raises:
            ValueError: a length is below 1 or above T.
        """
        state = self.initial_state(input_tbe.shape[1]) if state is None else state
        before = [tuple(part[index] for part in state) for index in range(len(state[0]))]
        signal, after = input_tbe, []
        for index, layer in enumerate(self.layers):
            if index > 0:
                signal = self.dropout(signal)
            own = before[index * self.directions : (index + 1) * self.directions]
            if isinstance(layer, Bidirectional):
                signal, states = layer.read(signal, own, lengths_b)
                after += states
            else:
                signal, one = layer(signal, *own, lengths_b)
                after.append(one)
        return signal, _joined(after)

    @torch.no_grad()
    def load_torch(self, module: nn.RNNBase) -> Network:
        """Take over the weights of torch.nn's class for the same network; returns this one.

        Raises:
            ValueError: its kind, sizes, layers or directions are others.
        """
        cells = [run.cell for run in self.runs]
        parts = [f"l{layer}{end}" for layer in range(len(self.layers)) for end in ("", "_reverse")[: self.directions]]
        theirs = (module.num_layers, module.bidirectional, module.input_size, module.hidden_size)
        fits = theirs == (len(self.layers), self.bidirectional, self.input_size, self.hidden_size)
        kernels = {cell.kernel if isinstance(cell, TorchCell) else "" for cell in cells}
        if not fits or kernels != {module.mode.lower()} or not module.bias:
            raise ValueError(f"{module} is not the same network as this one")
        for cell, part in zip(cells, parts, strict=True):
            for name, parameter in cell.named_parameters():
                parameter.copy_(getattr(module, f"{name}_{part}"))
        return self


class RNN(Network):
    """The simple recurrent network (Elman 1990): h' = tanh(W x + U h + b), or relu. See ``Network``.

    Args:
        nonlinearity: "tanh" or "relu".
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        engine: str = "auto",
    ) -> None:
        cell = partial({"tanh": ElmanCell, "relu": ReluElmanCell}[nonlinearity], engine=engine)
        super().__init__(cell, input_size, hidden_size, layers, bidirectional=bidirectional, dropout=dropout)


class _OfOneCell(Network):
    """A network whose class says what its cell is."""

    cell: ClassVar[type[TorchCell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        engine: str = "auto",
    ) -> None:
        cell = partial(self.cell, engine=engine)
        super().__init__(cell, input_size, hidden_size, layers, bidirectional=bidirectional, dropout=dropout)


class GRU(_OfOneCell):
    """The gated recurrent unit, as torch and cuDNN compute it. See ``Network`` and ``GRUCell``."""

    cell = GRUCell


class LSTM(_OfOneCell):
    """The long short-term memory with a forget gate, whose bias starts at 1. See ``Network`` and ``LSTMCell``.

    >>> import torch
    >>> from rnn_lm.layers import LSTM
    >>> output_tbh, (hidden_lbh, cell_lbh) = LSTM(input_size=8, hidden_size=16, layers=2)(torch.zeros(5, 3, 8))
    >>> output_tbh.shape, hidden_lbh.shape
    (torch.Size([5, 3, 16]), torch.Size([2, 3, 16]))
    """

    cell = LSTMCell


class Mogrifier(Network):
    """The Mogrifier LSTM (Melis et al. 2020). See ``Network``, and ``MogrifierCell`` for ``rounds`` and ``rank``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
        rounds: int = 5,
        rank: int = 90,
    ) -> None:
        cell = partial(MogrifierCell, rounds=rounds, rank=rank)
        super().__init__(cell, input_size, hidden_size, layers, bidirectional=bidirectional, dropout=dropout)


def _joined(states: Sequence[State]) -> State:
    """States of several layers, parts (B, H), as one, parts (L, B, H)."""
    return tuple(torch.stack(parts) for parts in zip(*states, strict=True))
