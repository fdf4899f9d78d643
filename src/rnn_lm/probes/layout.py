"""Generated sentences before they have words: word classes by position, and which position's number each one takes.

A language with number agreement writes its sentences as classes ("the", "noun", "verb"), all of them side by side from
left to right; then numbers are drawn, then words, each inflected for its number. ``Material`` draws what stands in
between at an exact length: pieces (adverbs, phrases, clauses) by their weights, from the grammar conditioned on what
still fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.vocabulary import EOS, UNK

Classes = Mapping[str, tuple[tuple[str, str], ...]]
"""Word classes: (singular form, plural form) of each word, most frequent first. Both are the same where the class does
not inflect."""


def tokens_of(classes: Classes) -> tuple[str, ...]:
    """Return the vocabulary of a language: the markers, then every form of every word."""
    forms = (form for words in classes.values() for pair in words for form in pair)
    return (UNK, *dict.fromkeys((EOS, *forms)))


def form_ids(words: Sequence[tuple[str, str]], ids: Mapping[str, int]) -> Int[Tensor, "W 2"]:
    """Return the ids of singular and plural of every word of a class."""
    return torch.tensor([[ids[form] for form in pair] for pair in words])


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


class Layout:
    """Sentences as word classes, filled from left to right.

    Args:
        class_names: what there is; a position holds the index of one.
        sentences: S, how many.
        length: N, the most tokens that one may have.

    Attributes:
        class_sn: index into ``class_names``, -1 beyond the end.
        source_sn: the position whose number each position takes.
        end_s: where each sentence ends so far.
    """

    def __init__(self, class_names: Sequence[str], sentences: int, length: int) -> None:
        self._index = {name: index for index, name in enumerate(class_names)}
        self.class_sn = torch.full((sentences, length), -1)
        self.source_sn = torch.arange(length).repeat(sentences, 1)
        self.end_s = torch.zeros(sentences, dtype=torch.long)

    @property
    def everyone(self) -> Int[Tensor, "S"]:
        """All sentences."""
        return torch.arange(len(self.class_sn))

    def write(self, rows: Tensor, slots: tuple[str, ...], sources: tuple[int, ...] | None = None) -> None:
        """Append ``slots`` to the sentences ``rows``; each takes its own number, or that of its slot in ``sources``."""
        start = self.end_s[rows]
        for offset, slot in enumerate(slots):
            self.class_sn[rows, start + offset] = self._index[slot]
            self.source_sn[rows, start + offset] = start + (offset if sources is None else sources[offset])
        self.end_s = self.end_s.index_add(0, rows, torch.full_like(rows, len(slots)))

    def inflected(
        self, classes: Classes, ids: Mapping[str, int], number_sn: Tensor, zipf: float, generator: torch.Generator
    ) -> Int[Tensor, "S N"]:
        """Draw a word for every slot and inflect it for its number; ``IGNORE`` beyond the end.

        Args:
            classes: the words of each class, in the order of ``class_names``.
            ids: of each form.
            number_sn: 0 singular, 1 plural.
            zipf: the word of rank r in its class has weight r ** -zipf.
            generator: draws the words.
        """
        ids_sn = torch.full_like(self.class_sn, IGNORE)
        for index, forms in enumerate(classes.values()):
            here = self.class_sn == index
            frequency_w = torch.arange(1, len(forms) + 1, dtype=torch.float64) ** -zipf
            count = int(here.sum())
            if count:
                word = torch.multinomial(frequency_w, count, replacement=True, generator=generator)
                ids_sn[here] = form_ids(forms, ids)[word, number_sn[here]]
        return ids_sn


class Material:
    """Draws material of exactly so many tokens with exactly so many nouns.

    Args:
        longest: tokens at most.
    """

    def __init__(self, longest: int) -> None:
        self.completions: Float[Tensor, "D K"] = _completions(longest)

    def nouns(self, lengths_s: Int[Tensor, "S"], generator: torch.Generator) -> Int[Tensor, "S"]:
        """How many nouns material of these lengths has, drawn as the grammar has it."""
        return torch.multinomial(self.completions[lengths_s], 1, generator=generator).squeeze(1)

    def write(self, layout: Layout, lengths_s: Tensor, nouns_s: Tensor, generator: torch.Generator) -> None:
        """Append pieces until exactly the wanted tokens and nouns are used up, for all sentences at once."""
        left_s, nouns_left_s = lengths_s.clone(), nouns_s.clone()
        while bool((left_s > 0).any()):
            choice_s = self._choose(left_s, nouns_left_s, generator)
            for index, piece in enumerate(PIECES):
                rows = layout.everyone[(choice_s == index) & (left_s > 0)]
                layout.write(rows, piece.slots, piece.sources)
                left_s[rows] -= len(piece.slots)
                nouns_left_s[rows] -= piece.nouns

    def _choose(self, left_s: Tensor, nouns_left_s: Tensor, generator: torch.Generator) -> Tensor:
        """The next piece of each sentence: its weight times the weight of all ways to complete what is left then."""
        weights = []
        for piece in PIECES:
            tokens_s, nouns_s = left_s - len(piece.slots), nouns_left_s - piece.nouns
            fits_s = (tokens_s >= 0) & (nouns_s >= 0)
            weights.append(piece.weight * fits_s * self.completions[tokens_s.clamp_min(0), nouns_s.clamp_min(0)])
        weights_sp = torch.stack(weights, dim=1)
        weights_sp[left_s == 0] = 1.0  # finished: any choice, it is not written
        return torch.multinomial(weights_sp, 1, generator=generator).squeeze(1)


def _completions(longest: int) -> Float[Tensor, "D K"]:
    """[d, k]: total weight of all ways to fill exactly d tokens with exactly k nouns."""
    table = torch.zeros(longest + 1, longest // 2 + 2, dtype=torch.float64)
    table[0, 0] = 1.0
    for length in range(1, longest + 1):
        for piece in PIECES:
            before = length - len(piece.slots)
            if before >= 0:
                table[length, piece.nouns :] += piece.weight * table[before, : table.shape[1] - piece.nouns]
    return table


def in_turn(count: int) -> Int[Tensor, "N"]:
    """0, 1, 0, 1..."""
    return torch.arange(count) % 2
