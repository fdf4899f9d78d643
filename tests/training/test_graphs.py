"""Recorded steps: what is played reads from fixed places alone, and learns what plain steps learn.

The recorder here keeps the work, and does it again when it is played, with whatever then stands in the places that it
was recorded with: a step that took anything from elsewhere would go on with the numbers of its recording. What CUDA
makes of it is tested in ``tests/gpu``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.models.families import family_of
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.training.graphs import RecordedSteps
from rnn_lm.training.loop import Computed
from rnn_lm.training.trainer import Trainer

VOCABULARY_SIZE = 20
"""Of ``tiny_data``."""


class Again:
    def __init__(self, work: Callable[[], Computed], computed: Computed) -> None:
        self.work, self.computed = work, computed

    def play(self) -> None:
        self.computed.figures_k.copy_(self.work().figures_k)


class Rerun:
    """Runs a step to learn what it returns, and undoes it: while a device records, it does nothing."""

    def __init__(self, trainer: Trainer, refused: bool = False) -> None:
        self.trainer, self.refused, self.count = trainer, refused, 0

    def record(self, work: Callable[[], Any]) -> tuple[Again, Any]:
        if self.refused:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        trainer = self.trainer
        weights = copy.deepcopy(trainer.model.state_dict())
        optimizer = copy.deepcopy(trainer.optimizer.state_dict())
        drawn = {purpose: source.get_state() for purpose, source in trainer.random.items()}
        state = [part.clone() for part in trainer.state]
        computed = work()
        trainer.model.load_state_dict(weights)
        # Its learning rate stays where it is: a tensor that the recording reads.
        for group, old in zip(trainer.optimizer.param_groups, optimizer["param_groups"], strict=True):
            for parameter, index in zip(group["params"], old["params"], strict=True):
                for name, value in optimizer["state"].get(index, {}).items():
                    trainer.optimizer.state[parameter][name].copy_(value)
        for purpose, source in trainer.random.items():
            source.set_state(drawn[purpose])
        for kept in trainer.recorded._states.values() if trainer.recorded else ():
            for place, part in zip(kept, state, strict=True):
                place.copy_(part)
        self.count += 1
        return Again(work, computed), computed

    def within(self, work: Callable[[], Any]) -> Any:
        return work()


class NoCuda:
    """Stands where the trainer makes a recorder, until it is given one of these tests'."""

    def record(self, work: Callable[[], Computed]) -> Any:
        raise AssertionError(work)

    within = record


class Late(Runtime):
    most_unread = 8


class Recording(Late):
    records = True


def trainer_on(
    data: Any, recorded: bool, refused: bool = False, folder: Path | None = None, **changed: Any
) -> tuple[Trainer, Rerun]:
    cell = changed.pop("cell", "lstm")
    config = ModelConfig(
        cell=cell, hidden_size=16, layers=2, last_hidden_size=None if cell == "attention" else 8, heads=2,
        attention_window=20, dropout_input=0.1, dropout_between=0.1, dropout_output=0.2, dropout_embedding=0.1,
        dropout_recurrent=0.2 if cell in ("rnn", "gru", "lstm", "mogrifier") else 0.0, mogrifier_rank=3,
    )  # fmt: skip
    settings: dict[str, Any] = {"budget": "60steps", "batch_size": 4, "bptt_length": 9, "softmax_samples": 7}
    training = TrainingConfig(**{**settings, "learning_rate": 0.01, "clip_threshold": 0.3, **changed})
    model = family_of(cell).build(VOCABULARY_SIZE, 8, config, generator(1, "initialization"))
    runtime = Recording() if recorded else Late()
    trainer = Trainer(model, data, training, folder, SilentProgress(), runtime=runtime)
    recorder = Rerun(trainer, refused)
    if recorded:
        plain = super(Trainer, trainer).compute
        trainer.recorded = RecordedSteps(plain, trainer.next_token.columns, recorder)
    return trainer, recorder


@pytest.fixture(autouse=True)
def _no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_lm.training.trainer.CudaRecorder", lambda *_: NoCuda())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"softmax": "exact", "carry": "always", "activation_penalty": 1.0, "temporal_penalty": 1.0},
        {"bptt_spread": 2.0, "softmax": "exact"},
        {"past_decode_penalty": 0.5, "softmax": "exact"},
        {"optimizer": "sgd", "momentum": 0.5, "schedule": "linear"},
        {"cell": "mogrifier", "clip": "value"},
        {"cell": "minlstm"},
        {"cell": "attention"},
    ],
    ids=str,
)
def test_recorded_steps_learn_what_plain_ones_learn(tiny_data: Any, changed: dict[str, Any]) -> None:
    expected, _ = trainer_on(tiny_data, recorded=False, **changed)
    found, recorder = trainer_on(tiny_data, recorded=True, **changed)
    one, two = expected.run("plain"), found.run("recorded")
    assert recorder.count > 0
    assert [step.loss for step in two.log.steps] == pytest.approx([step.loss for step in one.log.steps], rel=1e-5)
    assert [step.learning_rate for step in two.log.steps] == [step.learning_rate for step in one.log.steps]
    for weight, other in zip(found.model.parameters(), expected.model.parameters(), strict=True):
        torch.testing.assert_close(weight, other, atol=1e-5, rtol=1e-4)


def test_each_shape_is_recorded_once_and_played_from_then_on(tiny_data: Any) -> None:
    trainer, recorder = trainer_on(tiny_data, recorded=True, softmax="exact")
    taken: list[Any] = []
    plain = trainer.recorded._compute  # pyright: ignore[reportOptionalMemberAccess]
    trainer.recorded._compute = lambda *given: taken.append(given) or plain(*given)  # pyright: ignore[reportOptionalMemberAccess]
    trainer.run("recorded")
    # 20 segments an epoch: the first, the last (shorter), and those between; the run begins with each as it stands.
    assert recorder.count == 3
    assert len(taken) == 3 + 3 + (60 - 3)  # as they stand, recorded, and played: here that is to take them again


def test_what_cannot_be_recorded_is_taken_as_it_stands(tiny_data: Any) -> None:
    expected, _ = trainer_on(tiny_data, recorded=False)
    found, _ = trainer_on(tiny_data, recorded=True, refused=True)
    one, two = expected.run("plain"), found.run("refused")
    assert found.recorded is not None
    assert found.recorded.refused == "operation not permitted when stream is capturing"
    assert [step.loss for step in two.log.steps] == pytest.approx([step.loss for step in one.log.steps], rel=1e-5)


def test_a_rate_that_is_a_tensor_is_set_in_place(tiny_data: Any) -> None:
    trainer, _ = trainer_on(tiny_data, recorded=True)
    places = [group["lr"] for group in trainer.optimizer.param_groups]
    trainer.step()
    assert all(group["lr"] is place for group, place in zip(trainer.optimizer.param_groups, places, strict=True))
    assert float(places[0]) > 0


def test_a_recorded_run_is_resumed_where_it_stopped(tiny_data: Any, tmp_path: Path) -> None:
    whole, _ = trainer_on(tiny_data, recorded=True)
    first, _ = trainer_on(tiny_data, recorded=True, folder=tmp_path)
    for _ in range(30):
        whole.step()
        first.log.add(first.step())
    first.checkpoint.write(first.log)
    first.log.close()
    resumed, recorder = trainer_on(tiny_data, recorded=True, folder=tmp_path)
    assert resumed.position.step == 30
    assert all(isinstance(group["lr"], torch.Tensor) for group in resumed.optimizer.param_groups)
    for _ in range(20):
        whole.step()
        resumed.step()
    resumed.log.close()
    assert recorder.count > 0
    for weight, other in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(weight, other, atol=1e-6, rtol=1e-5)
