"""A generated language with subject-verb number agreement, in which distance and attractors are set separately.

    the [adjective] NOUN  <material of exactly d tokens>  VERB [adverb] <eos>

The verb agrees with the first noun, whose number is a fair coin. Between them stand adverbs, prepositional phrases and
relative clauses (``layout.PIECES``), none of which says anything about the subject's number: nouns inside them draw
their own number, and the verbs inside them agree with those. A model that has lost the subject is therefore at chance,
0.5.
An intervening noun whose number differs from the subject's is an *attractor* (Linzen et al. 2016).

Words follow Zipf's law within their class. Material of a given length, or of a given length and number of nouns, is
drawn exactly from the grammar conditioned on it, by a dynamic program over what still fits (``layout.Material``).
"""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.probes.layout import Classes, Layout, Material, form_ids, in_turn, tokens_of
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.vocabulary import EOS

NOUNS = ["dog", "cat", "girl", "boy", "teacher", "farmer", "king", "bird", "horse", "friend", "doctor", "sailor"]
VERBS = ["see", "like", "know", "help", "find", "hear", "follow", "call"]
ADJECTIVES = ["old", "small", "good", "young"]
ADVERBS = ["often", "now", "here", "always"]
PREPOSITIONS = ["near", "with", "behind", "beside"]
MASS_NOUNS = ["water", "milk", "gold", "snow"]

CLASSES: Classes = {
    "the": (("the", "the"),),
    "that": (("that", "that"),),
    "noun": tuple((word, f"{word}s") for word in NOUNS),
    "verb": tuple((f"{word}s", word) for word in VERBS),
    "adjective": tuple((word, word) for word in ADJECTIVES),
    "adverb": tuple((word, word) for word in ADVERBS),
    "preposition": tuple((word, word) for word in PREPOSITIONS),
    "mass": tuple((word, word) for word in MASS_NOUNS),
    "end": ((EOS, EOS),),
}
"""Word classes: (singular form, plural form) of each word, most frequent first. Both are the same where the class does
not inflect."""
CLASS_NAMES = tuple(CLASSES)
NOUN, VERB = CLASS_NAMES.index("noun"), CLASS_NAMES.index("verb")
TOKENS = tokens_of(CLASSES)
"""Every token of the language; the index is the id."""


class AgreementLanguage:
    """The language, able to draw material of up to ``longest`` tokens.

    Args:
        longest: the largest distance between subject and verb that will be asked for.
        zipf: exponent of the word frequencies within a class: the word of rank r has weight r ** -zipf.
    """

    def __init__(self, longest: int, zipf: float = 1.0) -> None:
        self.longest = longest
        self.zipf = zipf
        self._ids = {token: index for index, token in enumerate(TOKENS)}
        self.eos_id = self._ids[EOS]

    @cached_property
    def _material(self) -> Material:
        return Material(self.longest)

    def sentences(self, distances_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Sentences at the given distances; everything else is drawn."""
        nouns_s = self._material.nouns(distances_s, generator)
        layout = self._layout(distances_s, nouns_s, generator)
        subject_s = torch.randint(2, distances_s.shape, generator=generator)
        return Sentences(self._words(layout, layout.drawn_numbers(subject_s, generator), generator), self.eos_id)

    def distance_suite(self, distances: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """Minimal pairs, ``items`` per distance, in sentences drawn as the training text is.

        Subjects are singular and plural in turn, so that a model which always prefers one number is at chance.
        """
        distances_s = torch.tensor(distances).repeat_interleave(items)
        nouns_s = self._material.nouns(distances_s, generator)
        layout = self._layout(distances_s, nouns_s, generator)
        numbers_sn = layout.drawn_numbers(in_turn(len(distances_s)), generator)
        return self._suite("agreement", layout, numbers_sn, generator)

    def attractor_suite(
        self, distances: tuple[int, ...], attractors: tuple[int, ...], items: int, generator: torch.Generator
    ) -> Suite:
        """Minimal pairs by distance and number of attractors, where every intervening noun is an attractor.

        A combination that the grammar has no room for (four nouns in eight tokens) is left out.
        """
        cells = [(d, k) for d in distances for k in attractors if self._material.completions[d, k] > 0]
        distances_s, nouns_s = torch.tensor(cells).repeat_interleave(items, dim=0).unbind(1)
        layout = self._layout(distances_s, nouns_s, generator)
        return self._suite("attractors", layout, layout.disagreeing_numbers(in_turn(len(nouns_s))), generator)

    def _layout(self, distances_s: Tensor, nouns_s: Tensor, generator: torch.Generator) -> _Layout:
        """Subject, material of exactly the wanted tokens and nouns, and verb, for all sentences at once."""
        layout = _Layout(len(distances_s), 6 + int(distances_s.max()))
        everyone = torch.arange(len(distances_s))
        layout.write(everyone, ("the",))
        adjective_s = torch.rand(len(everyone), generator=generator) < 0.25
        layout.write(everyone[adjective_s], ("adjective",))
        layout.write(everyone, ("noun",))
        layout.subject_s = layout.end_s - 1
        self._material.write(layout, distances_s, nouns_s, generator)
        layout.verb_s = layout.end_s.clone()
        layout.write(everyone, ("verb",))
        layout.source_sn[everyone, layout.verb_s] = layout.subject_s
        layout.write(everyone[torch.rand(len(everyone), generator=generator) < 0.25], ("adverb",))
        layout.write(everyone, ("end",))
        return layout

    def _words(self, layout: _Layout, number_sn: Tensor, generator: torch.Generator) -> Tensor:
        return layout.inflected(CLASSES, self._ids, number_sn, self.zipf, generator)

    def _suite(self, name: str, layout: _Layout, number_sn: Tensor, generator: torch.Generator) -> Suite:
        ids_sn = self._words(layout, number_sn, generator)
        rows = torch.arange(len(ids_sn))
        subject_s = number_sn[rows, layout.subject_s]
        between_sn = (layout.class_sn == NOUN) & (torch.arange(ids_sn.shape[1]) > layout.subject_s[:, None])
        factors = {
            "distance": layout.verb_s - layout.subject_s - 1,
            "attractors": (between_sn & (number_sn != subject_s[:, None])).sum(1),
            "nouns": between_sn.sum(1),
        }
        return Suite.of_forms(name, ids_sn, layout.verb_s, form_ids(CLASSES["verb"], self._ids), factors)


class _Layout(Layout):
    """Sentences with the two ends of a dependency.

    Attributes:
        subject_s, verb_s: where they stand.
    """

    def __init__(self, sentences: int, length: int) -> None:
        super().__init__(CLASS_NAMES, sentences, length)
        self.subject_s = self.verb_s = self.end_s

    def drawn_numbers(self, subject_s: Tensor, generator: torch.Generator) -> Int[Tensor, "S N"]:
        """0 singular, 1 plural: the subject's as given, a fair coin for every other noun, and what agrees with a noun
        takes the noun's."""
        coin_sn = torch.randint(2, self.class_sn.shape, generator=generator)
        return self._with_subject(subject_s, coin_sn)

    def disagreeing_numbers(self, subject_s: Tensor) -> Int[Tensor, "S N"]:
        """The same where every noun but the subject has the other number."""
        return self._with_subject(subject_s, (1 - subject_s)[:, None].expand(self.class_sn.shape))

    def _with_subject(self, subject_s: Tensor, others_sn: Tensor) -> Tensor:
        numbers_sn = others_sn.scatter(1, self.subject_s[:, None], subject_s[:, None])
        return numbers_sn.gather(1, self.source_sn)
