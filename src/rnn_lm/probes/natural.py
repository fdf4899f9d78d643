"""Agreement on real text: minimal pairs made of a corpus' own words, for models trained on that corpus.

The constructions are those of Marvin and Linzen (2018), restricted to English present-tense agreement. Verbs inside
relative clauses and first conjuncts stand in the past tense, which does not show number, so that the subject's noun
alone decides. A word is used only if the corpus has it often enough in both of its forms to have been learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from rnn_lm.evaluation.intervals import Measurements
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.probes.curves import accuracies
from rnn_lm.probes.minimal_pairs import Suite, right_choices
from rnn_lm.probes.results import Accuracy, NaturalFindings
from rnn_lm.vocabulary import Vocabulary

T = TypeVar("T")

_IRREGULAR = (("man", "men"), ("woman", "women"), ("child", "children"), ("wife", "wives"), ("city", "cities"),
              ("enemy", "enemies"), ("company", "companies"), ("country", "countries"))  # fmt: skip
_REGULAR = (
    "king", "priest", "son", "daughter", "servant", "prophet", "brother", "father", "mother", "house", "mountain",
    "elder", "disciple", "angel", "captain", "prince", "judge", "stranger", "wall", "gate", "tree", "river",
    "altar", "shepherd", "soldier", "friend", "bank", "analyst", "official", "trader", "stock", "price", "market",
    "executive", "investor", "rate", "firm", "group", "president", "fund", "lawyer", "maker", "bond", "contract",
    "product", "unit", "program", "dealer", "manager", "worker", "state", "school", "team", "book", "letter",
    "door", "road", "ship", "horse", "dog"
)  # fmt: skip
NOUNS = (*_IRREGULAR, *((word, f"{word}s") for word in _REGULAR))
"""(singular, plural)."""
VERBS = (("is", "are"), ("was", "were"), ("has", "have"), ("does", "do"), ("says", "say"), ("comes", "come"),
         ("goes", "go"), ("knows", "know"), ("makes", "make"), ("gives", "give"), ("wants", "want"))  # fmt: skip
"""(singular, plural)."""
PAST_VERBS = (
    "saw", "loved", "feared", "knew", "followed", "served", "killed", "brought", "sent", "met", "bought", "sold",
    "owned", "helped", "called"
)  # fmt: skip
PREPOSITIONS = ("of", "with", "from", "near", "behind")

CONSTRUCTIONS: dict[str, tuple[str, ...]] = {
    "simple": (),
    "prepositional phrase": ("PREPOSITION", "the", "NOUN"),
    "two prepositional phrases": ("PREPOSITION", "the", "NOUN", "PREPOSITION", "the", "NOUN"),
    "subject relative": ("that", "PAST", "the", "NOUN"),
    "object relative": ("that", "the", "NOUN", "PAST"),
    "verb phrase coordination": ("PAST", "the", "NOUN", "and"),
    "long verb phrase coordination": ("PAST", "the", "NOUN", "PREPOSITION", "the", "NOUN", "and"),
}
"""What stands between "the <subject>" and the verb."""


@dataclass(frozen=True)
class Words:
    """The words of the lists above that a corpus has."""

    nouns: tuple[tuple[str, str], ...]
    verbs: tuple[tuple[str, str], ...]
    past: tuple[str, ...]
    prepositions: tuple[str, ...]

    @classmethod
    def of(cls, vocabulary: Vocabulary, min_count: int) -> Words:
        """Those with ``min_count`` or more occurrences in train, in both forms where there are two."""
        count = dict(zip(vocabulary.tokens, vocabulary.counts_v, strict=True))

        def frequent(*forms: str) -> bool:
            return all(count.get(form, 0) >= min_count for form in forms)

        return cls(
            tuple(pair for pair in NOUNS if frequent(*pair)),
            tuple(pair for pair in VERBS if frequent(*pair)),
            tuple(word for word in PAST_VERBS if frequent(word)),
            tuple(word for word in PREPOSITIONS if frequent(word)),
        )

    def suffice(self, vocabulary: Vocabulary) -> bool:
        """Whether there are enough of each kind, and the words that hold them together, to make pairs of."""
        enough = len(self.nouns) >= 4 and len(self.verbs) >= 2 and len(self.past) >= 2 and len(self.prepositions) >= 1
        return enough and all(word in vocabulary for word in ("the", "that", "and"))


def natural_suite(vocabulary: Vocabulary, items: int, generator: torch.Generator, min_count: int = 20) -> Suite | None:
    """``items`` pairs per construction, subjects singular and plural in turn; other nouns' numbers are fair coins.

    Args:
        vocabulary: of the corpus, with its train counts.
        items: per construction.
        generator: draws the words.
        min_count: occurrences in train that every word of a pair must have.

    Returns:
        The suite, with the factors construction, distance and attractors; None where the corpus has too few of the
        words (it is not English, or too small).
    """
    words = Words.of(vocabulary, min_count)
    if not words.suffice(vocabulary):
        return None
    drawn = [
        (name, *_draw(pattern, index % 2, words, generator))
        for name, pattern in CONSTRUCTIONS.items()
        for index in range(items)
    ]
    prefixes = tuple(tuple(vocabulary.encode(prefix)) for _, prefix, _, _ in drawn)
    choices = torch.tensor([vocabulary.encode(choice) for _, _, choice, _ in drawn])
    factors = {
        "construction": tuple(name for name, *_ in drawn),
        "distance": tuple(len(prefix) - 2 for _, prefix, _, _ in drawn),
        "attractors": tuple(attractors for *_, attractors in drawn),
    }
    return Suite("natural", prefixes, choices, factors)


def _draw(
    pattern: tuple[str, ...], number: int, words: Words, generator: torch.Generator
) -> tuple[list[str], tuple[str, str], int]:
    """One item: (prefix, (right, wrong), attractors). No noun stands twice in it."""

    def one_of(words: Sequence[T]) -> T:
        return words[int(torch.randint(len(words), (1,), generator=generator))]

    nouns = iter([words.nouns[i] for i in torch.randperm(len(words.nouns), generator=generator).tolist()])
    prefix, attractors = ["the", next(nouns)[number]], 0
    for slot in pattern:
        if slot == "NOUN":
            own = one_of((0, 1))
            attractors += own != number
            prefix.append(next(nouns)[own])
        elif slot == "PAST":
            prefix.append(one_of(words.past))
        elif slot == "PREPOSITION":
            prefix.append(one_of(words.prepositions))
        else:
            prefix.append(slot)
    verb = one_of(words.verbs)
    return prefix, (verb[number], verb[1 - number]), attractors


def natural_results(
    models: Mapping[str, Sequence[LanguageModel]],
    suite: Suite,
    vocabulary: Vocabulary,
) -> NaturalFindings:
    """Accuracy of models that were trained on the corpus, as plain JSON.

    Args:
        models: by name, one per seed.
        suite: of ``natural_suite``.
        vocabulary: the models'.
    """
    right = {
        name: np.stack([right_choices(model, suite, vocabulary.eos_id).numpy() for model in members])
        for name, members in models.items()
    }
    constructions = list(dict.fromkeys(suite.factors["construction"]))
    examples = {name: suite.factors["construction"].index(name) for name in constructions}
    return {
        "chance": suite.chance,
        "items": len(suite),
        "examples": [
            {"construction": str(name), "text": " ".join(chain(vocabulary.decode(suite.prefixes[index]), ["..."])),
             "right": vocabulary.tokens[int(suite.choices_nc[index, 0])],
             "wrong": vocabulary.tokens[int(suite.choices_nc[index, 1])]}
            for name, index in examples.items()
        ],
        "by_construction": [
            {"model": group.model, "construction": str(group.key), "items": group.items, **group.accuracy}
            for group in _by(right, suite, "construction", constructions)
        ],
        "by_attractors": [
            {"model": group.model, "attractors": int(group.key), "items": group.items, **group.accuracy}
            for group in _by(right, suite, "attractors", None)
        ],
        "by_distance": [
            {"model": group.model, "distance": int(group.key), "items": group.items, **group.accuracy}
            for group in _by(right, suite, "distance", None)
        ],
    }  # fmt: skip


class _Group(NamedTuple):
    """One model on the items that are alike in one condition, whose value there is ``key``."""

    model: str
    key: int | str
    items: int
    accuracy: Accuracy


def _by(
    right: Mapping[str, np.ndarray], suite: Suite, factor: str, order: Sequence[int | str] | None
) -> Iterator[_Group]:
    """Accuracy per model and group, each item an observation of its group."""
    groups = {key: items for (key,), items in suite.groups(factor).items()}
    keys = list(groups) if order is None else order
    member_ng = np.zeros((len(suite), len(keys)), dtype=np.int64)
    for index, key in enumerate(keys):
        member_ng[groups[key].numpy(), index] = 1
    as_number_ng = member_ng.astype(np.float64)
    for name, right_kn in right.items():
        table = Measurements(right_kn[:, :, None] * as_number_ng, member_ng)
        for index, (key, facts) in enumerate(zip(keys, accuracies(table), strict=True)):
            yield _Group(name, key, int(member_ng[:, index].sum()), facts)
