"""The suites by name: a language to train on, and questions to be asked. A new one is one file and one entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.probes.agreement import TOKENS, AgreementLanguage
from rnn_lm.probes.config import ProbeConfig
from rnn_lm.probes.discourse import UNIT, DiscourseLanguage
from rnn_lm.probes.dyck import DyckLanguage
from rnn_lm.probes.load import LoadLanguage
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.recall import RecallLanguage
from rnn_lm.probes.reference import ReferenceLanguage
from rnn_lm.probes.sentences import Sentences
from rnn_lm.probes.states import MACHINES, TrackingLanguage
from rnn_lm.registry import Registry
from rnn_lm.seeding import generator

ATTRACTOR_DISTANCES = (8, 16, 32, 64)
ATTRACTORS = (0, 1, 2, 3, 4)
LOADS = (1, 2, 3)
LOAD_DISTANCES = (0, 2, 8, 24, 48, 96)
DISCOURSE_LOADS = (0, 2, 8)


@dataclass(frozen=True)
class Probe:
    """A generated language, and what is asked of a model trained on it.

    Attributes:
        label: its title.
        question: what a right answer takes, in a line.
        distance_unit: what distance counts.
        tokens: the vocabulary; the index is the id.
        eos_id: the end of a sentence.
        draw: sentences at given distances.
        suites: by name; the one called "distance" gives the curve, one called "load" more curves, a load each.
        expected: what is claimed of it, among ``claims.CLAIMS``.
        load_unit: what load counts.
        filler_unit: what distance counts in the suite "load", where that is not ``distance_unit``.
    """

    label: str
    question: str
    distance_unit: str
    tokens: tuple[str, ...]
    eos_id: int
    draw: Callable[[Int[Tensor, "S"], torch.Generator], Sentences]
    suites: dict[str, Suite]
    expected: Literal["memory", "states"] = "memory"
    load_unit: str = "to keep"
    filler_unit: str = ""

    def train_text(self, config: ProbeConfig, seed: int) -> Sentences:
        """Sentences with distances from 0 to ``config.trained_distance``, distance d with weight 1 / (d + 1)."""
        random = generator(seed, "probe text")
        weight_d = 1 / (1 + torch.arange(config.trained_distance + 1.0))
        distances_s = torch.multinomial(weight_d, config.sentences, replacement=True, generator=random)
        return self.draw(distances_s, random)


PROBES: Registry[Callable[[ProbeConfig], Probe]] = Registry("suite", "rnn_lm.suites")
"""Factories: the suites they draw depend on the config alone, so that every model and seed is asked the same."""


@PROBES.register("agreement")
def agreement(config: ProbeConfig) -> Probe:
    """Subject-verb agreement across phrases and clauses."""
    language = AgreementLanguage(max(*config.distances, *ATTRACTOR_DISTANCES, config.trained_distance))
    random = generator(0, "agreement suites")
    return Probe(
        "Agreement over distance",
        "Does the verb agree with its subject?",
        "tokens between subject and verb",
        TOKENS,
        language.eos_id,
        language.sentences,
        {
            "distance": language.distance_suite(config.distances, config.items, random),
            "attractors": language.attractor_suite(ATTRACTOR_DISTANCES, ATTRACTORS, config.items, random),
        },
    )


@PROBES.register("agreement-load")
def agreement_load(config: ProbeConfig) -> Probe:
    """Agreement with one participant out of several."""
    language = LoadLanguage(max(*config.distances, *LOAD_DISTANCES, config.trained_distance))
    random = generator(0, "agreement load suites")
    return Probe(
        "Agreement under load",
        f"Does the verb agree with the one of {language.most} participants that is asked for?",
        "tokens between the introduction and the clause that asks",
        language.tokens,
        language.eos_id,
        language.sentences,
        {
            "distance": language.suite("agreement-load", (language.most,), config.distances, config.items, random),
            "load": language.suite("load", LOADS, LOAD_DISTANCES, config.items, random),
        },
    )


@PROBES.register("agreement-discourse")
def agreement_discourse(config: ProbeConfig) -> Probe:
    """Agreement with one noun out of several, in running discourse that asks all the time."""
    language = DiscourseLanguage(config.trained_distance // UNIT)
    random = generator(0, "agreement discourse suites")
    return Probe(
        "Agreement in discourse",
        f"Does the verb agree with what was said of its subject, one of {language.nouns} nouns?",
        "words between the mention of the noun and the subject",
        language.tokens,
        language.eos_id,
        language.sentences,
        {
            "distance": language.distance_suite(config.distances, config.items, random),
            "load": language.load_suite(DISCOURSE_LOADS, LOAD_DISTANCES, config.items, random),
        },
        load_unit="units on other nouns",
        filler_unit="words of filler in between",
    )


@PROBES.register("recall")
def recall(config: ProbeConfig) -> Probe:
    """One of K symbols across distractors."""
    language = RecallLanguage(config.symbols)
    suite = language.suite(config.distances, config.items, generator(0, "recall suite"))
    return Probe(
        "Recall over delay",
        f"Which of {config.symbols} symbols was shown?",
        "distractors between symbol and question",
        language.tokens,
        language.eos_id,
        language.sentences,
        {"distance": suite},
    )


@PROBES.register("reference")
def reference(config: ProbeConfig) -> Probe:
    """Agreement with one noun out of several."""
    language = ReferenceLanguage(config.nouns)
    suite = language.suite(config.distances, config.items, generator(0, "reference suite"))
    return Probe(
        "Reference over distance",
        f"Does the verb agree with the one of {config.nouns} nouns that is asked for?",
        "mentions of other nouns in between",
        language.tokens,
        language.eos_id,
        language.sentences,
        {"distance": suite},
    )


def tracking(name: str, label: str, question: str, unit: str, config: ProbeConfig) -> Probe:
    """The suite of a machine in ``states.MACHINES``."""
    language = TrackingLanguage(MACHINES[name]())
    suite = language.suite(name, config.distances, config.items, generator(0, f"{name} suite"))
    tokens, draw = language.tokens, language.sentences
    return Probe(label, question, unit, tokens, language.eos_id, draw, {"distance": suite}, "states")


for _name, *_words in (
    ("parity", "Parity", "Is the number of ones even?", "bits"),
    ("counting", "Counting modulo 5", "Where does a counter stand that goes up and down, modulo 5?", "steps"),
    ("shuffle-3", "Three cups (S3)", "Under which of three cups is the ball?", "swaps of two cups"),
    ("shuffle-5", "Five cups (S5)", "Under which of five cups is the ball?", "swaps of two cups"),
):
    PROBES.register(_name)(partial(tracking, _name, *_words))


@PROBES.register("dyck")
def dyck(config: ProbeConfig) -> Probe:
    """Nested brackets of two kinds."""
    language = DyckLanguage()
    suite = language.suite("dyck", config.distances, config.items, generator(0, "dyck suite"))
    return Probe(
        "Dyck-2 brackets by depth",
        "Which bracket closes the outermost one?",
        "brackets open at once inside the outermost one",
        language.tokens,
        language.eos_id,
        language.sentences,
        {"distance": suite},
        "states",
    )
