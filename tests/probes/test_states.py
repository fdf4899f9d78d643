"""Machines and brackets: what is called the right answer is what the operations come to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnn_lm.evaluation.intervals import Measurements
from rnn_lm.padding import IGNORE
from rnn_lm.probes.claims import STATE_CLAIMS, judged
from rnn_lm.probes.config import MODEL_NAMES, STATE_MODELS, STATE_NAMES, ProbeConfig
from rnn_lm.probes.dyck import DyckLanguage
from rnn_lm.probes.states import MACHINES, TrackingLanguage


def follow(name: str, words: list[str]) -> int:
    """The state by hand, 0 for the first."""
    state = int(words[0][-1]) - 1
    for word in words[1:]:
        if word.startswith("swap"):
            one, other = (int(cup) - 1 for cup in word.removeprefix("swap").split("-"))
            state = {one: other, other: one}.get(state, state)
        else:
            state = (state + int(word)) % (2 if name == "parity" else 5)
    return state


@pytest.mark.parametrize("name", MACHINES)
def test_the_right_answer_is_the_state_and_every_target_is_the_state_so_far(name: str) -> None:
    language = TrackingLanguage(MACHINES[name]())
    suite = language.suite(name, (0, 3, 17), 20, torch.Generator().manual_seed(1))
    for prefix, choices, length in zip(
        suite.prefixes, suite.choices_nc.tolist(), suite.factors["distance"], strict=True
    ):
        words = [language.tokens[index] for index in prefix]
        assert len(words) == int(length) + 1
        assert language.tokens[choices[0]] == f"={follow(name, words) + 1}"
    text = language.sentences(torch.tensor([4, 0, 9]), torch.Generator().manual_seed(2))
    segment = text.segment(torch.arange(3))
    assert segment.token_count == 5 + 1 + 10
    assert bool((segment.target_tb[0] == IGNORE).all())
    for column, length in enumerate((4, 0, 9)):
        words = [language.tokens[index] for index in segment.input_tb[1:, column].tolist()]
        told = segment.target_tb[1:, column].tolist()
        for place in range(length + 1):
            assert language.tokens[told[place]] == f"={follow(name, words[: place + 1]) + 1}"
        assert set(told[length + 1 :]) <= {IGNORE}


def test_permutations_of_five_do_not_commute_and_counting_does() -> None:
    five, counter = MACHINES["shuffle-5"]().next_os, MACHINES["counting"]().next_os
    assert not torch.equal(five[0][five[1]], five[1][five[0]])
    assert torch.equal(counter[0][counter[2]], counter[2][counter[0]])


def test_brackets_close_the_latest_of_their_kind_and_nest_as_deep_as_asked() -> None:
    language = DyckLanguage()
    suite = language.suite("dyck", (0, 2, 9), 10, torch.Generator().manual_seed(1))
    for prefix, (right, wrong), depth in zip(
        suite.prefixes, suite.choices_nc.tolist(), suite.factors["distance"], strict=True
    ):
        open_now: list[int] = []
        deepest = 0
        for token in prefix:
            if token < 2 + language.kinds:
                open_now.append(token)
                deepest = max(deepest, len(open_now))
            else:
                assert open_now.pop() == token - language.kinds
        assert open_now == [right - language.kinds]
        assert wrong != right
        assert int(depth) + 1 <= deepest <= int(depth) + 2  # a pair that closes at once may stand at the bottom


def test_one_word_asks_for_all_of_state_tracking_with_its_own_models() -> None:
    config = ProbeConfig(probes=("state-tracking",))
    assert (config.probes, config.models) == (STATE_NAMES, STATE_MODELS)
    assert ProbeConfig(probes=("state-tracking",), models=("lstm",)).models == ("lstm",)
    assert ProbeConfig(probes=("parity", "recall")).models == MODEL_NAMES
    assert ProbeConfig().models == MODEL_NAMES


def test_claims_compare_lengths_beyond_the_trained_ones_only() -> None:
    random = np.random.default_rng(1)

    def table(within: float, beyond: float) -> Measurements:
        right = random.random((5, 100, 3)) < np.array([within, within, beyond])
        return Measurements(right.astype(np.float64), np.ones((100, 3), dtype=np.int64))

    tables = {"lstm": table(0.5, 0.99), "mingru": table(1.0, 0.5)}
    (claim,) = judged(tables, (0, 24, 96), 0.5, STATE_CLAIMS, 24)
    assert (claim["statement"], claim["verdict"]) == ("LSTM > minGRU beyond the trained lengths", "supported")
    (untested,) = judged(tables, (0, 12, 24), 0.5, STATE_CLAIMS, 24)
    assert untested["verdict"] == "not tested"
