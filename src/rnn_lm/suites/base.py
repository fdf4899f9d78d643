"""What a suite is: questions that a model answers by what it finds more probable, and the formats they are read from.

A question gives the model a few texts, each in parts, and is judged by the log-probabilities of those parts::

    Pair          two sentences                  log P(good) > log P(bad), <eos> counted
    Completion    a beginning and two forms      log P(right | beginning) > log P(wrong | beginning)
    Continuation  two beginnings and a word      log P(word | good beginning) > log P(word | bad beginning)
    formula       sentences in regions           an inequality between sums of surprisals (syntaxgym.py)

So whoever scores texts by parts can answer all of them. A format is a class with ``recognizes`` and ``read``, in one
file and with one registration; other packages offer theirs under the entry point ``rnn_lm.suite_formats``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from rnn_lm.registry import Registry
from rnn_lm.suites.sources import SuiteFile

TIE = 1e-6
"""Nats within which two log-probabilities are equal: what sums in single precision do not tell apart."""
Parts: TypeAlias = tuple[str, ...]
"""A text, in parts that white space stands between."""


@dataclass(frozen=True)
class Judgement:
    """A question's answer.

    Attributes:
        good: log-probability, in nats, of what is right; None where several were compared.
        bad: the same of what is wrong.
        right: whether the model is right; None where it prefers neither, which is no answer.
    """

    good: float | None
    bad: float | None
    right: bool | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every question has; its kinds say which texts are scored and how they are judged.

    Attributes:
        paradigm: what it belongs to: the smallest set that the suite's authors give a figure for.
        item: its number or name there.
        where: file and line that it comes from, for messages.
        groups: other sets that it belongs to, level to name, the coarsest first: {"phenomenon": "ellipsis"}.
        raw: whether the text is as people write it; else white space separates its tokens already.
    """

    paradigm: str
    item: str
    where: str
    groups: Mapping[str, str] = field(default_factory=dict)
    raw: bool = True

    def texts(self) -> tuple[Parts, ...]:
        """Return the texts to score."""
        raise NotImplementedError

    def asked(self) -> tuple[tuple[int, ...], ...]:
        """Return, for each text, which of its parts must be known, besides the words in which the texts differ."""
        return ((),) * len(self.texts())

    def judge(self, scores: Sequence[np.ndarray]) -> Judgement:
        """Return the answer, given each text's log-probabilities in nats: one for each part, and that of ``<eos>``."""
        raise NotImplementedError

    @property
    def word(self) -> Question | None:
        """The same asked of the one word that decides; None where it cannot be asked so."""
        return None

    @property
    def sentence(self) -> str:
        """The sentence that a reader of the whole file goes on from; "" where questions stand alone."""
        return ""


@dataclass(frozen=True, kw_only=True)
class Pair(Question):
    """Two sentences, the better of which should be more probable as a whole.

    Attributes:
        good, bad: the sentences.
        by_word: the same asked of one word (``by_word.py`` finds it in the sentences).
    """

    good: str
    bad: str
    by_word: Question | None = None

    @property
    def word(self) -> Question | None:
        return self.by_word

    def texts(self) -> tuple[Parts, ...]:
        return (self.good,), (self.bad,)

    def judge(self, scores: Sequence[np.ndarray]) -> Judgement:
        return better(float(scores[0].sum()), float(scores[1].sum()))


@dataclass(frozen=True, kw_only=True)
class Completion(Question):
    """Two forms of a word after the same beginning; what follows them is not looked at.

    Attributes:
        beginning: what stands before.
        good, bad: the forms.
        whole: the sentence as it stands in its file, where the file can be read as one text.
    """

    beginning: str
    good: str
    bad: str
    whole: str = ""

    @property
    def sentence(self) -> str:
        return self.whole

    def texts(self) -> tuple[Parts, ...]:
        return (self.beginning, self.good), (self.beginning, self.bad)

    def asked(self) -> tuple[tuple[int, ...], ...]:
        return (1,), (1,)

    def judge(self, scores: Sequence[np.ndarray]) -> Judgement:
        return better(float(scores[0][1]), float(scores[1][1]))


@dataclass(frozen=True, kw_only=True)
class Continuation(Question):
    """A word after a good beginning and after a bad one."""

    good: str
    bad: str
    ending: str

    def texts(self) -> tuple[Parts, ...]:
        return (self.good, self.ending), (self.bad, self.ending)

    def asked(self) -> tuple[tuple[int, ...], ...]:
        return (1,), (1,)

    def judge(self, scores: Sequence[np.ndarray]) -> Judgement:
        return better(float(scores[0][1]), float(scores[1][1]))


def better(good: float, bad: float) -> Judgement:
    """Return whether ``good`` is above ``bad``; neither where they are equal, also where both are impossible."""
    tie = good == bad or abs(good - bad) <= TIE
    return Judgement(good, bad, None if tie else good > bad)


class SuiteFormat:
    """How questions are read from files of one kind.

    Attributes:
        label: what the format is called, in tables and messages.
    """

    label: str = ""

    def recognizes(self, file: SuiteFile) -> bool:
        """Return whether ``read`` is for this file. What looks like it but is damaged is recognized, too: ``read``
        says what is wrong."""
        raise NotImplementedError

    def read(self, file: SuiteFile) -> Iterator[Question]:
        """Return the file's questions; raises ``UserError`` with the file and the line where it cannot be read."""
        raise NotImplementedError


class FormatRegistry(Registry[SuiteFormat]):
    """Formats by name; what a package offers may be a format or a class of one."""

    def __getitem__(self, name: str) -> SuiteFormat:
        entry: Any = super().__getitem__(name)
        return entry() if isinstance(entry, type) else entry


FORMATS = FormatRegistry("suite format", "rnn_lm.suite_formats")
"""Formats by name, in the order in which they are asked whether they recognize a file."""
