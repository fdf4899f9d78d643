"""Texts that are stepped together: each gets the words that it gets alone, and none sees another's state."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
import torch

from export_cases import neural
from rnn_lm.config import GenerationConfig
from rnn_lm.evaluation.drawing import draw
from rnn_lm.layers.state import select
from rnn_lm.padding import IGNORE
from rnn_lm.serve.batches import draw_each
from rnn_lm.serve.engine import Engine
from rnn_lm.serve.jobs import Job, Outcome, Sampling
from rnn_lm.serve.metrics import Metrics
from rnn_lm.serve.served import Models, ServedModel
from rnn_lm.serve.sizes import LARGEST, agreeing_sizes
from rnn_lm.serve.writing import Writer


class Run:
    """Jobs given to an engine, and their outcomes in the order in which they were given."""

    def __init__(self, models: Models, most: int = 100) -> None:
        self.engine = Engine(models, most, Metrics())
        self.done: dict[Job, Outcome] = {}
        self._all = threading.Condition()

    def __enter__(self) -> Run:
        self.engine.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.stop()

    def tell(self, job: Job, what: Any) -> None:
        if isinstance(what, Outcome):
            with self._all:
                self.done[job] = what
                self._all.notify()

    def job(self, model: ServedModel, ids: list[int], length: int = 8, state: Any = None, **settings: Any) -> Job:
        sampling = Sampling(length=length, config=GenerationConfig(**settings.pop("config", {})), **settings)
        return Job(model, ids, state, sampling, Writer(model.codec, [], "", 0, []), self.tell)

    def finish(self, jobs: list[Job]) -> list[Outcome]:
        with self._all:
            assert self._all.wait_for(lambda: all(job in self.done for job in jobs), 60)
        return [self.done[job] for job in jobs]


def settings_of(number: int) -> dict[str, Any]:
    some = random.Random(number)
    config = some.choice(
        [{}, {"temperature": 0.7}, {"temperature": 0.0}, {"top_p": 0.8}, {"top_k": 3, "allow_unk": True}]
    )
    return {
        "length": some.randint(1, 12),
        "seed": number % 50,
        "config": config,
        "policy": some.choice(["stream", "sentence"]),
    }


@pytest.mark.parametrize("name", ["lstm", "gru", "attention", "ngram"])
def test_words_and_states_are_those_of_the_text_alone(served, name):
    model = served.find(name)
    prompts = [
        [model.eos_id, *(random.Random(number).choices(range(model.lm.vocabulary_size), k=number % 14))]
        for number in range(70 if name == "lstm" else 20)
    ]
    with Run(served, most=50) as run:
        together = [run.job(model, ids, **settings_of(number)) for number, ids in enumerate(prompts)]
        for start in range(0, len(together), 7):  # they join while others are under way
            run.engine.submit(together[start : start + 7])
        found = run.finish(together)
        for number, ids in list(enumerate(prompts))[::7]:
            alone = run.job(model, ids, **settings_of(number))
            run.engine.submit([alone])
            (expected,) = run.finish([alone])
            assert found[number].drawn == expected.drawn
            assert found[number].state is not None
            assert expected.state is not None
            pairs = zip(found[number].state or (), expected.state or (), strict=True)
            assert all(torch.equal(one, other) for one, other in pairs)
        assert run.engine.load == 0


def test_a_state_is_what_reading_the_tokens_leaves(served):
    for name in ("lstm", "attention", "ngram"):
        model = served.find(name)
        ids = [model.eos_id, *random.Random(1).choices(range(model.lm.vocabulary_size), k=600)]
        with Run(served) as run:
            fed = run.job(model, ids, length=0)  # in parts
            run.engine.submit([fed])
            (outcome,) = run.finish([fed])
            gone_on = run.job(model, ids[-1:], state=outcome.state)
            at_once = run.job(model, ids)
            run.engine.submit([gone_on, at_once])
            words = run.finish([gone_on, at_once])
        assert words[0].drawn == words[1].drawn
        with torch.inference_mode():
            _, state = model.lm.score(
                torch.tensor(ids[:-1])[:, None], torch.full((600, 1), IGNORE), model.lm.initial_state(1)
            )
        assert outcome.state is not None
        for found, expected in zip(outcome.state, state, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("policy", ["sentence", "stream"])
def test_a_long_prompt_is_read_under_its_policy(served, policy):
    model = served.find("lstm")
    ids = [model.eos_id, *[5, 6, 7, 8] * 80, model.eos_id, 3, 4, 5, 6, 7, 8, 9, 3, 4, 5]
    with Run(served) as run:
        jobs = [run.job(model, given, policy=policy, length=0) for given in (ids, ids[321:])]
        run.engine.submit(jobs)
        states = [outcome.state for outcome in run.finish(jobs)]
    assert states[0] is not None
    assert states[1] is not None
    same = all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*states, strict=True))
    assert same == (policy == "sentence")


def test_the_words_are_those_of_generation(served):
    model = served.find("lstm")
    configs = [{}, {"temperature": 0.3}, {"temperature": 0.0}, {"top_p": 0.9}, {"top_k": 4}, {"allow_unk": True}] * 3
    log_prob_bv = torch.log_softmax(3 * torch.randn(len(configs), 500, generator=torch.Generator().manual_seed(1)), 1)
    log_prob_bv[:, 7] = -torch.inf
    with Run(Models([model])) as run:
        jobs = [run.job(model, [1], seed=number, config=one) for number, one in enumerate(configs)]
    expected = []
    for row, job in enumerate(jobs):
        struck = log_prob_bv[row].clone()
        if not job.sampling.config.allow_unk:
            struck[model.unk_id] = -torch.inf
        expected.append(draw(struck, job.sampling.config, job.sampling.generator))
    assert draw_each(log_prob_bv, jobs) == expected


class Uneven:
    """A model whose numbers depend on the place in the batch."""

    device = torch.device("cpu")

    def __init__(self, model: Any, upto: int) -> None:
        self.model, self.upto, self.vocabulary_size = model, upto, model.vocabulary_size

    def initial_state(self, batch: int) -> Any:
        return self.model.initial_state(batch)

    def score(self, input_tb: torch.Tensor, target_tb: torch.Tensor, state: Any) -> Any:
        return self.model.score(input_tb, target_tb, state)

    def step(self, token_b: torch.Tensor, state: Any) -> Any:
        log_prob_bv, state = self.model.step(token_b, state)
        if len(token_b) <= self.upto:
            log_prob_bv[-1] += 1e-6
        return log_prob_bv, state


def test_batches_in_which_a_text_has_other_bits_are_not_used():
    model = neural("lstm").model.eval()  # pyright: ignore[reportAttributeAccessIssue]
    assert agreeing_sizes(model, 1)[-1] == LARGEST
    assert agreeing_sizes(Uneven(model, 8), 1) == tuple(size for size in agreeing_sizes(model, 1) if size > 8)  # pyright: ignore[reportArgumentType]
    assert agreeing_sizes(Uneven(model, LARGEST), 1) == (1,)  # pyright: ignore[reportArgumentType]
    assert agreeing_sizes(neural("attention").model, 1) == (1,)


def test_those_who_leave_free_their_place(served):
    model = served.find("lstm")
    with Run(served, most=4) as run:
        endless = [run.job(model, [1], length=1_000_000, seed=number) for number in range(4)]
        run.engine.submit(endless)
        waiting = run.job(model, [1], length=3)
        run.engine.submit([waiting])
        for job in endless:
            job.cancelled = True
        assert len(run.finish([waiting])[0].drawn) == 3
        run.finish(endless)
        assert run.engine.load == 0


def test_an_error_of_ours_is_an_answer(served, monkeypatch):
    model = served.find("lstm")

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    with Run(served) as run:
        monkeypatch.setattr("rnn_lm.serve.batches.draw_each", broken)
        jobs = [run.job(model, [1]) for _ in range(3)]
        run.engine.submit(jobs)
        assert ["broken" in str(outcome.failure) for outcome in run.finish(jobs)] == [True] * 3
        monkeypatch.undo()
        after = run.job(model, [1])
        run.engine.submit([after])
        assert run.finish([after])[0].failure is None


def interleave(served: Models, sessions: int, rounds: int) -> None:
    """Many texts go on in turns, a few tokens at a time; each must come to what it comes to alone."""
    order = random.Random(0)
    model = served.find("lstm")
    with Run(served, most=50) as run:
        states: list[Any] = [None] * sessions
        last = [model.eos_id] * sessions
        texts: list[list[int]] = [[] for _ in range(sessions)]
        for turn in range(rounds):
            chosen = order.sample(range(sessions), sessions // 2)
            jobs = {one: run.job(model, [last[one]], 3, states[one], seed=one * 1000 + turn) for one in chosen}
            run.engine.submit(jobs.values())
            for one, outcome in zip(jobs, run.finish(list(jobs.values())), strict=True):
                states[one], last[one] = outcome.state, outcome.drawn[-1]
                texts[one] += outcome.drawn
    size = model.sizes[-1]
    with torch.inference_mode():
        for one, text in enumerate(texts):
            if not text:
                continue
            state = model.stepping.initial_state(size)
            for index in [model.eos_id, *text[:-1]]:
                _, state = model.stepping.step(torch.tensor([index] * size), state)
            assert all(map(torch.equal, states[one], select(state, torch.tensor([0]))))


def test_no_text_sees_anothers_state(served):
    interleave(served, 40, 6)


@pytest.mark.slow
def test_no_text_sees_anothers_state_in_thousands_of_turns(served):
    interleave(served, 400, 40)
