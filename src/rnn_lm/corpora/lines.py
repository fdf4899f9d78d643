"""Sentences that are read anew each time they are asked for, so that no text has to fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from rnn_lm.corpora.access import SPLITS
from rnn_lm.errors import UserError


class Lines:
    """What ``read`` gives, as often as it is asked for.

    Args:
        read: begins to read from the start.
    """

    def __init__(self, read: Callable[[], Iterator[str]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[str]:
        return self._read()


class NumberedLines:
    """Sentences that know in which line of their file they begin.

    Args:
        read: begins to read from the start: numbers from 1, each with its sentence.
    """

    def __init__(self, read: Callable[[], Iterator[tuple[int, str]]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[str]:
        return (sentence for _, sentence in self._read())

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Each sentence with its line before it."""
        return self._read()

    def numbers(self) -> Iterator[int]:
        """The line of each sentence."""
        return (number for number, _ in self._read())


class Totals(NamedTuple):
    """How many sentences a text has, and how many characters, each sentence with a line break after it."""

    sentences: int
    characters: int

    @classmethod
    def of(cls, sentences: Iterable[str]) -> Totals:
        """Counted one after the other."""
        count = characters = 0
        for sentence in sentences:
            count += 1
            characters += len(sentence) + 1
        return cls(count, characters)


def _too_few(sentences: int) -> UserError:
    return UserError(f"a text of {sentences} sentences cannot be divided; give a longer one")


class InOrder:
    """A text in contiguous parts, none empty, with shares of its characters as close to those asked for as sentences
    allow. What the parts are is known once all characters have been counted.

    Args:
        sentences: the text.
        shares: of each part, by its name; they add up to 1.
        too_small: what to raise where there are fewer sentences than parts, given their number.
        count: counts the text; for texts that know a quicker way than reading all of it again.
    """

    def __init__(
        self,
        sentences: Iterable[str],
        shares: dict[str, float],
        too_small: Callable[[int], UserError] = _too_few,
        count: Callable[[], Totals] | None = None,
    ) -> None:
        self._sentences, self._shares, self._too_small = sentences, shares, too_small
        self._count = count or (lambda: Totals.of(sentences))
        self._totals: Totals | None = None

    @property
    def parts(self) -> dict[str, Part]:
        """The parts by name, in order; each reads the text from its start."""
        return {name: Part(self, name) for name in self._shares}

    def labelled(self) -> Iterator[tuple[str, str]]:
        """Every sentence with the name of its part before it: all parts in one reading.

        Raises:
            UserError: there are fewer sentences than parts.
        """
        if self._totals is None:
            self._totals = self._count()
        names, total = list(self._shares), self._totals
        if total.sentences < len(names):
            raise self._too_small(total.sentences)
        targets = [share * total.characters for share in accumulate(self._shares.values())]
        part = begun = end = 0
        for index, sentence in enumerate(self._sentences):
            before, end = end, end + len(sentence) + 1
            if part < len(names) - 1 and index > begun:
                left_for_others = total.sentences - (len(names) - 1 - part)
                if index >= left_for_others or _ends_before(targets[part], before, end):
                    part, begun = part + 1, index
            yield names[part], sentence

    def numbers(self, name: str) -> Iterator[int]:
        """The line of its file in which each sentence of a part begins; nothing where that is not known."""
        if isinstance(self._sentences, NumberedLines):
            for (part, _), number in zip(self.labelled(), self._sentences.numbers(), strict=True):
                if part == name:
                    yield number


def _ends_before(target: float, before: float, end: float) -> bool:
    """Whether a part of ``target`` characters ends nearest to where this sentence begins, or has ended already."""
    return before >= target or (end >= target and target - before < end - target)


class Part:
    """One part of a text that is cut in order.

    Args:
        whole: the text.
        name: of the part.
    """

    def __init__(self, whole: InOrder, name: str) -> None:
        self.whole, self.name = whole, name

    def __iter__(self) -> Iterator[str]:
        return (sentence for name, sentence in self.whole.labelled() if name == self.name)

    def numbers(self) -> Iterator[int]:
        """See ``InOrder.numbers``."""
        return self.whole.numbers(self.name)


def labelled(splits: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Every sentence of ``splits`` with its split's name before it; parts of one text are read in one go."""
    wholes = [split.whole for split in splits.values() if isinstance(split, Part)]
    if len(wholes) == len(splits) and all(whole is wholes[0] for whole in wholes):
        yield from wholes[0].labelled()
        return
    for name, sentences in splits.items():
        for sentence in sentences:
            yield name, sentence


def chained(texts: Sequence[NumberedLines]) -> NumberedLines:
    """Several texts as one; each has line numbers of its own."""
    return NumberedLines(lambda: (numbered for text in texts for numbered in text.numbered()))


def completed(parts: Mapping[str, Iterable[str]], split: tuple[float, float, float]) -> dict[str, Iterable[str]]:
    """``parts`` with each split that is missing cut from the end of train, in the proportions of ``split``."""
    missing = [part for part in SPLITS if part not in parts]
    if not missing:
        return {**parts}
    shares = {part: split[SPLITS.index(part)] for part in ("train", *missing)}
    total = sum(shares.values()) if len(missing) == 1 else 1.0
    cut = InOrder(parts["train"], {part: share / total for part, share in shares.items()})
    return {**parts, **cut.parts}
