"""What a fixed state holds: counting, Fano, linear memory and the last digit of a number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.layers import CELLS
from rnn_lm.layers.cells import CellParameters
from rnn_lm.progress import SilentProgress
from rnn_lm.theory import capacity, recall
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.exercises.spectral import orthogonal
from rnn_lm.theory.lists import ByKey, InOrder
from rnn_lm.theory.results import NetworkName

seeds = st.integers(0, 2**31)


def machine(units: int, choices: int, bits: int, seed: int) -> capacity.Machine:
    random = torch.Generator().manual_seed(seed)
    zeros = torch.zeros(units, dtype=torch.float64)
    weight_ih = torch.randn(units, choices, generator=random, dtype=torch.float64)
    weight_hh = torch.randn(units, units, generator=random, dtype=torch.float64)
    return capacity.Machine(CellParameters(weight_ih, weight_hh, zeros, zeros), bits)


@settings(deadline=None, max_examples=20)
@given(units=st.integers(1, 3), choices=st.integers(2, 4), bits=st.integers(1, 3), length=st.integers(1, 5), seed=seeds)
def test_no_machine_recalls_more_than_its_state(units: int, choices: int, bits: int, length: int, seed: int) -> None:
    rounded = machine(units, choices, bits, seed)
    found = capacity.enumerate_recall(rounded, choices, length)
    assert found.information <= capacity.counting_bound(choices, length, rounded.state_bits) + 1e-12
    assert found.states <= 2**rounded.state_bits
    assert found.information >= capacity.fano_bits(found.error, choices**length) - 1e-12


def test_counting_by_hand() -> None:
    """One unit of one bit that remembers the sign of the last symbol: of two bits it recalls the last."""
    parameters = CellParameters(
        torch.tensor([[5.0, -5.0]], dtype=torch.float64),
        torch.zeros(1, 1, dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
        torch.zeros(1, dtype=torch.float64),
    )
    found = capacity.enumerate_recall(capacity.Machine(parameters, 1), 2, 2)
    assert found == capacity.Recalled(states=2, error=0.5, information=1.0)


@given(error=st.floats(0, 1), choices=st.integers(2, 100))
def test_fano_lies_between_nothing_and_everything(error: float, choices: int) -> None:
    assert 0 <= capacity.fano_bits(error, choices) <= math.log2(choices) + 1e-12


@given(choices=st.integers(2, 100))
def test_fano_at_its_ends(choices: int) -> None:
    assert capacity.fano_bits(0.0, choices) == pytest.approx(math.log2(choices))
    assert capacity.fano_bits(1 - 1 / choices, choices) == pytest.approx(0, abs=1e-12)  # guessing


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_number_holds_its_significant_bits(dtype: torch.dtype) -> None:
    found = capacity.shift_register_length(dtype, torch.Generator().manual_seed(1))
    assert found == capacity.significant_bits(dtype)


@settings(deadline=None, max_examples=10)
@given(size=st.integers(1, 8), seed=seeds)
def test_linear_memory_adds_up_to_the_number_of_units(size: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    weight_hh = 0.8 * orthogonal(size, random)
    input_h = torch.randn(size, generator=random, dtype=torch.float64)
    memory = capacity.linear_memory(weight_hh, input_h, 200)
    assert float(memory.sum()) == pytest.approx(size, rel=1e-6)
    assert float(memory.min()) >= -1e-12
    assert float(memory.max()) <= 1 + 1e-9


def test_a_delay_line_recalls_its_length_and_nothing_more() -> None:
    memory = capacity.linear_memory(
        torch.diag(torch.ones(3, dtype=torch.float64), -1), torch.eye(4, dtype=torch.float64)[0], 8
    )
    assert memory.tolist() == pytest.approx([1, 1, 1, 1, 0, 0, 0, 0])


@given(bits=st.integers(1, 6), seed=seeds)
def test_rounding_leaves_as_many_levels_as_it_says(bits: int, seed: int) -> None:
    state = 3 * torch.randn(500, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    reach_h = torch.tensor([2.0], dtype=torch.float64)
    rounded = capacity.quantize(state, reach_h, bits)
    assert len(rounded.unique()) <= 2**bits
    assert float(rounded.abs().max()) <= 2.0
    inside = state.abs() <= 2
    assert float((rounded - state)[inside].abs().max()) <= 2.0 / (2**bits - 1) + 1e-12


def test_lists_are_asked_for_in_the_order_they_were_told() -> None:
    lists = InOrder(5).draw(4, 3, torch.Generator().manual_seed(1))
    assert torch.equal(lists.stored_tb[1:], lists.answer_tb)
    assert torch.equal(lists.asked_tb[1:], lists.answer_tb[:-1])
    assert (lists.stored_tb[0] == 5).all()
    assert (lists.asked_tb[0] == 5).all()


def test_values_are_asked_for_by_the_keys_they_came_with() -> None:
    task = ByKey(5, 6)
    lists = task.draw(4, 50, torch.Generator().manual_seed(1))
    pair_kb, eos_b, key_kb = lists.stored_tb[1:-1] - 5, lists.stored_tb[-1], lists.asked_tb - (5 + 6 * 5)
    assert (eos_b == task.tokens - 1).all()
    assert 0 <= int(lists.answer_tb.min()) <= int(lists.answer_tb.max()) < 5
    for pairs, keys, answers in zip(pair_kb.T, key_kb.T, lists.answer_tb.T, strict=True):
        held = {int(pair) // 5: int(pair) % 5 for pair in pairs}
        assert len(held) == 4
        assert {int(key): int(answer) for key, answer in zip(keys, answers, strict=True)} == held
    assert not torch.equal(pair_kb // 5, key_kb)


@pytest.mark.parametrize("cell", sorted(recall.VECTORS + recall.MATRICES))
def test_numbers_of_a_state_are_those_that_differ(cell: NetworkName) -> None:
    """Counted in a state after some steps: parts that a step reads, columns that are not empty, equal ones once."""
    units = 5
    model = CELLS[cell].of(3, units, {"engine": "auto"})
    _, state = model(torch.randn(30, 1, 3, generator=torch.Generator().manual_seed(1)), model.initial_state(1))
    carried = state[1:] if cell in recall.MATRICES else state
    numbers = {float(number) for part in carried for number in part.detach().flatten()} - {0.0}
    assert len(numbers) == recall.state_numbers(cell, units)
    assert recall.units_of(cell, len(numbers)) == units


SMALL = TheoryConfig(recall_sizes=(4,), recall_symbols=4, recall_length=3, recall_updates=60)


@pytest.mark.parametrize("sized", recall.sized_networks(SMALL), ids=lambda sized: sized.name)
def test_a_little_training_recalls_something_and_no_more_than_was_stored(sized: recall.SizedNetwork) -> None:
    found = recall.train_and_measure(sized, SMALL, SilentProgress())
    assert found["by_length"][0]["bits"] > 0.1
    for point in found["by_length"]:
        assert 0 <= point["bits"] <= point["stored"] + 1e-6
        assert 0 <= point["fano"] <= point["stored"] + 1e-6
    for point in found["by_rounding"]:
        assert point["low"] <= point["state_bits"]


@pytest.mark.slow
def test_values_are_recalled_by_their_keys() -> None:
    config = replace(SMALL, recall_length=2, recall_task="pairs", recall_updates=150)
    found = recall.train_and_measure(recall.SizedNetwork("deltanet", 64), config, SilentProgress())
    bits = [point["bits"] for point in found["by_length"]]
    assert bits[1] > 1.5  # of 4
    assert bits[1] <= 4 + 1e-6


def test_a_state_rounded_to_nothing_recalls_nothing() -> None:
    """The bound is on what passes through the state: with every number set to 0 nothing is left to recall."""
    model = recall.train(recall.SizedNetwork("gru", 4), SMALL, SilentProgress())
    lists = InOrder(4).draw(2, 400, torch.Generator().manual_seed(2))
    score = recall.measure(model, lists, 4, lambda state: tuple(torch.zeros_like(part) for part in state))
    assert float(score.bits_b.mean()) < 0.05
