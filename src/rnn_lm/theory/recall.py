"""Exercise 5, second half: train language models to repeat a list of random symbols, and count the bits they recall.

One text is a list and its repetition, each closed as sentences are: the model reads ``<eos> s_1 ... s_k <eos>`` and is
then asked for ``s_1 ... s_k`` again; or it reads keys with values, and is asked for the values (``theory/lists.py``).
All that it can know of the list when it is first asked is in its state. The symbols are drawn independently, so those
it has already repeated tell it nothing about the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import ModelConfig, TrainingConfig
from rnn_lm.evaluation.jackknife import mean_interval
from rnn_lm.layers.cells.deltanet import KEY_SIZE
from rnn_lm.layers.cells.mlstm import HEAD_SIZE as MLSTM_HEAD
from rnn_lm.layers.state import State
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.progress import Progress
from rnn_lm.progress import Task as ProgressTask
from rnn_lm.runtime import Runtime
from rnn_lm.seeding import generator
from rnn_lm.theory.capacity import fano_bits, quantize
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.lists import Lists, task_of
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
VECTORS: tuple[NetworkName, ...] = ("rnn", "gru", "lstm", "mingru")
MATRICES: tuple[NetworkName, ...] = ("mlstm", "deltanet")
NARROWEST = 2 * KEY_SIZE
"""Numbers of the smallest state whose matrix has more than one row."""


class SizedNetwork(NamedTuple):
    """One network of the experiment.

    Attributes:
        name: rnn, gru, lstm, mingru, mlstm, deltanet or attention.
        numbers: how many numbers its state is made of, of which each can differ from the others and is read by the next
            step; for attention, per position read.
    """

    name: NetworkName
    numbers: int


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

    A matrix cannot have every size: it has those nearest to all of ``NARROWEST`` up, or to the largest.
    """
    largest = max(config.recall_sizes)
    wide = [size for size in config.recall_sizes if size >= NARROWEST] or [largest]
    networks = [SizedNetwork(name, size) for name in VECTORS for size in config.recall_sizes]
    networks += [SizedNetwork(name, state_numbers(name, units_of(name, size))) for name in MATRICES for size in wide]
    return [*dict.fromkeys(networks), SizedNetwork("attention", 2 * ATTENTION.hidden_size * ATTENTION.layers)]


def state_numbers(name: NetworkName, units: int) -> int:
    """Numbers in the state of a cell with so many units.

    Counted is what a step reads and what can differ: neither the h of a matrix state, which nothing reads, nor an
    mLSTM's empty columns and its m once more for each unit of a head.
    """
    if name == "mlstm":
        whole, left = divmod(units, MLSTM_HEAD)
        return sum(size * size + size + 1 for size in [MLSTM_HEAD] * whole + [left] * bool(left))
    return {"lstm": 2, "deltanet": KEY_SIZE}.get(name, 1) * units


def units_of(name: NetworkName, numbers: int) -> int:
    """Units of the cell whose state comes nearest to so many numbers."""
    return min(range(1, numbers + 1), key=lambda units: abs(state_numbers(name, units) - numbers))


ATTENTION = AttentionConfig(hidden_size=64, layers=2, heads=4, feed_forward_size=64, positions="rotary")
LEARNING_RATES: dict[NetworkName, float] = {
    "rnn": 1e-2, "gru": 2e-2, "lstm": 3e-2, "mingru": 1e-2, "mlstm": 3e-2, "deltanet": 3e-2, "attention": 2e-3,
}  # fmt: skip
"""The best for each at 32 numbers, lists in order and another seed: of 0.003 to 0.03, or for the LSTM of 0.01 to 0.05
(0.03 and 0.05 are level), for minGRU and DeltaNet of 0.01 and 0.03, for attention of 0.002 to 0.005."""
WIDE_RATES = LEARNING_RATES | {"rnn": 3e-3, "gru": 6e-3, "mingru": 3e-2}
"""Likewise at 256 numbers, after 750 updates: of the rate above and a third of it, and 0.003 to 0.03 for the minGRU."""


def learning_rate(sized: SizedNetwork) -> float:
    """The rate found at 32 or at 256 numbers, whichever is the nearer by ratio."""
    wide = sized.numbers**2 > 32 * 256
    return (WIDE_RATES if wide else LEARNING_RATES)[sized.name]


def build(sized: SizedNetwork, tokens: int, random: torch.Generator) -> NeuralLanguageModel:
    """A fresh model, of as many units as have a state of that size.

    A DeltaNet is the delta rule alone: with its norm nothing of what two rows are read for would be left but an angle.
    """
    if sized.name == "attention":
        return AttentionLanguageModel(tokens, ATTENTION, random)
    units = units_of(sized.name, sized.numbers)
    settings = ModelConfig(cell=sized.name, hidden_size=units, tie_weights=False, forget_bias=3.0, read_norm=False)
    return RecurrentLanguageModel(tokens, EMBEDDING_SIZE, settings, random)


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
    def __init__(self, task: ProgressTask) -> None:
        self.task = task

    def after_step(self, record: StepRecord) -> None:
        self.task.update(float(record.step), nll=record.loss)


def train(
    sized: SizedNetwork, config: TheoryConfig, progress: Progress, device: torch.device | None = None
) -> NeuralLanguageModel:
    """Train on lists of every length from 1 to ``recall_length``, on ``device``; default: the CPU."""
    runtime = Runtime(device=device)
    lists_of = task_of(config)
    purpose = f"theory: recall: {sized.name} {sized.numbers}"
    random = generator(config.theory_seed, purpose)
    model = build(sized, lists_of.tokens, random).to(runtime.device)
    settings = TrainingConfig(learning_rate=learning_rate(sized), clip_threshold=1.0)

    def batches(_: Position) -> ListBatch:
        length = int(torch.randint(1, config.recall_length + 1, (1,), generator=random))
        lists = lists_of.draw(length, BATCH, random)
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
    task = task_of(config)
    by_length: list[RecallPoint] = []
    for length in range(1, config.recall_length + 1):
        lists = task.draw(length, LISTS, random)
        by_length.append(_point(measure(model, lists, config.recall_symbols, lambda state: state), config, length))
    found: Network = {"name": sized.name, "numbers": sized.numbers, "by_length": by_length, "by_rounding": []}
    if sized.name != "attention":
        found["by_rounding"] = _by_rounding(model, sized, config, random)
    return found


def _by_rounding(
    model: LanguageModel, sized: SizedNetwork, config: TheoryConfig, random: torch.Generator
) -> list[RoundedPoint]:
    """The most bits recalled over all list lengths, with the state rounded to ever more bits per number."""
    lengths, task = range(1, config.recall_length + 1), task_of(config)
    ranges = {k: reach(model, task.draw(k, LISTS, random)) for k in lengths}
    lists = {k: task.draw(k, LISTS, random) for k in lengths}
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
