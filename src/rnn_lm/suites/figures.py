"""What came of suites, typed: accuracies with intervals, by group, and models side by side.

A question that a model has no answer to, because both texts are equally probable to it, is neither right nor wrong: an
accuracy is right / (right + wrong), and how many were left out stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn_lm.evaluation.intervals import Interval
from rnn_lm.evaluation.score import Policy
from rnn_lm.suites.comparison import PairedTest
from rnn_lm.suites.means import mean_over, wilson
from rnn_lm.suites.opening import Reading
from rnn_lm.suites.scoring import Answers


@dataclass(frozen=True)
class Tally:
    """Answers counted.

    Attributes:
        right, wrong: how many.
        unanswered: both texts equally probable, within 1e-6 nats.
    """

    right: int
    wrong: int
    unanswered: int

    @classmethod
    def of(cls, right_q: np.ndarray) -> Tally:
        """Return the counts of ``Answers.right_q`` or a part of it."""
        return cls(*(int((right_q == value).sum()) for value in (1, 0, -1)))

    @property
    def count(self) -> int:
        """All of them."""
        return self.right + self.wrong + self.unanswered

    @property
    def accuracy(self) -> Interval:
        """The share of the answers that are right, with Wilson's interval over pairs; nan where there is none."""
        return wilson(self.right, self.right + self.wrong)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        found, answered = self.accuracy, self.right + self.wrong
        return {
            "pairs": self.count,
            "right": self.right,
            "wrong": self.wrong,
            "unanswered": self.unanswered,
            "accuracy": found.value if answered else None,
            "low": found.low,
            "high": found.high,
        }


@dataclass(frozen=True)
class GroupFigures:
    """The answers of one group.

    Attributes:
        level: what kind of group it is, e.g. "phenomenon".
        name: which.
        all: every pair.
        covered: those alone of which the model knows the words that decide.
    """

    level: str
    name: str
    all: Tally
    covered: Tally

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"level": self.level, "name": self.name, "all": self.all.to_json(), "covered": self.covered.to_json()}


@dataclass(frozen=True)
class SuiteModel:
    """One model on a suite.

    Attributes:
        name: of the model.
        overall: all questions.
        groups: by level, the coarsest first, in the suite's order.
        paired: with the first model; None for the first itself.
        answers: to each question.
    """

    name: str
    overall: GroupFigures
    groups: tuple[GroupFigures, ...]
    paired: PairedTest | None
    answers: Answers = field(repr=False)

    def __getitem__(self, name: str) -> GroupFigures:
        """The figures of a group, by its name or ``level: name``; raises ``KeyError`` where there is none."""
        for group in self.groups:
            if name in (group.name, f"{group.level}: {group.name}"):
                return group
        raise KeyError(name)

    @property
    def accuracy(self) -> Interval:
        """On all pairs that it answers."""
        return self.overall.all.accuracy

    @property
    def by_paradigm(self) -> Interval:
        """The mean of the paradigms' accuracies, which benchmarks print, with an interval over paradigms."""
        return mean_over([group.all.accuracy.value for group in self.groups if group.level == "paradigm"])

    @property
    def mean_over_paradigms(self) -> float | None:
        """The same without an interval; None where a paradigm has no answer."""
        return None if math.isnan(self.by_paradigm.value) else self.by_paradigm.value

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, without the single answers."""
        return {
            "name": self.name,
            "all": self.overall.all.to_json(),
            "covered": self.overall.covered.to_json(),
            "mean_over_paradigms": self.mean_over_paradigms,
            "mean_low": self.by_paradigm.low,
            "mean_high": self.by_paradigm.high,
            "groups": [group.to_json() for group in self.groups],
            "paired": None if self.paired is None else self.paired.to_json(),
        }


@dataclass(frozen=True)
class SuiteFigures:
    """All models on one suite.

    Attributes:
        name, format, source, reading, policy: see ``Suite``.
        questions: how many.
        models: in the order in which they were given.
    """

    name: str
    format: str
    source: str
    questions: int
    models: tuple[SuiteModel, ...]
    reading: Reading = "sentence"
    policy: Policy = "sentence"

    def __getitem__(self, name: str) -> SuiteModel:
        """The figures of the model called ``name``; raises ``KeyError`` where there is none."""
        for model in self.models:
            if model.name == name:
                return model
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        facts = {"name": self.name, "format": self.format, "source": self.source, "pairs": self.questions}
        facts |= {"reading": self.reading, "policy": self.policy}
        return {**facts, "models": [model.to_json() for model in self.models]}


@dataclass(frozen=True)
class SuitesEvaluated:
    """Models on suites.

    Attributes:
        suites: in the order in which they were given.
    """

    suites: tuple[SuiteFigures, ...]

    def __getitem__(self, name: str) -> SuiteFigures:
        """The figures on the suite called ``name``; raises ``KeyError`` where there is none."""
        for suite in self.suites:
            if suite.name == name:
                return suite
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, which ``json.dumps`` takes."""
        return {"format": "rnn_lm suites", "version": 1, "suites": [suite.to_json() for suite in self.suites]}


def groups_of(levels: Sequence[tuple[str, Sequence[str]]], answers: Answers) -> tuple[GroupFigures, ...]:
    """Return the figures of every group.

    Args:
        levels: name of a level, and each question's group in it; "" where it has none.
        answers: to the same questions.
    """
    found = []
    for level, names in levels:
        kept = [name for name in dict.fromkeys(names) if name]
        index = {name: number for number, name in enumerate(kept)}
        group_q = np.array([index.get(name, -1) for name in names])
        for name, number in index.items():
            inside_q = group_q == number
            covered = Tally.of(answers.right_q[inside_q & answers.covered_q])
            found.append(GroupFigures(level, name, Tally.of(answers.right_q[inside_q]), covered))
    return tuple(found)
