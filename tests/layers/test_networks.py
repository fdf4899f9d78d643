"""Whole networks compute what torch.nn's of the same names compute; and the gates are those that ``step`` uses."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnn_lm.layers import CELLS, GRU, LSTM, RNN, Cell, Mogrifier, Network

INPUT, HIDDEN, STEPS, BATCH = 3, 5, 7, 4
LENGTHS = torch.tensor([3, 7, 1, 5])
PAIRS = {"rnn": (RNN, nn.RNN), "gru": (GRU, nn.GRU), "lstm": (LSTM, nn.LSTM)}


def pair(name: str, **settings: object) -> tuple[Network, nn.RNNBase]:
    ours, theirs = PAIRS[name]
    torch.manual_seed(3)
    reference = theirs(INPUT, HIDDEN, num_layers=2, **settings).double()
    return ours(INPUT, HIDDEN, layers=2, **settings).double().load_torch(reference), reference


def as_state(state: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (state,) if isinstance(state, torch.Tensor) else state


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_outputs_states_and_gradients_are_those_of_torch(name, bidirectional, padded):
    ours, theirs = pair(name, bidirectional=bidirectional)
    input_tbe = torch.randn(STEPS, BATCH, INPUT, dtype=torch.float64)
    if padded:
        packed, their_state = theirs(pack_padded_sequence(input_tbe, LENGTHS, enforce_sorted=False))
        their_output, _ = pad_packed_sequence(packed, total_length=STEPS)
        output, state = ours(input_tbe, lengths_b=LENGTHS)
    else:
        their_output, their_state = theirs(input_tbe)
        output, state = ours(input_tbe)
    for one, other in zip((output, *state), (their_output, *as_state(their_state)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)
    (output * torch.arange(output.numel()).view_as(output)).sum().backward()
    (their_output * torch.arange(output.numel()).view_as(output)).sum().backward()
    torch.testing.assert_close(ours.runs[0].cell.weight_hh.grad, theirs.weight_hh_l0.grad)


def test_it_goes_on_from_a_state():
    ours, _ = pair("lstm")
    input_tbe = torch.randn(STEPS, BATCH, INPUT, dtype=torch.float64)
    whole, last = ours(input_tbe)
    first, state = ours(input_tbe[:3])
    second, state = ours(input_tbe[3:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    for one, other in zip(state, last, strict=True):
        torch.testing.assert_close(one, other)


def test_dropout_is_between_layers_and_in_training_alone():
    network = LSTM(INPUT, HIDDEN, layers=2, dropout=0.5)
    input_tbe = torch.randn(STEPS, BATCH, INPUT)
    assert not torch.equal(network(input_tbe)[0], network(input_tbe)[0])
    network.eval()
    assert torch.equal(network(input_tbe)[0], network(input_tbe)[0])
    one_layer = LSTM(INPUT, HIDDEN, dropout=0.5)
    assert torch.equal(one_layer(input_tbe)[0], one_layer(input_tbe)[0])


def test_any_cell_makes_a_network_and_sits_in_anybodys_module():
    class Leaky(Cell):
        def __init__(self, input_size: int, hidden_size: int) -> None:
            super().__init__(input_size, hidden_size)
            self.read = nn.Linear(input_size, hidden_size)

        def step(self, input_be, state):
            return (0.9 * state[0] + 0.1 * self.read(input_be),)

    class Tagger(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = Network(Leaky, INPUT, HIDDEN, 2, bidirectional=True)
            self.tags = nn.Linear(2 * HIDDEN, 2)

        def forward(self, input_tbe: torch.Tensor) -> torch.Tensor:
            return self.tags(self.encoder(input_tbe)[0])

    tagger = Tagger()
    tagger(torch.randn(STEPS, BATCH, INPUT)).sum().backward()
    assert all(parameter.grad is not None for parameter in tagger.parameters())
    assert Mogrifier(INPUT, HIDDEN, rounds=2, rank=2)(torch.randn(STEPS, BATCH, INPUT))[1][1].shape == (
        1,
        BATCH,
        HIDDEN,
    )


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="not the same network"):
        LSTM(INPUT, HIDDEN).load_torch(nn.GRU(INPUT, HIDDEN))
    with pytest.raises(ValueError, match="not the same network"):
        LSTM(INPUT, HIDDEN).load_torch(nn.LSTM(INPUT, HIDDEN + 1))
    with pytest.raises(ValueError, match="layers must be at least 1"):
        LSTM(INPUT, HIDDEN, layers=0)
    with pytest.raises(ValueError, match="dropout must be in"):
        LSTM(INPUT, HIDDEN, dropout=1.0)


@pytest.mark.parametrize("name", ["lstm", "mogrifier"])
def test_gates_are_those_of_the_step_of_the_lstm(name):
    cell = CELLS[name].of(INPUT, HIDDEN, {"engine": "auto", "mogrifier_rounds": 3, "mogrifier_rank": 2})
    input_be = torch.randn(BATCH, INPUT)
    state = (torch.randn(BATCH, HIDDEN), torch.randn(BATCH, HIDDEN))
    gates = cell.gate_values(input_be, state)
    assert list(gates) == ["input", "forget", "candidate", "output"]
    cell_bh = gates["forget"] * state[1] + gates["input"] * gates["candidate"]
    for one, other in zip((gates["output"] * cell_bh.tanh(), cell_bh), cell.step(input_be, state), strict=True):
        assert torch.equal(one, other)


def test_gates_are_those_of_the_step_of_the_gru():
    cell = CELLS["gru"].of(INPUT, HIDDEN, {"engine": "auto"})
    input_be, hidden_bh = torch.randn(BATCH, INPUT), torch.randn(BATCH, HIDDEN)
    gates = cell.gate_values(input_be, (hidden_bh,))
    assert list(gates) == ["reset", "update", "candidate"]
    (after_bh,) = cell.step(input_be, (hidden_bh,))
    assert torch.equal((1 - gates["update"]) * gates["candidate"] + gates["update"] * hidden_bh, after_bh)


def test_a_cell_without_gates_has_none():
    cell = CELLS["rnn"].of(INPUT, HIDDEN, {"engine": "auto"})
    assert cell.gate_values(torch.randn(BATCH, INPUT), cell.initial_state(BATCH)) == {}
