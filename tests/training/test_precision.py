"""``--precision auto``: what products are computed in where the machine may choose."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from rnn_lm.config import ModelConfig, Precision, TrainingConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText
from rnn_lm.training import precision
from rnn_lm.training.precision import choose_precision
from rnn_lm.training.trainer import Trainer, TrainingData

V = 30


class Told(SilentProgress):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def trainer_of(budget: str, folder: Path | None, said: Told, asked: Precision = "auto") -> Trainer:
    ids_n = torch.arange(1, V).repeat(20)
    ids_n[-1] = 0
    text = EncodedText(ids_n, 0, len(ids_n))
    data = TrainingData(text, text, torch.bincount(ids_n, minlength=V))
    config = TrainingConfig(budget=budget, batch_size=4, bptt_length=10, learning_rate=0.03, validations=1)
    model = RecurrentLanguageModel(V, 8, ModelConfig(cell="gru", hidden_size=8, dropout_output=0.5), generator(1, "s"))
    return Trainer(model, data, config, folder, said, runtime=Runtime(asked))


def step_of(slow: str, seconds: float = 0.02):
    """A step that takes longer in precision ``slow``."""
    return lambda runtime: time.sleep(seconds if runtime.precision == slow else seconds / 4)


def test_the_quicker_one_is_chosen_for_a_budget_of_time() -> None:
    assert choose_precision("1m", Runtime("auto"), step_of("32-true")).precision == "bf16-mixed"
    slower = choose_precision("1m", Runtime("auto"), step_of("bf16-mixed"))
    assert slower.precision == "32-true"
    assert "products in float32: a step with those in bfloat16 is 0." in str(slower)


@pytest.mark.parametrize("budget", ["30steps", "2epochs"])
def test_a_budget_of_steps_stays_in_float32_and_times_nothing(budget: str) -> None:
    def step(_: Runtime) -> None:
        raise AssertionError("timed")

    assert choose_precision(budget, Runtime("auto"), step) == ("32-true", None)


def test_fastest_times_whatever_the_budget() -> None:
    for slow, chosen in (("32-true", "bf16-mixed"), ("bf16-mixed", "32-true")):
        assert choose_precision("2epochs", Runtime("fastest"), step_of(slow)).precision == chosen
    on_a_gpu = Runtime("fastest", torch.device("cuda"))
    assert choose_precision("2epochs", on_a_gpu, step_of("bf16-mixed")) == ("bf16-mixed", None)


def test_within_its_runtime_products_are_in_bfloat16() -> None:
    one = torch.full((2, 2), 1 + 2**-12)
    runtime = Runtime("auto")
    with runtime.autocast():
        assert (one @ one).dtype == torch.float32
    with runtime.in_precision("bf16-mixed").autocast():
        assert (one @ one).dtype == torch.bfloat16
    assert runtime.precision == "auto"


def test_timing_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is the one that was asked for in so many words: same weights, same random numbers."""
    monkeypatch.setattr(precision, "PAYS", 0.0)  # bfloat16, whatever this machine is
    said = Told()
    chosen = trainer_of("40s", None, said)
    assert chosen.runtime.precision == "bf16-mixed"
    assert len(said.lines) == 1
    assert "products in bfloat16" in said.lines[0]
    monkeypatch.setattr(precision, "PAYS", float("inf"))
    plain, untimed = trainer_of("40s", None, Told()), trainer_of("40s", None, Told(), "32-true")
    assert plain.runtime.precision == "32-true"
    for purpose in plain.random:
        assert torch.equal(plain.random[purpose].get_state(), untimed.random[purpose].get_state())
    assert [plain.step().loss for _ in range(3)] == [untimed.step().loss for _ in range(3)]


def test_a_run_goes_on_in_the_precision_that_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "PAYS", 0.0)
    begun = trainer_of("40s", tmp_path, Told())
    begun.checkpoint.write(begun.log)
    begun.log.close()
    monkeypatch.setattr(precision, "PAYS", float("inf"))
    said = Told()
    gone_on = trainer_of("40s", tmp_path, said)
    gone_on.log.close()
    assert gone_on.runtime.precision == "bf16-mixed"
    assert said.lines == []
