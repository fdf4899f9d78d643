"""Dynamic evaluation against torch.optim.SGD and the paper's equation; nothing is learned from before it is scored."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from rnn_lm.adaptation.config import CacheSettings, DynamicSettings
from rnn_lm.adaptation.dynamic import EPSILON, Dynamic, root_mean_square_gradients
from rnn_lm.adaptation.reading import read_adapting
from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.layers.state import detach
from rnn_lm.models.families import family_of
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.progress import SilentProgress, Task
from rnn_lm.stream import EncodedText

VOCABULARY = 25


def sgd(rate: float = 0.5, decay: float = 0.0, length: int = 5) -> Dynamic:
    return Dynamic(DynamicSettings("sgd", rate, decay, length), {})


def rms_of(model: NeuralLanguageModel, text: EncodedText, rate: float = 0.01, decay: float = 0.1) -> Dynamic:
    settings = DynamicSettings("rms", rate, decay, 5)
    return Dynamic(settings, root_mean_square_gradients(model, text, 5, SilentProgress()))


def segments(model: RecurrentLanguageModel, text: EncodedText, length: int) -> Iterator[Tensor]:
    """Each segment's NLL, with a graph; the caller changes the parameters between one and the next."""
    input_n, target_n = text.inputs_and_targets()
    state = model.initial_state(1)
    for first in range(0, len(text), length):
        part = slice(first, first + length)
        nll_tb, state = model.score(input_n[part, None], target_n[part, None], state)
        state = detach(state)
        yield nll_tb[:, 0]


@pytest.mark.parametrize("length", [1, 5, 40])
def test_sgd_is_torchs(any_model, text_of, length):
    text = text_of(63)
    found = read_adapting(any_model, text, dynamic=sgd(length=length)).nll_n
    reference = copy.deepcopy(any_model).eval()
    optimizer, expected = torch.optim.SGD(reference.parameters(), lr=0.5), []
    for nll_k in segments(reference, text, length):
        expected.append(nll_k.detach())
        optimizer.zero_grad()
        nll_k.mean().backward()
        optimizer.step()
    np.testing.assert_allclose(found, torch.cat(expected), rtol=0, atol=1e-10)


@pytest.mark.parametrize("update", ["sgd", "rms"])
def test_updates_are_the_equations(model_of, text_of, update):
    model, text = model_of(), text_of(63)
    dynamic = sgd(0.5, 0.1) if update == "sgd" else rms_of(model, text_of(200, seed=9), decay=0.6)
    found = read_adapting(model, text, dynamic=dynamic).nll_n
    moving, expected = copy.deepcopy(model).eval(), []
    rate, decay = dynamic.settings.rate, dynamic.settings.dynamic_decay
    mean = torch.cat([one.flatten() for one in dynamic.rms.values()] or [torch.ones(1)]).mean()
    for nll_k in segments(moving, text, 5):
        expected.append(nll_k.detach())
        names, parameters = zip(*moving.named_parameters(), strict=True)
        gradients = torch.autograd.grad(nll_k.mean(), parameters)
        with torch.no_grad():
            for name, parameter, gradient in zip(names, parameters, gradients, strict=True):
                back = model.get_parameter(name) - parameter
                if update == "sgd":
                    parameter += decay * back - rate * gradient
                else:
                    rms = dynamic.rms[name]
                    parameter += torch.clamp(decay * rms / mean, max=1) * back - rate * gradient / (rms + EPSILON)
    np.testing.assert_allclose(found, torch.cat(expected), rtol=0, atol=1e-10)


def test_rms_is_over_segments_of_train_after_their_context(model_of, text_of):
    model, train = model_of().eval(), text_of(40)
    found = root_mean_square_gradients(model, train, 10, SilentProgress())
    input_n, target_n = train.inputs_and_targets()
    squares = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    for first in (0, 7, 15, 22):  # four segments of 10 in 40, spread over the 30 places where one can begin
        _, state = model.encode(input_n[:first, None], model.initial_state(1)) if first else (None, None)
        state = detach(state) if state else model.initial_state(1)
        part = slice(first, first + 10)
        nll_tb, _ = model.score(input_n[part, None], target_n[part, None], state)
        gradients = torch.autograd.grad(nll_tb.mean(), list(model.parameters()))
        for square, gradient in zip(squares.values(), gradients, strict=True):
            square += gradient**2 / 4
    for name, square in squares.items():
        torch.testing.assert_close(found[name], square.sqrt(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("update", ["sgd", "rms"])
def test_a_rate_of_zero_gives_the_static_nll(any_model, text_of, update):
    text = text_of(63)
    dynamic = sgd(0.0, 0.1) if update == "sgd" else rms_of(any_model, text, rate=0.0)
    found = read_adapting(any_model, text, dynamic=dynamic).nll_n
    np.testing.assert_allclose(found, score_text(any_model, text, "stream").nll_n, rtol=1e-12)


def test_nothing_is_learned_from_before_it_is_scored(model_of, text_of):
    """The first segment costs what it costs statically, the second does not; another future leaves the past alone."""
    model, text, caches = model_of(), text_of(60), [CacheSettings(30, 0.5, 0.3)]
    reading = read_adapting(model, text, caches, sgd())
    static_n = score_text(model, text, "stream").nll_n
    np.testing.assert_allclose(reading.nll_n[:5], static_n[:5], rtol=1e-12)
    assert np.abs(reading.nll_n[5:10].numpy() - static_n[5:10]).max() > 1e-3
    for known in (18, 20, 41):
        order = torch.cat([torch.arange(known), known + torch.randperm(59 - known), torch.tensor([59])])
        other = read_adapting(model, EncodedText(text.ids_n[order], 1, 0), caches, sgd())
        past = slice(known)
        np.testing.assert_array_equal(other.nll_n[past], reading.nll_n[past])
        np.testing.assert_array_equal(other.mixed_nll_n(0, 0.3)[past], reading.mixed_nll_n(0, 0.3)[past])


def test_cache_and_dynamic_evaluation_combine(model_of, text_of):
    """Hidden states of the moving model are what the cache keeps."""
    model, text, cache = model_of(), text_of(100), CacheSettings(40, 1.0, 0.3)
    both = read_adapting(model, text, [cache], sgd())
    np.testing.assert_array_equal(both.nll_n, read_adapting(model, text, dynamic=sgd()).nll_n)
    still = read_adapting(model, text, [cache])
    assert (both.cached_cn[0, 5:] - still.cached_cn[0, 5:]).abs().max() > 1e-4


class Watching(SilentProgress, Task):
    """Keeps what it is told; presses Ctrl-C once ``stop_at`` tokens are done."""

    def __init__(self, stop_at: float = math.inf) -> None:
        self.stop_at, self.seen = stop_at, []

    def update(self, completed: float, **figures: float | str) -> None:
        self.seen.append((completed, figures))
        if completed >= self.stop_at:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def task(self, name: str, total: float) -> Iterator[Task]:  # noqa: ARG002 (the protocol's signature)
        self.total = total
        yield self


@pytest.mark.parametrize("stop_at", [math.inf, 15])
@pytest.mark.parametrize("update", ["sgd", "rms"])
def test_the_model_is_afterwards_what_it_was(model_of, text_of, update, stop_at):
    """After Ctrl-C as after the end."""
    model, text = model_of().train(), text_of(60)
    before = copy.deepcopy(model.state_dict())
    dynamic = sgd() if update == "sgd" else rms_of(model, text)
    interrupted = pytest.raises(KeyboardInterrupt) if stop_at < 60 else contextlib.nullcontext()
    with interrupted:
        read_adapting(model, text, dynamic=dynamic, progress=Watching(stop_at))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_is_frozen_stays_put(model_of, text_of):
    model, text = model_of(tie_weights=False), text_of(60)
    moved = read_adapting(model, text, dynamic=sgd()).nll_n
    model.embedding.weight.requires_grad_(False)
    assert not torch.equal(read_adapting(model, text, dynamic=sgd()).nll_n, moved)


def test_progress_counts_tokens_to_the_end(model_of, text_of):
    model, text, progress = model_of(), text_of(33), Watching()
    reading = read_adapting(model, text, dynamic=sgd(), progress=progress)
    completed, figures = progress.seen[-1]
    assert completed == progress.total == 33
    assert figures["perplexity"] == pytest.approx(math.exp(float(reading.nll_n.mean())))
    assert len(progress.seen) == 7


@pytest.mark.parametrize(
    ("changed", "flag"),
    [
        ({"dynamic_rate": -1.0}, "--dynamic-rate"),
        ({"dynamic_decay": 1.5}, "--dynamic-decay"),
        ({"dynamic_length": 0}, "--dynamic-length"),
    ],
)
def test_impossible_settings_are_refused(changed, flag):
    with pytest.raises(UserError, match=flag):
        DynamicSettings(**changed)


class Rerun:
    """Records as a device does: recorded work has not been done, and is done on the same places when it is played."""

    def __init__(self, model: NeuralLanguageModel, refused: bool = False) -> None:
        self.model, self.refused, self.played = model, refused, 0

    def record(self, work):
        if self.refused:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        before = copy.deepcopy(self.model.state_dict())
        places, recorder = work(), self
        self.model.load_state_dict(before)

        class Again:
            def play(self) -> None:
                recorder.played += 1
                for place, found in zip(places, work(), strict=True):
                    place.copy_(found)

        return Again(), places

    def within(self, work):
        return work()


@pytest.mark.parametrize("update", ["sgd", "rms"])
@pytest.mark.parametrize("cell", ["lstm", "attention"])
def test_recorded_segments_are_the_plain_ones(text_of, update, cell):
    config = ModelConfig(cell=cell, hidden_size=16, heads=2, attention_window=12)
    model = family_of(cell).build(VOCABULARY, 16, config, torch.Generator().manual_seed(3)).double()
    text, caches = text_of(63), [CacheSettings(20, 0.3, 0.2)]
    dynamic = sgd(0.5, 0.1) if update == "sgd" else rms_of(model, text_of(200, seed=9), decay=0.6)
    plain = read_adapting(model, text, caches, dynamic)
    recorder = Rerun(model)
    played = read_adapting(model, text, caches, dynamic, recorder=recorder)
    assert recorder.played >= 7  # of 12 whole segments: all but those of a shape that is seen for the first time
    assert torch.equal(played.nll_n, plain.nll_n)
    np.testing.assert_array_equal(played.cached_cn, plain.cached_cn)  # nan where nothing was cached
    refused = read_adapting(model, text, caches, dynamic, recorder=Rerun(model, refused=True))
    assert torch.equal(refused.nll_n, plain.nll_n)
