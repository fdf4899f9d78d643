"""A generated language with subject-verb number agreement, in which distance and attractors are set separately.

    the [adjective] NOUN  <material of exactly d tokens>  VERB [adverb] <eos>

The verb agrees with the first noun, whose number is a fair coin. Between them stand adverbs, prepositional phrases and
relative clauses (``PIECES``), none of which says anything about the subject's number: nouns inside them draw their own
number, and the verbs inside them agree with those. A model that has lost the subject is therefore at chance, 0.5.
An intervening noun whose number differs from the subject's is an *attractor* (Linzen et al. 2016).

Words follow Zipf's law within their class. Material of a given length, or of a given length and number of nouns, is
drawn exactly from the grammar conditioned on it, by a dynamic program over what still fits (``_completions``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.vocabulary import EOS, UNK

NOUNS = ["dog", "cat", "girl", "boy", "teacher", "farmer", "king", "bird", "horse", "friend", "doctor", "sailor"]
VERBS = ["see", "like", "know", "help", "find", "hear", "follow", "call"]
ADJECTIVES = ["old", "small", "good", "young"]
ADVERBS = ["often", "now", "here", "always"]
PREPOSITIONS = ["near", "with", "behind", "beside"]
MASS_NOUNS = ["water", "milk", "gold", "snow"]

CLASSES: dict[str, tuple[tuple[str, str], ...]] = {
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
TOKENS = (UNK, *dict.fromkeys((EOS, *(form for words in CLASSES.values() for forms in words for form in forms))))
"""Every token of the language; the index is the id."""


@dataclass(frozen=True)
class Piece:
    """One kind of intervening material.

    Attributes:
        slots: the classes of its words.
        weight: how often it is used, relative to the others.
        example: one of its forms.
    """

    slots: tuple[str, ...]
    weight: float
    example: str

    @property
    def nouns(self) -> int:
        """Nouns that carry a number."""
        return self.slots.count("noun")

    @property
    def sources(self) -> tuple[int, ...]:
        """For each slot, the slot in the piece whose number it takes: a verb the latest noun's, any other its own."""
        nearest = [max((j for j in range(i) if self.slots[j] == "noun"), default=i) for i in range(len(self.slots))]
        # In "near the dogs that see the girl" the verb comes before the object, so that its latest noun is "dogs".
        return tuple(nearest[i] if slot == "verb" else i for i, slot in enumerate(self.slots))


PIECES = (
    Piece(("adverb",), 0.4, "often"),
    Piece(("preposition", "mass"), 1.0, "with milk"),
    Piece(("preposition", "the", "noun"), 2.0, "near the dogs"),
    Piece(("preposition", "the", "adjective", "noun"), 1.0, "behind the old king"),
    Piece(("that", "the", "noun", "verb"), 1.0, "that the girls like"),
    Piece(("preposition", "the", "noun", "that", "verb"), 1.0, "near the dogs that follow"),
    Piece(("preposition", "the", "noun", "that", "verb", "the", "noun"), 0.5, "near the dogs that see the girl"),
)


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
    def _completions(self) -> Float[Tensor, "D K"]:
        """[d, k]: total weight of all ways to fill exactly d tokens with exactly k nouns."""
        table = torch.zeros(self.longest + 1, self.longest // 2 + 2, dtype=torch.float64)
        table[0, 0] = 1.0
        for length in range(1, self.longest + 1):
            for piece in PIECES:
                before = length - len(piece.slots)
                if before >= 0:
                    table[length, piece.nouns :] += piece.weight * table[before, : table.shape[1] - piece.nouns]
        return table

    def sentences(self, distances_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Sentences at the given distances; everything else is drawn."""
        nouns_s = torch.multinomial(self._completions[distances_s], 1, generator=generator).squeeze(1)
        layout = self._layout(distances_s, nouns_s, generator)
        subject_s = torch.randint(2, distances_s.shape, generator=generator)
        return Sentences(self._words(layout, layout.drawn_numbers(subject_s, generator), generator), self.eos_id)

    def distance_suite(self, distances: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """Minimal pairs, ``items`` per distance, in sentences drawn as the training text is.

        Subjects are singular and plural in turn, so that a model which always prefers one number is at chance.
        """
        distances_s = torch.tensor(distances).repeat_interleave(items)
        nouns_s = torch.multinomial(self._completions[distances_s], 1, generator=generator).squeeze(1)
        layout = self._layout(distances_s, nouns_s, generator)
        numbers_sn = layout.drawn_numbers(_in_turn(len(distances_s)), generator)
        return self._suite("agreement", layout, numbers_sn, generator)

    def attractor_suite(
        self, distances: tuple[int, ...], attractors: tuple[int, ...], items: int, generator: torch.Generator
    ) -> Suite:
        """Minimal pairs by distance and number of attractors, where every intervening noun is an attractor.

        A combination that the grammar has no room for (four nouns in eight tokens) is left out.
        """
        cells = [(d, k) for d in distances for k in attractors if self._completions[d, k] > 0]
        distances_s, nouns_s = torch.tensor(cells).repeat_interleave(items, dim=0).unbind(1)
        layout = self._layout(distances_s, nouns_s, generator)
        return self._suite("attractors", layout, layout.disagreeing_numbers(_in_turn(len(nouns_s))), generator)

    def _layout(self, distances_s: Tensor, nouns_s: Tensor, generator: torch.Generator) -> _Layout:
        """Choose pieces until exactly the wanted tokens and nouns are used up, for all sentences at once."""
        layout = _Layout(len(distances_s), 6 + int(distances_s.max()))
        everyone = torch.arange(len(distances_s))
        layout.write(everyone, ("the",))
        adjective_s = torch.rand(len(everyone), generator=generator) < 0.25
        layout.write(everyone[adjective_s], ("adjective",))
        layout.write(everyone, ("noun",))
        layout.subject_s = layout.end_s - 1
        left_s, nouns_left_s = distances_s.clone(), nouns_s.clone()
        while bool((left_s > 0).any()):
            choice_s = self._choose_pieces(left_s, nouns_left_s, generator)
            for index, piece in enumerate(PIECES):
                rows = everyone[(choice_s == index) & (left_s > 0)]
                layout.write(rows, piece.slots, piece.sources)
                left_s[rows] -= len(piece.slots)
                nouns_left_s[rows] -= piece.nouns
        layout.verb_s = layout.end_s.clone()
        layout.write(everyone, ("verb",))
        layout.source_sn[everyone, layout.verb_s] = layout.subject_s
        layout.write(everyone[torch.rand(len(everyone), generator=generator) < 0.25], ("adverb",))
        layout.write(everyone, ("end",))
        return layout

    def _choose_pieces(self, left_s: Tensor, nouns_left_s: Tensor, generator: torch.Generator) -> Tensor:
        """The next piece of each sentence: its weight times the weight of all ways to complete what is left then."""
        weights = []
        for piece in PIECES:
            tokens_s, nouns_s = left_s - len(piece.slots), nouns_left_s - piece.nouns
            fits_s = (tokens_s >= 0) & (nouns_s >= 0)
            weights.append(piece.weight * fits_s * self._completions[tokens_s.clamp_min(0), nouns_s.clamp_min(0)])
        weights_sp = torch.stack(weights, dim=1)
        weights_sp[left_s == 0] = 1.0  # finished: any choice, it is not written
        return torch.multinomial(weights_sp, 1, generator=generator).squeeze(1)

    def _words(self, layout: _Layout, number_sn: Tensor, generator: torch.Generator) -> Tensor:
        """Draw a word for every slot and inflect it for its number; ``IGNORE`` beyond the end."""
        ids_sn = torch.full_like(layout.class_sn, IGNORE)
        for index, forms in enumerate(CLASSES.values()):
            here = layout.class_sn == index
            frequency_w = torch.arange(1, len(forms) + 1, dtype=torch.float64) ** -self.zipf
            count = int(here.sum())
            if count:
                word = torch.multinomial(frequency_w, count, replacement=True, generator=generator)
                forms_wk = torch.tensor([[self._ids[form] for form in pair] for pair in forms])
                ids_sn[here] = forms_wk[word, number_sn[here]]
        return ids_sn

    def _suite(self, name: str, layout: _Layout, number_sn: Tensor, generator: torch.Generator) -> Suite:
        ids_sn = self._words(layout, number_sn, generator)
        rows = torch.arange(len(ids_sn))
        right_s = ids_sn[rows, layout.verb_s]
        verb_forms = torch.tensor([[self._ids[form] for form in forms] for forms in CLASSES["verb"]])
        wrong_s = verb_forms.flip(1).flatten()[(verb_forms.flatten() == right_s[:, None]).int().argmax(1)]
        subject_s = number_sn[rows, layout.subject_s]
        between_sn = (layout.class_sn == NOUN) & (torch.arange(ids_sn.shape[1]) > layout.subject_s[:, None])
        return Suite(
            name,
            prefixes=tuple(tuple(row[:end]) for row, end in zip(ids_sn.tolist(), layout.verb_s.tolist(), strict=True)),
            choices_nc=torch.stack([right_s, wrong_s], dim=1),
            factors={
                "distance": tuple((layout.verb_s - layout.subject_s - 1).tolist()),
                "attractors": tuple((between_sn & (number_sn != subject_s[:, None])).sum(1).tolist()),
                "nouns": tuple(between_sn.sum(1).tolist()),
            },
        )


class _Layout:
    """Sentences as word classes, before words are drawn: filled from left to right.

    Attributes:
        class_sn: index into ``CLASS_NAMES``, -1 beyond the end.
        source_sn: the position whose number each position takes.
        subject_s, verb_s: where the two ends of the dependency stand.
    """

    def __init__(self, sentences: int, length: int) -> None:
        self.class_sn = torch.full((sentences, length), -1)
        self.source_sn = torch.arange(length).repeat(sentences, 1)
        self.end_s = torch.zeros(sentences, dtype=torch.long)
        self.subject_s = self.verb_s = self.end_s

    def write(self, rows: Tensor, slots: tuple[str, ...], sources: tuple[int, ...] | None = None) -> None:
        """Append ``slots`` to the sentences ``rows``."""
        start = self.end_s[rows]
        for offset, slot in enumerate(slots):
            self.class_sn[rows, start + offset] = CLASS_NAMES.index(slot)
            self.source_sn[rows, start + offset] = start + (offset if sources is None else sources[offset])
        self.end_s = self.end_s.index_add(0, rows, torch.full_like(rows, len(slots)))

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


def _in_turn(count: int) -> Tensor:
    """0, 1, 0, 1..."""
    return torch.arange(count) % 2
