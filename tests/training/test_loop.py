"""The training loop without a text: any module, any objective, and callbacks around the steps."""

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from rnn_lm.config import TrainingConfig
from rnn_lm.layers import Bidirectional, LSTMCell
from rnn_lm.padding import IGNORE
from rnn_lm.training.loop import Batch, Callback, Loss, TrainingDiverged, TrainingLoop, norms_by_part, whole_norm
from rnn_lm.training.position import Position

WORDS, TAGS = 12, 3


class Tagger(nn.Module):
    """A tag for every word of a sentence, by the words on both sides."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding = nn.Embedding(WORDS, 6)
        self.layers = Bidirectional(LSTMCell(6, 8), LSTMCell(6, 8))
        self.decoder = nn.Linear(16, TAGS)

    def forward(self, word_tb, lengths_b):
        return self.decoder(self.layers(self.embedding(word_tb), lengths_b))


@dataclass(frozen=True, kw_only=True)
class Tagged(Batch):
    word_tb: torch.Tensor
    tag_tb: torch.Tensor
    lengths_b: torch.Tensor


class Tagging:
    """The mean NLL of a tag."""

    def loss(self, model, batch, state, random):  # noqa: ARG002
        logits_nk = model(batch.word_tb, batch.lengths_b).flatten(0, 1)
        nll = functional.cross_entropy(logits_nk, batch.tag_tb.flatten(), ignore_index=IGNORE)
        return Loss(nll, nll)


def sentences(position: Position) -> Tagged:
    """A word's tag is given by the words before and after it, so that one direction alone cannot know it."""
    random = torch.Generator().manual_seed(position.step)
    lengths_b = torch.randint(3, 9, (16,), generator=random)
    word_tb = torch.randint(WORDS, (8, 16), generator=random)
    around_tb = torch.cat([word_tb[:1], word_tb[:-1]]) % 2 + torch.cat([word_tb[1:], word_tb[-1:]]) % 2
    counted_tb = torch.arange(8).unsqueeze(1) < lengths_b
    inside_tb = (torch.arange(8).unsqueeze(1) < lengths_b - 1) & (torch.arange(8).unsqueeze(1) > 0)
    tag_tb = around_tb.masked_fill(~(counted_tb & inside_tb), IGNORE)
    return Tagged(token_count=int(inside_tb.sum()), word_tb=word_tb, tag_tb=tag_tb, lengths_b=lengths_b)


class Heard(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def before_step(self) -> None:
        self.events.append("before")

    def after_step(self, record) -> None:
        self.events.append(record)

    def finish(self) -> None:
        self.events.append("finish")


def loop(steps: int, **changed) -> TrainingLoop[Any, Any]:
    config = TrainingConfig(learning_rate=0.02, warmup=0.0)
    return TrainingLoop(Tagger(), sentences, Tagging(), config, Position(total_steps=steps), **changed)


def test_a_tagger_learns_by_it():
    heard = Heard()
    loop(300, callbacks=[heard]).train()
    records = [one for one in heard.events if not isinstance(one, str)]
    assert heard.events[:2] == ["before", records[0]]
    assert heard.events[-1] == "finish"
    assert len(heard.events) == 2 * 300 + 1
    assert records[0].loss == pytest.approx(math.log(TAGS), abs=0.3)
    assert sum(record.loss for record in records[-10:]) / 10 < 0.1
    assert [record.step for record in records] == list(range(1, 301))


def test_what_a_callback_raises_ends_the_run_there():
    class Stop(Callback):
        def after_step(self, record) -> None:
            if record.step == 3:
                raise KeyboardInterrupt

    heard = Heard()
    run = loop(10, callbacks=[heard, Stop()])
    with pytest.raises(KeyboardInterrupt):
        run.train()
    assert run.position.step == 3
    assert "finish" not in heard.events
    run.callbacks.pop()
    run.train()
    assert run.position.step == 10
    assert heard.events[-1] == "finish"


def test_a_loss_that_is_no_number_ends_the_run_before_it_changes_a_weight():
    class Wild(Tagging):
        def loss(self, model, batch, state, random):
            found = super().loss(model, batch, state, random)
            return Loss(found.total * math.nan, found.nll * math.nan)

    run = loop(10)
    run.objective = Wild()
    before = [one.clone() for one in run.model.parameters()]
    with pytest.raises(TrainingDiverged, match=r"the loss became nan at step 1; try --clip norm"):
        run.train()
    assert all(torch.equal(one, other) for one, other in zip(before, run.model.parameters(), strict=True))


def test_norms_by_part_make_up_the_whole():
    run = loop(1, norms=norms_by_part)
    record = run.step()
    assert set(record.parts) == {"embedding", "layers.forward_layer", "layers.backward_layer", "decoder"}
    assert math.hypot(*record.parts.values()) == pytest.approx(record.norm_before)
    again = loop(1, norms=whole_norm).step()
    assert again.norm_before == pytest.approx(record.norm_before, rel=1e-6)
