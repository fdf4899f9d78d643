"""Layers over time: one cell over a padded batch, several on top of each other, and two that read both ways.

    Recurrent(cell)          output_tbh, state = layer(input_tbe, lengths_b=...)      zeros behind each column's end
    Stack([cell, cell])      output_tbh, states = stack(input_tbe, states)            one state per layer
    Bidirectional(a, b)      output_tbh = layer(input_tbe, lengths_b=...)             (T, B, H_a + H_b)

Columns of unequal length are run as the packed sequences of cuDNN are: the longest first, and at each step only those
that have not ended. Padding is never read, so what stands in it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnn_lm.layers.cells.base import Cell
from rnn_lm.layers.cells.engines import run_at_once
from rnn_lm.layers.state import State


class Recurrent(nn.Module):
    """Runs a cell over time.

    Args:
        cell: any cell.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(
        self,
        input_tbe: Float[Tensor, "T B E"],
        state: State | None = None,
        lengths_b: Int[Tensor, "B"] | None = None,
    ) -> tuple[Float[Tensor, "T B H"], State]:
        """Read ``input_tbe``; return every hidden state, and each column's state after its last input.

        Args:
            input_tbe: what is read.
            state: before it, parts (B, H); default: the initial state.
            lengths_b: inputs of each column, 1 to T, what stands behind them being padding; default: T.

        Raises:
            ValueError: a length is below 1 or above T.
        """
        steps, batch, _ = input_tbe.shape
        state = self.cell.initial_state(batch) if state is None else state
        if lengths_b is None:
            return self.cell(input_tbe, state)
        _check_lengths(lengths_b, steps)
        sorted_b, order_b = lengths_b.sort(descending=True, stable=True)
        output_tbh, state = self._run_sorted(
            input_tbe.index_select(1, order_b), tuple(part.index_select(0, order_b) for part in state), sorted_b
        )
        back_b = order_b.argsort()
        return output_tbh.index_select(1, back_b), tuple(part.index_select(0, back_b) for part in state)

    def _run_sorted(self, input_tbe: Tensor, state: State, lengths_b: Tensor) -> tuple[Tensor, State]:
        """The same for columns in order of length, the longest first: a run up to each length that occurs."""
        outputs: list[Tensor] = []
        ended: list[State] = []
        begun, batch = 0, len(lengths_b)
        for length in lengths_b.unique().tolist():
            active = int((lengths_b >= length).sum())
            if active < len(state[0]):
                ended.append(tuple(part[active:] for part in state))
                state = tuple(part[:active] for part in state)
            part_tbh, state = self.cell(input_tbe[begun:length, :active], state)
            outputs.append(functional.pad(part_tbh, (0, 0, 0, batch - active)))
            begun = length
        outputs.append(input_tbe.new_zeros(len(input_tbe) - begun, *outputs[0].shape[1:]))
        ended.append(state)
        return torch.cat(outputs), tuple(torch.cat(parts) for parts in zip(*reversed(ended), strict=True))


class Bidirectional(nn.Module):
    """Reads every column from both ends (Schuster and Paliwal 1997).

    Args:
        forward_cell: reads from the first input on.
        backward_cell: reads from each column's last input on.
    """

    def __init__(self, forward_cell: Cell, backward_cell: Cell) -> None:
        super().__init__()
        self.forward_layer, self.backward_layer = Recurrent(forward_cell), Recurrent(backward_cell)

    def forward(
        self, input_tbe: Float[Tensor, "T B E"], lengths_b: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "T B H"]:
        """Return the hidden states of both directions side by side, zeros behind each column's end.

        Args:
            input_tbe: what is read.
            lengths_b: see ``Recurrent.forward``.
        """
        return self.read(input_tbe, (None, None), lengths_b)[0]

    def read(
        self,
        input_tbe: Float[Tensor, "T B E"],
        states: Sequence[State | None],
        lengths_b: Int[Tensor, "B"] | None = None,
    ) -> tuple[Float[Tensor, "T B H"], list[State]]:
        """Return the same from given states, and the states after it: forward, then backward.

        Args:
            input_tbe: what is read.
            states: of the two directions before it; None: the initial one.
            lengths_b: see ``Recurrent.forward``.
        """
        there_tbh, there = self.forward_layer(input_tbe, states[0], lengths_b)
        back_tbh, back = self.backward_layer(reverse(input_tbe, lengths_b), states[1], lengths_b)
        return torch.cat([there_tbh, reverse(back_tbh, lengths_b)], dim=2), [there, back]


def reverse(input_tbe: Float[Tensor, "T B E"], lengths_b: Int[Tensor, "B"] | None = None) -> Float[Tensor, "T B E"]:
    """Return each column from its last entry to its first, what is behind its end left where it is."""
    if lengths_b is None:
        return input_tbe.flip(0)
    _check_lengths(lengths_b, len(input_tbe))
    time_t1 = torch.arange(len(input_tbe), device=input_tbe.device).unsqueeze(1)
    mirrored_tb = torch.where(time_t1 < lengths_b, lengths_b - 1 - time_t1, time_t1)
    return input_tbe.gather(0, mirrored_tb.unsqueeze(2).expand_as(input_tbe))


class Stack(nn.ModuleList):
    """Cells on top of each other: each reads the hidden states of the one below.

    Args:
        cells: from input to output; each one's input size is the hidden size of the one before.
        skip_connections: whether what the stack puts out is the sum of all layers' hidden states, before dropout
            between them, instead of the last one's (as the published code of Melis et al. 2018 has it).

    Raises:
        ValueError: two sizes do not meet.
    """

    def __init__(self, cells: Iterable[Cell], *, skip_connections: bool = False) -> None:
        super().__init__(cells)
        self.skip_connections = skip_connections
        if skip_connections and len({cell.hidden_size for cell in self.cells}) > 1:
            raise ValueError("layers of unequal size cannot be added up")
        for below, above in zip(self.cells, self.cells[1:], strict=False):
            if above.input_size != below.hidden_size:
                raise ValueError(f"a layer of {below.hidden_size} units under one that reads {above.input_size}")

    @property
    def cells(self) -> list[Cell]:
        """The cells, from input to output."""
        return [cast(Cell, cell) for cell in self]

    def initial_state(self, batch: int) -> list[State]:
        """Return each cell's."""
        return [cell.initial_state(batch) for cell in self.cells]

    def step(self, input_be: Float[Tensor, "B E"], states: Sequence[State]) -> list[State]:
        """Return each layer's state after one more input, by the cells' equations."""
        after: list[State] = []
        for cell, state in zip(self.cells, states, strict=True):
            after.append(cell.step(input_be, state))
            input_be = after[-1][0]
        return after

    def output(self, hidden: Sequence[Tensor]) -> Tensor:
        """Return what the stack puts out, given the hidden states of each layer."""
        if not self.skip_connections:
            return hidden[-1]
        total, *others = hidden
        for one in others:
            total = total + one
        return total

    def forward(
        self,
        input_tbe: Float[Tensor, "T B E"],
        states: Sequence[State] | None = None,
        between: Sequence[Tensor | None] | None = None,
        recurrent: Sequence[Tensor | None] | None = None,
        dropped: Sequence[Tensor | None] | None = None,
    ) -> tuple[Float[Tensor, "T B H"], list[State]]:
        """Read ``input_tbe``; return what the stack puts out, and each layer's state after it.

        Args:
            input_tbe: what is read.
            states: before it, one per layer; default: the initial ones.
            between: dropout masks that multiply the output of each layer but the last; None where there is none.
            recurrent: DropConnect masks, one per layer: see ``Cell.forward``.
            dropped: dropout masks of the states, one per layer: see ``Cell.forward``.
        """
        layers = len(self)
        states = self.initial_state(input_tbe.shape[1]) if states is None else states
        between = between or (None,) * (layers - 1)
        recurrent, dropped = recurrent or (None,) * layers, dropped or (None,) * layers
        signal, outputs, after = input_tbe, [], []
        for index, (cell, state, mask, kept) in enumerate(zip(self.cells, states, recurrent, dropped, strict=True)):
            signal, state = cell(signal, state, mask) if kept is None else cell(signal, state, mask, kept)
            outputs.append(signal)
            after.append(state)
            if index < layers - 1 and (passed := between[index]) is not None:
                signal = signal * passed
        return self.output(outputs), after

    def at_once(
        self,
        input_tbe: Float[Tensor, "T B E"],
        state: State,
        between: Sequence[Tensor | None] = (),
        recurrent: Sequence[Tensor | None] = (),
        dropped: Sequence[Tensor | None] = (),
    ) -> tuple[Float[Tensor, "T B H"], State] | None:
        """Read ``input_tbe`` by one kernel for all layers; None where there is none that does it: see ``run_at_once``.

        Args:
            input_tbe: what is read.
            state: before it, of all layers, parts (L, B, H).
            between, recurrent, dropped: see ``forward``.

        Returns:
            What the stack puts out, and the state of all layers after it.
        """
        if self.skip_connections or any(mask is not None for mask in (*between, *dropped)):
            return None
        return run_at_once(self.cells, input_tbe, state, recurrent or (None,) * len(self))


def _check_lengths(lengths_b: Tensor, steps: int) -> None:
    if int(lengths_b.min()) < 1 or int(lengths_b.max()) > steps:
        raise ValueError(f"lengths must be from 1 to {steps}, not {int(lengths_b.min())} to {int(lengths_b.max())}")
