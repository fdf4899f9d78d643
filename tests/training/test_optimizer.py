"""Schedules, clipping and plans."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_lm.config import TrainingConfig
from rnn_lm.training.optimizer import clip_gradients, global_norm, learning_rate
from rnn_lm.training.plan import Costs, softmax_at, steps_for, steps_for_time, validates_after


def gradients() -> list[torch.Tensor]:
    return [torch.tensor([[3.0, -4.0]]), torch.tensor([12.0])]  # norm 13


def test_clipping_by_norm_keeps_the_direction():
    clipped = gradients()
    assert clip_gradients(clipped, 13.0, TrainingConfig(clip="norm", clip_threshold=1.0)) == 1.0
    assert global_norm(clipped) == pytest.approx(1.0)
    for part, original in zip(clipped, gradients(), strict=True):
        torch.testing.assert_close(part, original / 13)


def test_clipping_by_value_limits_each_element():
    clipped = gradients()
    after = clip_gradients(clipped, 13.0, TrainingConfig(clip="value", clip_threshold=3.5))
    assert clipped[0].tolist() == [[3.0, -3.5]]
    assert clipped[1].tolist() == [3.5]
    assert after == pytest.approx(global_norm(clipped))


@pytest.mark.parametrize("config", [TrainingConfig(clip="none"), TrainingConfig(clip="norm", clip_threshold=14)])
def test_what_is_not_to_be_clipped_is_left_as_it_is(config):
    untouched = gradients()
    assert clip_gradients(untouched, 13.0, config) == 13.0
    assert all(torch.equal(part, original) for part, original in zip(untouched, gradients(), strict=True))


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rate_rises_to_its_peak_and_falls_as_it_is_told(schedule):
    config = TrainingConfig(schedule=schedule, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(config, step / 100) for step in range(101)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1.0, abs=1e-3)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == (1.0 if schedule == "constant" else 0.01)


def test_plateau_divides_by_four_at_each_reduction():
    config = TrainingConfig(schedule="plateau", learning_rate=1.0, warmup=0.0)
    assert [learning_rate(config, 0.5, reductions) for reductions in range(3)] == [1.0, 0.25, 0.0625]


@given(validations=st.integers(1, 30), total=st.integers(1, 500))
def test_validations_are_spread_and_end_with_the_last_step(validations, total):
    config = TrainingConfig(validations=validations)
    steps = {step for step in range(1, total + 1) if validates_after(config, total, step)}
    assert max(steps) == total
    assert min(steps) >= 1
    assert len(steps) == min(validations, total)


def test_exact_softmax_has_the_last_share_of_the_steps():
    config = TrainingConfig(softmax="sampled", exact_share=0.25)
    kinds = [softmax_at(config, step, 8) for step in range(8)]
    assert kinds == ["sampled"] * 6 + ["exact"] * 2
    assert softmax_at(TrainingConfig(softmax="exact"), 0, 8) == "exact"


def test_budgets_become_steps():
    assert steps_for(TrainingConfig(budget="1.5 epochs"), lambda epochs: 10 * epochs) == 15
    assert steps_for(TrainingConfig(budget="7steps"), lambda epochs: 10 * epochs) == 7
    assert steps_for(TrainingConfig(budget="10m"), lambda epochs: 10 * epochs) is None


def test_a_time_pays_for_validations_first_and_for_dear_steps():
    config = TrainingConfig(budget="100s", validations=5, exact_share=0.5)
    costs = Costs(sampled_step=1.0, exact_step=3.0, validation=4.0)
    # 60 s are left: 20 of 40 steps were sampled and are done, the other 20 are exact at 3 s each.
    assert steps_for_time(config, costs, steps_done=20, seconds_done=20.0, validated=0.0) == 40
    # With all validations done, 4 validations' worth of time goes to 20 more seconds of steps.
    assert steps_for_time(config, costs, steps_done=20, seconds_done=20.0, validated=1.0) == 50


def test_a_run_that_is_out_of_time_ends_with_the_next_step():
    costs = Costs(sampled_step=1.0, exact_step=3.0, validation=4.0)
    assert steps_for_time(TrainingConfig(budget="10s"), costs, steps_done=20, seconds_done=30.0, validated=0.0) == 21
