"""What published recipes need: drawn segment lengths, averaging, activation regularization, decay by epochs."""

from __future__ import annotations

import itertools

import pytest
import torch

from rnn_lm.config import TrainingConfig
from rnn_lm.padding import IGNORE
from rnn_lm.runtime import Runtime
from rnn_lm.stream import EncodedText, SegmentStream
from rnn_lm.training.averaging import WeightAverage, in_tail, should_average
from rnn_lm.training.interrupt import TrainingInterrupted
from rnn_lm.training.loop import Callback
from rnn_lm.training.optimizer import build_optimizer, learning_rate
from rnn_lm.training.position import Position
from rnn_lm.training.regularization import activation_penalty
from rnn_lm.training.segments import DrawnSegments, EqualSegments, Rotation, segments_for

from .conftest import make_trainer, tiny_text
from .test_trainer import assert_equal_bits, interrupt_after, weights

AVERAGED = {
    "budget": "60steps", "validations": 30, "optimizer": "sgd", "learning_rate": 20.0, "schedule": "constant",
    "averaging": "non-monotone", "averaging_window": 1, "bptt_spread": 2.0, "softmax": "exact",
    "activation_penalty": 2.0, "temporal_penalty": 1.0,
}  # fmt: skip


def test_drawn_segments_read_every_token_once_and_differ_from_epoch_to_epoch():
    text = tiny_text(4000, 1)
    segments = DrawnSegments(SegmentStream(text, 2, 20), 3.0, seed=1)
    first, second, third = (int(segments.steps(epochs)) for epochs in (1, 2, 3))
    lengths = []
    for start, stop in ((0, first), (first, second), (second, third)):
        places = [segments.at(step) for step in range(start, stop)]
        assert [place.number for place in places] == list(range(stop - start))
        assert sum(place.segment.token_count for place in places) == len(text)
        lengths.append([len(place.segment.input_tb) for place in places])
    assert lengths[0] != lengths[1]
    inner = torch.tensor([length for epoch in lengths for length in epoch[:-1]]).double()
    assert inner.min() >= 5
    assert inner.median() == pytest.approx(20, abs=2)
    assert segments.epochs(second) == 2
    place = segments.at(first + 1)
    assert segments.rate_factor(place.segment) == len(place.segment.input_tb) / 20
    again = DrawnSegments(segments.stream, 3.0, seed=1).at(first + 1)
    assert torch.equal(again.segment.input_tb, place.segment.input_tb)


def test_equal_segments_are_those_of_the_stream():
    stream = SegmentStream(tiny_text(200, 1), 3, 7)
    place = EqualSegments(stream).at(len(stream) + 2)
    assert (place.epoch, place.number) == (1, 2)
    assert torch.equal(place.segment.target_tb, stream[2].target_tb)


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_rotated_columns_read_every_token_once_from_another_place_in_each_epoch(spread):
    text = EncodedText(torch.arange(1, 404), 1, 400)  # ids tell their position: 101 in each column, the last has 100
    config = TrainingConfig(bptt_length=9, bptt_spread=spread, rotate_columns=True, seed=3)
    segments = segments_for(SegmentStream(text, 4, 9), config)
    firsts, bounds = [], [int(segments.steps(epochs)) for epochs in range(4)]
    for start, stop in itertools.pairwise(bounds):
        parts = [segments.at(step).segment for step in range(start, stop)]
        target_rb = torch.cat([part.target_tb for part in parts])
        input_rb = torch.cat([part.input_tb for part in parts])
        assert sum(part.token_count for part in parts) == 403
        for column, length in enumerate((101, 101, 101, 100)):
            target_r, input_r = target_rb[:length, column], input_rb[:length, column]
            first, begin = int(target_r[0]), 101 * column + 1
            assert target_r.tolist() == [*range(first, begin + length), *range(begin, first)]
            assert torch.equal(input_r, (target_r - 1).clamp_min(1))  # 0 stands for <eos>, which is 1 here
        assert target_rb[100, 3] == IGNORE
        firsts.append(target_rb[0].tolist())
    assert len({tuple(first) for first in firsts}) == 3
    again = segments_for(SegmentStream(text, 4, 9), config).at(bounds[2] + 1)  # epochs before it were never read
    assert torch.equal(again.segment.target_tb, segments.at(bounds[2] + 1).segment.target_tb)


def test_columns_without_a_token_are_rotated_to_nothing():
    stream = SegmentStream(EncodedText(torch.arange(1, 11), 1, 10), 6, 3)  # two rows; five columns hold it all
    segment = EqualSegments(stream, Rotation(stream, 1)).at(0).segment
    assert segment.token_count == 10
    assert sorted(segment.target_tb[:, :5].flatten().tolist()) == list(range(1, 11))
    assert segment.target_tb[:, 5].tolist() == [IGNORE, IGNORE]


def test_a_run_with_rotated_columns_resumes_to_the_bit(tiny_data, tmp_path):
    settings = {"rotate_columns": True, "budget": "80steps"}  # more than two epochs
    whole = make_trainer(tiny_data, **settings)
    whole.run("tiny")
    interrupt_after(stopped := make_trainer(tiny_data, tmp_path, **settings), 45)
    with pytest.raises(TrainingInterrupted):
        stopped.run("tiny")
    resumed = make_trainer(tiny_data, tmp_path, **settings)
    resumed.run("tiny")
    assert_equal_bits(weights(resumed), weights(whole))


@pytest.mark.parametrize(
    ("nlls", "expected"),
    [
        ([3.0], False),
        ([2.0, 3.0], False),  # there are none before the window
        ([3.0, 2.0, 2.5, 2.6], True),  # worse than the 2 before the window
        ([3.0, 2.0, 1.0, 1.5], False),  # worse than the one within the window alone
    ],
)
def test_averaging_begins_when_no_progress_was_made_for_a_window(nlls, expected):
    config = TrainingConfig(averaging="non-monotone", averaging_window=1)
    assert should_average(config, nlls) is expected
    assert not should_average(TrainingConfig(averaging_window=1), nlls)


@pytest.mark.parametrize(("total", "share", "first"), [(10, 0.3, 8), (10, 1.0, 1), (3, 0.1, 4), (None, 1.0, None)])
def test_the_tail_is_the_last_share_of_the_steps(total, share, first):
    config = TrainingConfig(averaging="tail", averaging_share=share)
    steps = range(1, (total or 5) + 1)
    tail = [step for step in steps if in_tail(config, Position(step=step, total_steps=total))]
    assert tail == ([] if first is None else list(range(first, (total or 5) + 1)))
    assert not in_tail(TrainingConfig(averaging="non-monotone"), Position(step=5, total_steps=5))


class _Recording(Callback):
    """Keeps the decoder's bias after each step."""

    def __init__(self, trainer) -> None:
        self.trainer, self.biases = trainer, []

    def step_taken(self) -> None:
        self.biases.append(self.trainer.model.output_product.bias_v.detach().clone())


def test_a_run_that_averages_its_tail_keeps_the_mean_of_it_and_resumes_to_the_bit(tiny_data, tmp_path):
    settings = {"averaging": "tail", "averaging_share": 0.4, "learning_rate": 0.02, "schedule": "constant"}
    whole = make_trainer(tiny_data, **settings)
    recording, train = _Recording(whole), whole.train

    def watched() -> None:
        whole.callbacks.append(recording)
        train()

    whole.train = watched
    log = whole.run("tiny").log
    mean = torch.stack(recording.biases[18:]).mean(0)
    assert whole.position.averaged_steps == 12
    torch.testing.assert_close(whole.average.tensors()["average.decoder.bias"], mean)
    assert whole.position.best_step == 30
    torch.testing.assert_close(whole.model.output_product.bias_v.detach(), mean)

    stopped = make_trainer(tiny_data, tmp_path, **settings)
    interrupt_after(stopped, 24)
    with pytest.raises(TrainingInterrupted):
        stopped.run("tiny")
    assert stopped.position.averaged_steps == 6
    resumed = make_trainer(tiny_data, tmp_path, **settings)
    resumed_log = resumed.run("tiny").log
    assert_equal_bits(weights(resumed), weights(whole))
    assert_equal_bits(resumed.average.tensors(), whole.average.tensors())
    assert [one.valid_nll for one in resumed_log.validations] == [one.valid_nll for one in log.validations]


def test_the_average_is_the_mean_of_the_steps_and_leaves_the_weights_alone():
    model = torch.nn.Linear(2, 1, bias=False)
    average = WeightAverage(model)
    average.start()
    for count, value in enumerate((1.0, 2.0, 6.0), start=1):
        torch.nn.init.constant_(model.weight, value)
        average.add(count)
    with average.applied():
        torch.testing.assert_close(model.weight, torch.full((1, 2), 3.0))
    assert torch.equal(model.weight, torch.full((1, 2), 6.0))


def test_a_run_that_averages_keeps_the_average_and_resumes_to_the_bit(tiny_data, tmp_path):
    whole = make_trainer(tiny_data, **AVERAGED)
    log = whole.run("tiny").log
    assert 20 < whole.position.averaged_steps < 60
    stopped = make_trainer(tiny_data, tmp_path, **AVERAGED)
    interrupt_after(stopped, 45)
    with pytest.raises(TrainingInterrupted):
        stopped.run("tiny")
    assert stopped.position.averaged_steps > 0
    resumed = make_trainer(tiny_data, tmp_path, **AVERAGED)
    resumed_log = resumed.run("tiny").log
    assert_equal_bits(weights(resumed), weights(whole))
    assert_equal_bits(resumed.average.tensors(), whole.average.tensors())
    assert [one.valid_nll for one in resumed_log.validations] == [one.valid_nll for one in log.validations]
    plain = make_trainer(tiny_data, **{**AVERAGED, "averaging": "none"}).run("tiny").log
    assert [one.loss for one in plain.steps] == [one.loss for one in log.steps]  # the average never flows back
    assert plain.validations[-1].valid_nll != log.validations[-1].valid_nll


def test_all_processes_begin_to_average_when_the_first_does(tiny_data):
    class Follower(Runtime):
        """The second of two after a resumption: its own log holds no validation from before."""

        rank, size = 1, 2

        def from_first(self, value):
            return True if isinstance(value, bool) else value

    trainer = make_trainer(tiny_data, averaging="non-monotone", averaging_window=100)
    trainer.runtime = Follower()
    trainer.run("follower")
    assert trainer.average.started


def test_activation_penalty_is_what_the_paper_writes():
    hidden_tbh = torch.tensor([1.0, 3.0, 2.0]).view(3, 1, 1)
    dropped_tbh = torch.tensor([2.0, 0.0, 4.0]).view(3, 1, 1)
    config = TrainingConfig(activation_penalty=3.0, temporal_penalty=2.0)
    found = activation_penalty(hidden_tbh, dropped_tbh, config)
    assert float(found) == pytest.approx(3 * (4 + 16) / 3 + 2 * (4 + 1) / 2)
    assert float(activation_penalty(hidden_tbh[:1], dropped_tbh[:1], config)) == pytest.approx(3 * 4)


def test_the_logged_loss_is_the_nll_without_the_penalty(tiny_data):
    plain, penalized = make_trainer(tiny_data), make_trainer(tiny_data, activation_penalty=50.0)
    first, other = plain.step(), penalized.step()
    assert first.loss == other.loss
    assert first.norm_before != other.norm_before


def test_adam_takes_its_penalty_into_the_gradient_and_adamw_does_not():
    """Without momentum, from a gradient of 0: only what is in the gradient is divided by its own size."""
    steps = {}
    for kind in ("adam", "adamw"):
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(model.weight, 2.0)
        config = TrainingConfig(optimizer=kind, adam_beta1=0.0, learning_rate=0.1, weight_decay=0.5)
        optimizer = build_optimizer(model, config)
        model.weight.grad = torch.zeros_like(model.weight)
        optimizer.step()
        steps[kind] = 2.0 - float(model.weight.detach())
    assert steps["adam"] == pytest.approx(0.1, rel=1e-5)
    assert steps["adamw"] == pytest.approx(0.1 * 0.5 * 2.0)


def test_decay_divides_once_for_each_later_epoch():
    config = TrainingConfig(schedule="decay", learning_rate=1.0, warmup=0.0, decay_after=4, decay_factor=2.0)
    rates = [learning_rate(config, 0.5, epoch=epoch) for epoch in range(7)]
    assert rates == [1.0, 1.0, 1.0, 1.0, 0.5, 0.25, 0.125]
