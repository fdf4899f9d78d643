"""What of a cell's state counts: the coordinates that Jacobians and gradients by state are of.

    RNN, GRU, LSTM        every part of the state
    a linear cell         the part that its recurrence is of: its Jacobian is its gate, on the diagonal
    any other             the hidden state, which the loss reads, and every part that a step reads

What a step reads is found by asking autograd. Where that is not the hidden state, as in QRNN, HGRN and DeltaNet, which
make it anew from what they carry, nothing of an earlier hidden state reaches a later loss.
"""

from __future__ import annotations

from dataclasses import fields

import torch

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.cells import CELLS, Cell, LinearCell, TorchCell
from rnn_lm.layers.state import State

MOST_NUMBERS = 1024
"""Numbers in a state, up to which Jacobians made by differentiating N outputs one by one can be afforded."""


def coordinates(cell: Cell) -> tuple[int, ...]:
    """Return which parts of the state are coordinates; none where a step reads nothing of it."""
    read = parts_read(cell)
    return read if isinstance(cell, LinearCell) or not read else tuple(sorted({0, *read}))


def parts_read(cell: Cell) -> tuple[int, ...]:
    """Return which parts of the state a step makes the next state of."""
    if isinstance(cell, TorchCell):
        return tuple(range(cell.state_parts))
    if isinstance(cell, LinearCell):
        return (cell.carried,)
    state = tuple(part.requires_grad_() for part in _some_state(cell))
    like = state[0]
    input_be = torch.linspace(-1, 1, cell.input_size, dtype=like.dtype, device=like.device).unsqueeze(0)
    with torch.enable_grad():
        after = torch.cat([part for part in cell.step(input_be, state) if part.requires_grad], dim=1)
        found = torch.autograd.grad(after.square().sum(), state, allow_unused=True)
    return tuple(index for index, gradient in enumerate(found) if gradient is not None and bool(gradient.any()))


def _some_state(cell: Cell) -> State:
    """A state that nothing is 0 in, by chance or design, and no two parts of which are equal."""
    parts = cell.initial_state(1)
    return tuple(
        torch.linspace(0.1, 0.9 + 0.01 * index, cell.hidden_size, dtype=part.dtype, device=part.device).unsqueeze(0)
        for index, part in enumerate(parts)
    )


def numbers(cell: Cell) -> int:
    """Return how many numbers the coordinates are: the Jacobian's rows."""
    return len(coordinates(cell)) * cell.hidden_size


def require_within_reach(name: str, cell: Cell, fix: str) -> None:
    """Refuse a cell whose Jacobians cannot be looked into.

    Args:
        name: what it is called.
        cell: one of its layers.
        fix: what a person can do about a state that is too large, e.g. "lower --probe-size".

    Raises:
        UserError: a step reads nothing of its state, or too much of it for a Jacobian in full.
    """
    count = numbers(cell)
    if count == 0:
        raise UserError(f"cell {name}: a step reads nothing of the state before it, so no gradient flows back")
    if not isinstance(cell, TorchCell | LinearCell) and count > MOST_NUMBERS:
        raise UserError(
            f"cell {name}: its Jacobian has {count:,} rows ({len(coordinates(cell))} parts of {cell.hidden_size} "
            f"numbers), and {MOST_NUMBERS:,} are the most: {fix}"
        )


def require_cell_within_reach(name: str, hidden_size: int) -> None:
    """The same for a cell that is yet to be made, by its name; also raises ``UserError`` where there is none."""
    settings = {field.name: getattr(ModelConfig(), field.name) for field in fields(ModelConfig)}
    with torch.random.fork_rng(devices=[]):
        cell = CELLS[name].of(hidden_size, hidden_size, settings)
    require_within_reach(name, cell, f"lower --probe-size, to {MOST_NUMBERS // max(1, len(coordinates(cell)))} or less")
