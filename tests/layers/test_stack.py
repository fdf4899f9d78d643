"""Layers over time: padding that changes nothing, both directions, stacks, and a cell written elsewhere."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnn_lm.layers import Bidirectional, Cell, GRUCell, LSTMCell, Recurrent, Stack
from rnn_lm.layers.stack import reverse


class LeakyCell(Cell):
    """A cell that is no gate stack, and owns one matrix: (0.9 h + 0.1 W x)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(hidden_size, input_size))
        self.reset_parameters()

    def step(self, input_be, state):
        return (0.9 * state[0] + 0.1 * input_be @ self.weight.T,)


def case(lengths: list[int], size: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(sum(lengths))
    return torch.randn(max(lengths), len(lengths), size, generator=source), torch.tensor(lengths)


@settings(deadline=None, max_examples=15)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_a_padded_column_gives_what_it_gives_alone(lengths):
    input_tbe, lengths_b = case(lengths)
    layer = Recurrent(LSTMCell(3, 4))
    output_tbh, state = layer(input_tbe, lengths_b=lengths_b)
    for column, length in enumerate(lengths):
        alone_th, alone_state = layer(input_tbe[:length, column : column + 1])
        torch.testing.assert_close(output_tbh[:length, column], alone_th[:, 0])
        assert output_tbh[length:, column].abs().sum() == 0
        for part, alone in zip(state, alone_state, strict=True):
            torch.testing.assert_close(part[column], alone[0])


def test_both_directions_are_those_of_torch_with_packed_sequences():
    input_tbe, lengths_b = case([2, 5, 3])
    ours = Bidirectional(LSTMCell(3, 4), LSTMCell(3, 4))
    theirs = nn.LSTM(3, 4, bidirectional=True)
    for layer, ending in ((ours.forward_layer, "_l0"), (ours.backward_layer, "_l0_reverse")):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            theirs.get_parameter(name + ending).data.copy_(layer.cell.get_parameter(name))
    packed, _ = theirs(pack_padded_sequence(input_tbe, lengths_b, enforce_sorted=False))
    expected_tbh, _ = pad_packed_sequence(packed)
    torch.testing.assert_close(ours(input_tbe, lengths_b), expected_tbh)


def test_reversing_twice_gives_back_what_was_there():
    input_tbe, lengths_b = case([4, 1, 3])
    torch.testing.assert_close(reverse(reverse(input_tbe, lengths_b), lengths_b), input_tbe)
    assert reverse(input_tbe, lengths_b)[0, 0].equal(input_tbe[3, 0])


@pytest.mark.parametrize("lengths", [[0, 2], [3, 2]])
def test_lengths_that_do_not_fit_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must be from 1 to 2"):
        Recurrent(GRUCell(3, 4))(torch.zeros(2, 2, 3), lengths_b=torch.tensor(lengths))


def test_a_stack_of_unlike_cells_steps_as_it_runs():
    stack = Stack([GRUCell(3, 4), LeakyCell(4, 5), LSTMCell(5, 2)])
    input_tbe, _ = case([6, 6])
    output_tbh, last = stack(input_tbe)
    states = stack.initial_state(2)
    for t, input_be in enumerate(input_tbe):
        states = stack.step(input_be, states)
        torch.testing.assert_close(states[-1][0], output_tbh[t])
    for found, expected in zip(states, last, strict=True):
        torch.testing.assert_close(found, expected)


def test_sizes_that_do_not_meet_are_refused():
    with pytest.raises(ValueError, match="a layer of 4 units under one that reads 5"):
        Stack([GRUCell(3, 4), GRUCell(5, 4)])


def test_a_mask_is_refused_where_there_is_no_matrix_for_it():
    with pytest.raises(ValueError, match="LeakyCell has no recurrent matrix to mask"):
        LeakyCell(3, 4)(torch.zeros(2, 1, 3), (torch.zeros(1, 4),), torch.ones(4, 4))
