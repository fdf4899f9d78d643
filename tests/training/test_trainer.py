"""The training loop: it learns, it repeats itself, it resumes to the bit, and each setting does what it says."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_lm.checkpoint import BEST, LAST, read_checkpoint
from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import SilentProgress
from rnn_lm.training.interrupt import TrainingInterrupted
from rnn_lm.training.log import loss_spikes, read_log
from rnn_lm.training.optimizer import learning_rate
from rnn_lm.training.trainer import TrainingData, TrainingDiverged
from rnn_lm.training.validation import valid_nll, validation_columns
from stored_text import stored

from .conftest import make_trainer, tiny_text


def weights(trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def assert_equal_bits(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_it_learns(tiny_data):
    result = make_trainer(tiny_data, budget="300steps", learning_rate=0.02).run("tiny")
    assert result.log.validations[-1].valid_nll < result.log.validations[0].valid_nll < math.log(20)
    assert math.exp(result.position.best_valid_nll) < 15  # a model that knows nothing has 20


def test_every_token_is_predicted_once_per_epoch(tiny_data):
    result = make_trainer(tiny_data, budget="2epochs").run("tiny")
    assert result.position.tokens == 2 * len(tiny_data.train)
    assert result.log.steps[-1].epoch == 2


def test_the_same_seed_gives_the_same_bits(tiny_data):
    first, again, other = make_trainer(tiny_data), make_trainer(tiny_data), make_trainer(tiny_data, seed=2)
    for trainer in (first, again, other):
        trainer.run("tiny")
    assert_equal_bits(weights(first), weights(again))
    assert not torch.equal(first.model.embedding.weight, other.model.embedding.weight)


def test_texts_on_the_disk_train_to_the_same_bits(tiny_data, tmp_path):
    kept = TrainingData(stored(tiny_data.train, tmp_path), stored(tiny_data.valid, tmp_path), tiny_data.counts_v)
    in_memory, mapped = make_trainer(tiny_data), make_trainer(kept)
    found = [trainer.run("tiny").log.validations for trainer in (in_memory, mapped)]
    assert_equal_bits(weights(in_memory), weights(mapped))
    assert [one.valid_nll for one in found[0]] == [one.valid_nll for one in found[1]]


def interrupt_after(trainer, steps: int) -> None:
    """Press Ctrl-C during step number ``steps``."""
    step = trainer.take

    def counted():
        if trainer.position.step + 1 == steps:
            os.kill(os.getpid(), signal.SIGINT)
        return step()

    trainer.take = counted


@pytest.mark.parametrize("steps", [1, 9, 10, 29])
def test_ctrl_c_keeps_the_step_and_resume_gives_the_same_bits(tiny_data, tmp_path, steps):
    whole = make_trainer(tiny_data)
    whole_log = whole.run("tiny").log
    stopped = make_trainer(tiny_data, tmp_path)
    interrupt_after(stopped, steps)
    with pytest.raises(TrainingInterrupted):
        stopped.run("tiny")
    resumed = make_trainer(tiny_data, tmp_path)
    assert resumed.position.step == steps
    log = resumed.run("tiny").log
    assert_equal_bits(weights(resumed), weights(whole))
    assert [record.loss for record in log.steps] == [record.loss for record in whole_log.steps]
    assert [record.valid_nll for record in log.validations] == [record.valid_nll for record in whole_log.validations]
    assert read_log(tmp_path / "training.jsonl") == (log.steps, log.validations)


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import rnn_lm.training.trainer
from conftest import VOCABULARY_SIZE, make_trainer, tiny_text
from rnn_lm.training.trainer import TrainingData
import torch
train = tiny_text(700, 1)
data = TrainingData(train, tiny_text(150, 2), torch.bincount(train.ids_n, minlength=VOCABULARY_SIZE))
trainer = make_trainer(data, Path(sys.argv[1]), budget="300steps", validations=20, checkpoint_seconds=0.02)
print("ready", flush=True)
trainer.run("tiny")
"""


def kill_and_resume(folder: Path, kills: int, seed: int) -> None:
    """Start training in a process of its own and kill it at random moments until it gets through."""
    delays = torch.rand(kills, generator=torch.Generator().manual_seed(seed)) * 0.6
    command = [sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parent)]
    for delay in [*delays.tolist(), None]:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            if delay is None:
                assert child.wait() == 0
            else:
                time.sleep(delay)
                child.send_signal(signal.SIGKILL)


def assert_killed_run_ends_as_a_whole_one(data, folder: Path, kills: int) -> None:
    kill_and_resume(folder, kills, seed=kills)
    whole = make_trainer(data, budget="300steps", validations=20)
    result = whole.run("tiny")
    tensors, facts = read_checkpoint(folder / BEST)
    assert_equal_bits({name.removeprefix("model."): value for name, value in tensors.items()}, weights(whole))
    assert facts["step"] == result.position.best_step
    steps, validations = read_log(folder / "training.jsonl")
    assert [record.loss for record in steps] == [record.loss for record in result.log.steps]
    assert len(validations) == 20


def test_a_sigkill_then_resume_gives_the_same_bits(tiny_data, tmp_path):
    assert_killed_run_ends_as_a_whole_one(tiny_data, tmp_path, kills=1)


@pytest.mark.slow
def test_twenty_sigkills_then_resume_gives_the_same_bits(tiny_data, tmp_path):
    assert_killed_run_ends_as_a_whole_one(tiny_data, tmp_path, kills=20)


def test_a_flipped_byte_in_a_checkpoint_is_noticed(tiny_data, tmp_path):
    make_trainer(tiny_data, tmp_path).run("tiny")
    path = tmp_path / LAST
    whole = path.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with pytest.raises(UserError, match="last.safetensors"):
            read_checkpoint(path)
    path.write_bytes(whole[:-10])
    with pytest.raises(UserError, match="last.safetensors"):
        read_checkpoint(path)
    path.write_bytes(whole)
    read_checkpoint(path)


def test_resuming_with_another_setting_is_refused(tiny_data, tmp_path):
    make_trainer(tiny_data, tmp_path).run("tiny")
    with pytest.raises(UserError, match="--learning-rate"):
        make_trainer(tiny_data, tmp_path, learning_rate=0.5)


def test_divergence_stops_and_keeps_the_last_good_checkpoint(tiny_data, tmp_path):
    trainer = make_trainer(tiny_data, tmp_path, checkpoint_seconds=1e-9)
    step = trainer.take

    def poisoned():
        if trainer.position.step == 7:
            with torch.no_grad():
                trainer.model.output_product.bias_v[3] = math.nan
        return step()

    trainer.take = poisoned
    with pytest.raises(TrainingDiverged, match=r"step 8; .*last good checkpoint; try --clip norm"):
        trainer.run("tiny")
    tensors, facts = read_checkpoint(tmp_path / LAST)
    assert facts["position"]["step"] == 7
    assert all(torch.isfinite(value).all() for name, value in tensors.items() if name.startswith("model."))


def test_patience_stops_early_and_the_best_model_is_returned(tiny_data):
    wild = {"learning_rate": 0.5, "schedule": "constant"}
    trainer = make_trainer(tiny_data, budget="200steps", validations=100, patience=3, **wild)
    result = trainer.run("tiny")
    assert result.position.step < 200
    best = min(result.log.validations, key=lambda record: record.valid_nll)
    assert result.position.best_step == best.step
    found = valid_nll(trainer.model, tiny_data.valid, trainer.config.valid_tokens)
    assert found == pytest.approx(best.valid_nll)


def test_a_run_that_ran_out_of_patience_stays_as_it_is(tiny_data, tmp_path):
    settings = {"learning_rate": 0.5, "schedule": "constant", "budget": "200steps", "validations": 100, "patience": 3}
    ended = make_trainer(tiny_data, tmp_path, **settings).run("tiny").position.step
    kept = [(tmp_path / name).read_bytes() for name in (BEST, LAST, "training.jsonl")]
    for _ in range(3):
        assert make_trainer(tiny_data, tmp_path, **settings).run("tiny").position.step == ended
        assert [(tmp_path / name).read_bytes() for name in (BEST, LAST, "training.jsonl")] == kept


@pytest.mark.parametrize("nll", [math.nan, math.inf, 710.0])
def test_a_validation_beyond_numbers_is_divergence_and_met_once(tiny_data, tmp_path, monkeypatch, nll):
    trainer = make_trainer(tiny_data, tmp_path)
    found = iter([3.0, nll])
    monkeypatch.setattr("rnn_lm.training.validation.valid_nll", lambda *_: next(found))
    with pytest.raises(TrainingDiverged, match=r"mean NLL at validation became .* at step 20; .*last good checkpoint"):
        trainer.run("tiny")
    assert read_checkpoint(tmp_path / LAST)[1]["position"]["step"] == 10
    with pytest.raises(TrainingDiverged, match=r"this run has diverged: .* at step 20.*--learning-rate"):
        make_trainer(tiny_data, tmp_path)


@pytest.mark.parametrize("settings", [{"schedule": "plateau"}, {"schedule": "decay", "decay_factor": 1e9}])
def test_a_rate_that_has_come_down_for_ever_is_zero_or_next_to_it(settings):
    config = TrainingConfig(warmup=0.0, **settings)
    assert 0 <= learning_rate(config, 0.9, reductions=10_000, epoch=10_000) < 1e-200


def test_an_observer_is_told_of_each_validation_and_may_end_the_run(tiny_data, tmp_path):
    seen = []
    observed = make_trainer(tiny_data)
    observed.on_validation = seen.append
    plain = make_trainer(tiny_data)
    assert observed.run("tiny").log.validations == seen
    assert [record.valid_nll for record in plain.run("tiny").log.validations] == [one.valid_nll for one in seen]

    def stop(record):
        raise StopIteration(record.step)

    stopped = make_trainer(tiny_data, tmp_path)
    stopped.on_validation = stop
    with pytest.raises(StopIteration, match="10"):
        stopped.run("tiny")
    assert stopped.position.step == 10
    assert len(read_log(tmp_path / "training.jsonl")[0]) == 10  # the log was closed, and is whole
    assert read_checkpoint(tmp_path / BEST)[1]["step"] == 10


class Clock:
    """Time that passes only when a step takes some, so that what is planned by it can be said beforehand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def drive(self, trainer, seconds_of) -> None:
        """Let step number n of ``trainer`` take ``seconds_of(n)``."""
        step = trainer.take

        def timed():
            self.now += seconds_of(trainer.position.step)
            return step()

        trainer.take = timed


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    for module in ("training.callbacks", "training.validation", "runtime"):
        monkeypatch.setattr(f"rnn_lm.{module}.time", clock)
    return clock


def test_a_budget_in_seconds_becomes_steps_that_are_kept_on_resume(tiny_data, tmp_path, clock):
    settings = {"budget": "2s", "softmax": "exact"}
    trainer = make_trainer(tiny_data, tmp_path, **settings)
    interrupt_after(trainer, 25)
    clock.drive(trainer, lambda _: 0.01)
    with pytest.raises(TrainingInterrupted):
        trainer.run("tiny")
    assert trainer.position.total_steps == pytest.approx(200, abs=2)
    resumed = make_trainer(tiny_data, tmp_path, **settings)
    assert resumed.position.total_steps == trainer.position.total_steps
    clock.drive(resumed, lambda _: 0.01)
    position = resumed.run("tiny").position
    assert position.step == position.total_steps == pytest.approx(200, abs=2)
    assert position.seconds == pytest.approx(2, abs=0.03)


def test_a_budget_in_seconds_is_planned_again_when_the_machine_gets_faster(tiny_data, clock):
    trainer = make_trainer(tiny_data, budget="3s", softmax="exact")
    plans: list[int | None] = []

    def seconds_of(step: int) -> float:
        plans.append(trainer.position.total_steps)
        return 0.05 if step < 22 else 0.005

    clock.drive(trainer, seconds_of)
    position = trainer.run("tiny").position
    first = next(plan for plan in plans if plan is not None)
    assert first == pytest.approx(60, abs=2)
    assert position.step == pytest.approx(22 + (3 - 22 * 0.05) / 0.005, rel=0.1)
    assert position.seconds == pytest.approx(3, rel=0.1)


def test_a_budget_in_seconds_is_planned_by_played_steps_where_steps_are_recorded(tiny_data, clock):
    """The first 40 steps are ten times slower, being recorded: what comes after tells how many there is time for."""
    trainer = make_trainer(tiny_data, budget="20s", softmax="exact")
    trainer.runtime.records = True
    clock.drive(trainer, lambda step: 0.1 if step < 40 else 0.01)
    position = trainer.run("tiny").position
    assert position.seconds == pytest.approx(20, rel=0.03)
    assert position.step == pytest.approx(40 + (20 - 4) / 0.01, rel=0.03)


@pytest.mark.parametrize("cold", [True, False])
def test_a_first_validation_that_is_slow_does_not_end_a_run(tiny_data, clock, monkeypatch, cold):
    """A device loads its kernels at first; or a timed part tells too much of the whole: later ones put it right."""
    trainer, looks = make_trainer(tiny_data, budget="20s", softmax="exact", validations=4), []

    def slow(*arguments):
        looks.append(trainer.position.step)
        clock.now += 0.02 if len(looks) > 1 else 4 if cold else 1
        return valid_nll(*arguments)

    monkeypatch.setattr("rnn_lm.training.validation.valid_nll", slow)
    monkeypatch.setattr("rnn_lm.runtime.answers_late", lambda _: cold)
    clock.drive(trainer, lambda _: 0.01)
    position = trainer.run("tiny").position
    assert position.seconds == pytest.approx(20, rel=0.03)
    assert position.step == pytest.approx((20 - (4 if cold else 1)) / 0.01, rel=0.03)
    assert len(looks) > 4


@pytest.mark.parametrize("busy", [(0.0, 0.15), (0.4, 0.55), (0.75, 0.9)])
def test_a_while_in_which_the_machine_is_busy_costs_the_steps_of_that_while_alone(tiny_data, clock, busy):
    """Three times as slow for 15 % of the time: the run lasts its budget, and has the steps that there was time for."""
    trainer = make_trainer(tiny_data, budget="5s", softmax="exact")

    def seconds_of(_: int) -> float:
        return 0.03 if busy[0] * 5 <= trainer.position.seconds < busy[1] * 5 else 0.01

    clock.drive(trainer, seconds_of)
    position = trainer.run("tiny").position
    assert position.seconds == pytest.approx(5, rel=0.03)
    assert position.step == pytest.approx(5 * 0.85 / 0.01 + 5 * 0.15 / 0.03, rel=0.03)


WILD: dict[str, Any] = {"budget": "100steps", "validations": 50, "learning_rate": 0.5, "schedule": "constant"}
"""A rate at which validations go up and down, so that averaging is triggered."""
CHANGED = {
    "budget": "31steps", "batch_size": 5, "bptt_length": 6, "carry": "always", "optimizer": "sgd",
    "learning_rate": 0.02, "weight_decay": 0.5, "schedule": "linear", "warmup": 0.5, "clip": "value",
    "clip_threshold": 1e-3, "softmax": "exact", "softmax_samples": 3, "exact_share": 0.9, "seed": 2,
    "bptt_spread": 2.0, "averaging": "non-monotone", "averaging_window": 2, "averaging_share": 0.5,
    "rotate_columns": True, "adam_beta1": 0.5, "adam_beta2": 0.9, "activation_penalty": 2.0,
    "temporal_penalty": 1.0, "decay_after": 0, "decay_factor": 3.0, "past_decode_penalty": 1.0,
}  # fmt: skip
WITHOUT_EFFECT_ON_WEIGHTS = {"validations", "valid_tokens", "patience", "checkpoint_seconds"}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(TrainingConfig)])
def test_every_setting_changes_what_is_learned(tiny_data, field):
    """No setting silently does nothing; the four that only say when to look are tested by what they look at above."""
    if field in WITHOUT_EFFECT_ON_WEIGHTS:
        return
    settings: dict[str, Any] = {"momentum": 0.9, "optimizer": "sgd"} if field == "momentum" else {field: CHANGED[field]}
    base: dict[str, Any] = {"optimizer": "sgd"} if field == "momentum" else {}
    if field.startswith("averaging"):
        base = {**WILD, "averaging_window": 1}
        if field == "averaging_window":
            base["averaging"] = "non-monotone"
        if field == "averaging_share":
            base["averaging"] = "tail"
    if field.startswith("decay"):
        base = {"schedule": "decay", "decay_after": 0 if field == "decay_factor" else 1}
    if field == "past_decode_penalty":
        base = {"softmax": "exact"}
    if field == "clip":
        base = {"clip_threshold": 1e-2}
    plain, changed = make_trainer(tiny_data, **base), make_trainer(tiny_data, **{**base, **settings})
    plain.run("tiny")
    changed.run("tiny")
    assert not torch.equal(plain.model.embedding.weight, changed.model.embedding.weight)


def test_norms_are_logged_before_and_after_clipping(tiny_data):
    free = make_trainer(tiny_data, clip="none").run("tiny").log.steps
    clipped = make_trainer(tiny_data, clip="norm", clip_threshold=0.1).run("tiny").log.steps
    assert all(record.norm_before == record.norm_after for record in free)
    assert all(record.norm_after <= 0.1 + 1e-9 for record in clipped)
    assert any(record.norm_before > 0.1 for record in clipped)
    for record in clipped:
        assert math.hypot(*record.parts.values()) == pytest.approx(record.norm_before)
        assert set(record.parts) == {"embedding", "layers.0", "layers.1", "decoder"}


def test_loss_spikes_are_counted_within_one_kind_of_softmax(tiny_data):
    steps = make_trainer(tiny_data).run("tiny").log.steps
    calm = [dataclasses.replace(record, loss=2.0, softmax="exact") for record in steps]
    assert loss_spikes(calm) == 0
    assert loss_spikes([*calm[:10], dataclasses.replace(calm[10], loss=4.0), *calm[11:]]) == 1
    assert loss_spikes([*calm[:10], *(dataclasses.replace(one, loss=9.0, softmax="sampled") for one in calm)]) == 0


def test_validation_columns_are_spread_over_the_text():
    text = tiny_text(400, 3)
    input_tb, target_tb = validation_columns(text, 160)
    assert input_tb.shape == target_tb.shape == (10, 16)
    inputs_n, targets_n = text.inputs_and_targets()
    assert torch.equal(target_tb[:, -1], targets_n[-10:])
    assert torch.equal(input_tb[:, 0], inputs_n[:10])


def test_going_on_with_another_number_of_threads_is_said(tiny_data, tmp_path, monkeypatch):
    stopped = make_trainer(tiny_data, tmp_path)
    interrupt_after(stopped, 12)
    with pytest.raises(TrainingInterrupted):
        stopped.run("tiny")
    said: list[str] = []
    monkeypatch.setattr(SilentProgress, "say", lambda _, line: said.append(line))
    make_trainer(tiny_data, tmp_path).log.close()
    assert not said
    with monkeypatch.context() as patched:
        patched.setattr(torch, "get_num_threads", lambda: 77)
        make_trainer(tiny_data, tmp_path).log.close()
    assert len(said) == 1
    assert "goes on with 77" in said[0]
    make_trainer(tiny_data, tmp_path).run("tiny")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    make_trainer(tiny_data, tmp_path).log.close()
    assert len(said) == 1  # a finished run does not go on
