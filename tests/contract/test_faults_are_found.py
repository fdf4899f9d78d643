"""The checks find what breaks a promise: each fault is one that somebody's first entry may have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import nn

from rnn_lm.corpora.base import Defaults, NamedCorpus, RawCorpus
from rnn_lm.corpora.lines import Lines
from rnn_lm.layers import Cell
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.tasks import PROBES, Probe
from rnn_lm.testing import check_cell, check_corpus, check_suite, check_tokenization
from rnn_lm.text import Joiner, Tokenization


class Leaky(Cell):
    """h' = 0.9 h + W x: as it should be."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(hidden_size, input_size))
        self.reset_parameters()

    def step(self, input_be, state):
        return (0.9 * state[0] + input_be @ self.weight.T,)


class WithADeadParameter(Leaky):
    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.bias = nn.Parameter(torch.zeros(hidden_size))


class ThatRunsOtherwise(Leaky):
    def run(self, input_tbe, state):
        output_tbh, state = super().run(input_tbe, state)
        return output_tbh.relu(), state


class ThatStartsAfreshWithEachSegment(Leaky):
    def run(self, input_tbe, state):  # noqa: ARG002
        return super().run(input_tbe, self.initial_state(input_tbe.shape[1]))


class ThatWritesOverItsState(Leaky):
    def step(self, input_be, state):
        return (state[0].mul_(0.9) + input_be @ self.weight.T,)


class ThatLooksAtOtherTexts(Leaky):
    def step(self, input_be, state):
        return (0.9 * state[0] + (input_be - input_be.mean(0)) @ self.weight.T,)


class WithoutAGradient(Leaky):
    def step(self, input_be, state):
        return (0.9 * state[0] + (2 * input_be - input_be.detach()) @ self.weight.T,)


class WithAHiddenNumber(Leaky):
    made = 0

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        WithAHiddenNumber.made += 1
        self.scale = float(WithAHiddenNumber.made)

    def step(self, input_be, state):
        return (0.9 * state[0] + self.scale * input_be @ self.weight.T,)


class DrawnFromElsewhere(Leaky):
    @torch.no_grad()
    def reset_parameters(self, generator=None, start=None):  # noqa: ARG002
        self.weight.normal_()


class WithAnotherState(Leaky):
    state_parts = 2

    def step(self, input_be, state):
        return super().step(input_be, state[:1])


def test_a_cell_as_it_should_be():
    check_cell(Leaky)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (WithADeadParameter, "bias has no effect"),
        (ThatRunsOtherwise, "run over time is not one step after another"),
        (ThatStartsAfreshWithEachSegment, "run over time is not one step after another"),
        (ThatWritesOverItsState, "has been written over"),
        (ThatLooksAtOtherTexts, "a padded column is not what it is alone"),
        (WithoutAGradient, "Jacobian mismatch"),
        (WithAHiddenNumber, "state_dict does not hold all"),
        (DrawnFromElsewhere, "reset_parameters draws from elsewhere"),
        (WithAnotherState, "step returns 1 parts, initial_state 2"),
    ],
)
def test_faults_of_cells(cell, message):
    with pytest.raises((AssertionError, RuntimeError), match=message):
        check_cell(cell)


class Backwards(Tokenization):
    restores, separator = "line", ""

    def cut(self, line: str) -> list[str]:
        return list(line)[::-1]


class LosesMarks(Tokenization):
    restores = "characters"

    def cut(self, line: str) -> list[str]:
        return [word.strip(".,!") for word in line.split() if word.strip(".,!")]


class TakesBack(Tokenization):
    """Joined as a whole it says something else than token by token."""

    def cut(self, line: str) -> list[str]:
        return line.split()

    def join(self, tokens) -> str:
        return " ".join(tokens) + " "


class Shared(Tokenization):
    """One joiner for all sentences."""

    kept = Joiner()

    def cut(self, line: str) -> list[str]:
        return line.split()

    def joiner(self) -> Joiner:
        return self.kept


class Forgets(Tokenization):
    usual_size = 10

    def cut(self, line: str) -> list[str]:
        return line.split()


class GivesTuples(Tokenization):
    def cut(self, line: str):  # pyright: ignore[reportIncompatibleMethodOverride]
        return tuple(line.split())


def test_a_function_as_it_should_be():
    check_tokenization(str.split)


@pytest.mark.parametrize(
    ("tokenization", "message"),
    [
        (Backwards(), "which it says to restore"),
        (LosesMarks(), "characters differ"),
        (TakesBack(), "token by token"),
        (Shared(), "cut differently once joined|token by token|the stream decoder"),
        (Forgets(), "what was learned has no text to be kept"),
        (lambda line: line.split(" "), "empty line has tokens"),
        (lambda line: line.split() and [*line.split(), "<eos>"], "<eos> is cut from"),
        (lambda line: line.split() and [line.split()[0], ""], "a token of .* is no text, or empty"),
        (lambda line: [*filter(None, line.split("e"))], "cut differently once joined"),
        (GivesTuples(), "cut returns tuple"),
    ],
)
def test_faults_of_tokenizations(tokenization, message):
    with pytest.raises(AssertionError, match=message):
        check_tokenization(tokenization)


def corpus(*, defaults: Defaults = Defaults(), **changed) -> NamedCorpus:  # noqa: B008
    lines = [f"the {number} men saw it ." for number in ("two", "three", "four")] * 3
    raw = RawCorpus("Made up", lines, lines[:4], lines[4:], "a test", "none", "by hand")
    return NamedCorpus(lambda _: replace(raw, **changed), defaults)


def test_a_corpus_as_it_should_be():
    check_corpus(corpus())


def once() -> Lines:
    there = iter(["the sea ."])

    def read() -> Iterator[str]:
        return there

    return Lines(read)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"valid": []}, "valid has no sentence"),
        ({"test": ["a\nb"]}, "test, sentence 1 holds a line break"),
        ({"test": ["a", " "]}, "test, sentence 2 is blank"),
        ({"test": ["a  b"]}, "white space is not normalized"),
        ({"train": ["a <eos> b"]}, "train, sentence 1 holds <eos>"),
        ({"licence": ""}, "licence is ''"),
        ({"valid": once()}, "is another when the corpus is read again"),
        ({"defaults": Defaults(tokens="sylables")}, "'sylables' is no tokenization"),
    ],
)
def test_faults_of_corpora(changed, message):
    with pytest.raises(AssertionError, match=message):
        check_corpus(corpus(**changed))


def altered(config: ProbeConfig, name: str = "agreement", **changed) -> Probe:
    return replace(PROBES[name](config), **changed)


def suites_with(config: ProbeConfig, change) -> Probe:
    probe = PROBES["reference"](config)
    return replace(probe, suites={"distance": change(probe.suites["distance"])})


def always_is(suite: Suite) -> Suite:
    """Singular answers alone, with a decoy that never occurs: whoever counts words is right."""
    choices_nc = suite.choices_nc.clone()
    choices_nc[:, 1] = 0
    return replace(suite, choices_nc=choices_nc)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (lambda config: altered(config, label=""), "label is empty"),
        (lambda config: altered(config, eos_id=0), "eos_id is 0"),
        (lambda config: altered(config, suites={}), 'no suite is called "distance"'),
        (lambda config: altered(config, tokens=("a", "<eos>", "a")), "a token stands twice"),
        (lambda config: suites_with(config, always_is), "the most frequent answer is right in 100%"),
        (
            lambda config: suites_with(config, lambda one: replace(one, choices_nc=one.choices_nc[:, :1])),
            "asks nothing",
        ),
        (
            lambda config: suites_with(config, lambda one: replace(one, choices_nc=one.choices_nc[:, [0, 0]])),
            "the same answer twice",
        ),
        (
            lambda config: suites_with(config, lambda one: replace(one, prefixes=((1, 2), *one.prefixes[1:]))),
            "runs over the end of a sentence",
        ),
    ],
)
def test_faults_of_suites(factory, message):
    with pytest.raises(AssertionError, match=message):
        check_suite(factory)


def test_a_suite_that_is_another_each_time_is_found():
    made = iter(range(9))

    def factory(config: ProbeConfig) -> Probe:
        from rnn_lm.probes.reference import ReferenceLanguage

        suite = ReferenceLanguage(config.nouns).suite(
            config.distances, config.items, torch.Generator().manual_seed(next(made))
        )
        return replace(PROBES["reference"](config), suites={"distance": suite})

    with pytest.raises(AssertionError, match="the questions are others"):
        check_suite(factory)
