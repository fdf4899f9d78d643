"""Exercise 5, second half: train language models to repeat a list of random symbols, and count the bits they recall.

One text is a list and its repetition, each closed as sentences are: the model reads ``<eos> s_1 ... s_k <eos>`` and is
then asked for ``s_1 ... s_k`` again. All that it can know of the list when the second ``<eos>`` has been read is in its
state. The symbols are drawn independently, so those it has already repeated tell it nothing about the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.evaluation.jackknife import mean_interval
from rnn_lm.layers.cells.deltanet import DeltaNetCell
from rnn_lm.layers.state import State
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.progress import Progress, Task
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.theory.capacity import fano_bits, quantize
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.results import Network, NetworkName, RecallPoint, RoundedPoint
from rnn_lm.training.log import StepRecord
from rnn_lm.training.loop import Batch, Callback, Loss, Random, TrainingLoop
from rnn_lm.training.position import Position

BATCH = 32
LISTS = 1000
"""Lists that recall is measured on, all of them new."""
EMBEDDING_SIZE = 16
FLOAT_BITS = 32
ROUNDINGS = (1, 2, 3, 4, 6, 8)
"""Bits per number to which a recurrent state is rounded between storing and reading."""


class SizedNetwork(NamedTuple):
    """One network of the experiment.

    Attributes:
        name: rnn, gru, lstm, mingru, deltanet or attention.
        numbers: how many numbers its state is made of; for attention, per position read.
    """

    name: NetworkName
    numbers: int


class Lists(NamedTuple):
    """Texts of the experiment, in the two parts between which the state is all that is carried."""

    stored_tb: Int[Tensor, "R B"]
    asked_tb: Int[Tensor, "K B"]
    answer_tb: Int[Tensor, "K B"]

    def to(self, device: torch.device) -> Lists:
        """The same texts on ``device``."""
        return Lists(*(ids_tb.to(device) for ids_tb in self))


class Score(NamedTuple):
    """What was recalled of lists of one length, per position in the list.

    Attributes:
        bits_b: bits recalled of each list: log2 K less the surprisal, summed over positions that gain by it.
        wrong_k: how often the most probable symbol was a wrong one.
    """

    bits_b: Float[Tensor, " B"]
    wrong_k: Float[Tensor, " K"]


def sized_networks(config: TheoryConfig) -> list[SizedNetwork]:
    """The networks to train: each cell at each size of state, and the attention control once.

    A matrix state comes in rows: DeltaNet has the size nearest to the largest of the others, and twice it.
    """
    cells: tuple[NetworkName, ...] = ("rnn", "gru", "lstm", "mingru")
    recurrent = [SizedNetwork(name, size) for name in cells for size in config.recall_sizes]
    rows = max(1, round(max(config.recall_sizes) / DeltaNetCell.state_parts))
    matrices = [SizedNetwork("deltanet", count * DeltaNetCell.state_parts) for count in (rows, 2 * rows)]
    return [*recurrent, *matrices, SizedNetwork("attention", 2 * ATTENTION.hidden_size * ATTENTION.layers)]


ATTENTION = AttentionConfig(hidden_size=64, layers=2, heads=4, feed_forward_size=64, positions="rotary")
LEARNING_RATES = {"rnn": 1e-2, "gru": 2e-2, "lstm": 3e-2, "mingru": 1e-2, "deltanet": 1e-2, "attention": 2e-3}
"""The best for each at 32 numbers and another seed: of 0.003 to 0.03 for RNN and GRU, 0.01 to 0.05 for the LSTM (0.03
and 0.05 are level), 0.002 to 0.005 for attention. Those of minGRU and DeltaNet are not searched."""


def build(sized: SizedNetwork, symbols: int, random: torch.Generator) -> NeuralLanguageModel:
    """A fresh model. The LSTM's state has two tensors, and so it gets half as many units; DeltaNet's has 17."""
    if sized.name == "attention":
        return AttentionLanguageModel(symbols + 1, ATTENTION, random)
    parts = {"lstm": 2, "deltanet": DeltaNetCell.state_parts}.get(sized.name, 1)
    units = sized.numbers // parts
    settings = ModelConfig(cell=sized.name, hidden_size=units, tie_weights=False, forget_bias=3.0)
    return RecurrentLanguageModel(symbols + 1, EMBEDDING_SIZE, settings, random)


def draw_lists(symbols: int, length: int, batch: int, random: torch.Generator) -> Lists:
    """``batch`` lists of ``length`` symbols, each drawn evenly from ``symbols``; the next id is ``<eos>``."""
    list_kb = torch.randint(symbols, (length, batch), generator=random)
    eos_1b = torch.full((1, batch), symbols)
    return Lists(torch.cat([eos_1b, list_kb]), torch.cat([eos_1b, list_kb[:-1]]), list_kb)


@dataclass(frozen=True, kw_only=True)
class ListBatch(Batch):
    """Lists of one length, to be repeated."""

    lists: Lists


class Repeating:
    """The objective: the mean NLL of the symbols to be repeated."""

    def loss(self, model: NeuralLanguageModel, batch: ListBatch, state: State, random: Random) -> Loss:  # noqa: ARG002
        """See ``Objective.loss``."""
        nll = answer(model, batch.lists, lambda between: between).mean()
        return Loss(nll, nll)


class _Showing(Callback):
    def __init__(self, task: Task) -> None:
        self.task = task

    def after_step(self, record: StepRecord) -> None:
        self.task.update(float(record.step), nll=record.loss)


def train(
    sized: SizedNetwork, config: TheoryConfig, progress: Progress, device: torch.device | None = None
) -> NeuralLanguageModel:
    """Train on lists of every length from 1 to ``recall_length``, on ``device``; default: the CPU."""
    runtime = Runtime(device=device)
    purpose = f"theory: recall: {sized.name} {sized.numbers}"
    random = generator(config.theory_seed, purpose)
    model = build(sized, config.recall_symbols, random).to(runtime.device)
    settings = TrainingConfig(learning_rate=LEARNING_RATES[sized.name], clip_threshold=1.0)

    def batches(_: Position) -> ListBatch:
        length = int(torch.randint(1, config.recall_length + 1, (1,), generator=random))
        lists = draw_lists(config.recall_symbols, length, BATCH, random)
        return ListBatch(token_count=lists.answer_tb.numel(), lists=lists)

    label = f"recall {sized.name} {sized.numbers}"
    with progress.task(label, float(config.recall_updates)) as task:
        position = Position(total_steps=config.recall_updates)
        TrainingLoop(
            model, batches, Repeating(), settings, position, runtime=runtime, callbacks=[_Showing(task)]
        ).train()
    return model


def answer(model: LanguageModel, lists: Lists, between: Callable[[State], State]) -> Float[Tensor, "K B"]:
    """Surprisal in nats of each symbol to be repeated; ``between`` is done to the state after the list was read."""
    lists, batch = lists.to(model.device), lists.stored_tb.shape[1]
    _, state = model.score(lists.stored_tb, torch.full_like(lists.stored_tb, IGNORE), model.initial_state(batch))
    nll_tb, _ = model.score(lists.asked_tb, lists.answer_tb, between(state))
    return nll_tb


@torch.no_grad()
def measure(model: LanguageModel, lists: Lists, symbols: int, between: Callable[[State], State]) -> Score:
    """Bits recalled of each list, and errors by position.

    By the chain rule, I(list; state) is at least the sum over positions of log2 K less the mean surprisal in bits, and
    no term is below 0 (Barber and Agakov 2003): a position whose mean surprisal exceeds log2 K counts nothing.
    """
    gained_kb = math.log2(symbols) - answer(model, lists, between) / math.log(2)
    counted_k1 = (gained_kb.mean(dim=1, keepdim=True) > 0).to(gained_kb)
    return Score((gained_kb * counted_k1).sum(0), _wrong(model, lists, between))


def _wrong(model: LanguageModel, lists: Lists, between: Callable[[State], State]) -> Float[Tensor, " K"]:
    lists, batch = lists.to(model.device), lists.stored_tb.shape[1]
    _, state = model.score(lists.stored_tb, torch.full_like(lists.stored_tb, IGNORE), model.initial_state(batch))
    state, wrong = between(state), []
    for asked_b, answer_b in zip(lists.asked_tb, lists.answer_tb, strict=True):
        log_probs_bv, state = model.step(asked_b, state)
        wrong.append((log_probs_bv.argmax(-1) != answer_b).double().mean())
    return torch.stack(wrong)


def rounding(reach: State, bits: int) -> Callable[[State], State]:
    """Round every number of a state to ``bits`` bits over the range ``reach`` of its unit."""
    return lambda state: tuple(quantize(part, limit, bits) for part, limit in zip(state, reach, strict=True))


@torch.no_grad()
def reach(model: LanguageModel, lists: Lists) -> State:
    """The largest absolute value of every unit after reading ``lists``: the range over which states are rounded."""
    lists, batch = lists.to(model.device), lists.stored_tb.shape[1]
    _, state = model.score(lists.stored_tb, torch.full_like(lists.stored_tb, IGNORE), model.initial_state(batch))
    return tuple(part.abs().amax(dim=1).squeeze(0).clamp_min(1e-6) for part in state)


def train_and_measure(
    sized: SizedNetwork, config: TheoryConfig, progress: Progress, device: torch.device | None = None
) -> Network:
    """Train one network and measure it: bits recalled by list length, and, for a recurrent one, by rounding."""
    model = train(sized, config, progress, device)
    random = generator(config.theory_seed, f"theory: recall lists: {sized.name} {sized.numbers}")
    by_length: list[RecallPoint] = []
    for length in range(1, config.recall_length + 1):
        lists = draw_lists(config.recall_symbols, length, LISTS, random)
        by_length.append(_point(measure(model, lists, config.recall_symbols, lambda state: state), config, length))
    found: Network = {"name": sized.name, "numbers": sized.numbers, "by_length": by_length, "by_rounding": []}
    if sized.name != "attention":
        found["by_rounding"] = _by_rounding(model, sized, config, random)
    return found


def _by_rounding(
    model: LanguageModel, sized: SizedNetwork, config: TheoryConfig, random: torch.Generator
) -> list[RoundedPoint]:
    """The most bits recalled over all list lengths, with the state rounded to ever more bits per number."""
    lengths = range(1, config.recall_length + 1)
    ranges = {k: reach(model, draw_lists(config.recall_symbols, k, LISTS, random)) for k in lengths}
    lists = {k: draw_lists(config.recall_symbols, k, LISTS, random) for k in lengths}
    points: list[RoundedPoint] = []
    for bits in ROUNDINGS:
        scores = [
            _point(measure(model, lists[k], config.recall_symbols, rounding(ranges[k], bits)), config, k)
            for k in lengths
        ]
        best = max(scores, key=lambda point: point["bits"])
        points.append({"bits_per_number": bits, "state_bits": bits * sized.numbers, **best})
    return points


def _point(score: Score, config: TheoryConfig, length: int) -> RecallPoint:
    """Mean bits recalled with a 95% interval over lists, and what Fano's inequality gives from the errors alone."""
    found = mean_interval(score.bits_b.double().cpu().numpy(), "lists")
    assert found.low is not None  # of LISTS lists there is an interval
    assert found.high is not None
    return {
        "length": length,
        "stored": length * math.log2(config.recall_symbols),
        "bits": found.value,
        "low": found.low,
        "high": found.high,
        "fano": sum(fano_bits(wrong, config.recall_symbols) for wrong in score.wrong_k.tolist()),
    }
