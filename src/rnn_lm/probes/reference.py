"""Agreement with one noun out of several: everything that has been said may be asked for.

    cats dog birds cat king dogs ... birds | dog ? is          "dog" was last said as a plural: "are"

Mentions are nouns in the singular or the plural, each number a fair coin. Then one noun is named and a verb must agree
with the number it was mentioned in. Which noun will be named cannot be known before, so that, unlike in the agreement
and recall probes, a model cannot latch one thing and close its gates to the rest: it has to keep the number of every
noun, and to bind each number to its noun, while mentions of other nouns keep changing theirs. This is where a state of
fixed size is under load, and where attention, which looks the noun up, is not.

The distance is the number of mentions after the named noun's; those and the ones before it are of other nouns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.vocabulary import EOS, UNK

NOUNS = (
    "dog", "cat", "king", "bird", "boy", "girl", "horse", "tree", "farmer", "doctor", "friend", "sailor", "teacher",
    "house", "river", "stone", "book", "letter", "song", "ship", "road", "garden", "window", "door", "cow", "bear",
    "goat", "lamp", "chair", "table", "cup", "bell"
)  # fmt: skip
"""The nouns; a language uses the first few."""


@dataclass(frozen=True)
class ReferenceLanguage:
    """The language over the first ``nouns`` of ``NOUNS``, with up to ``mentions_before`` mentions before the asked one.

    In ids, noun i is named by ``2 + 2 + i`` and mentioned by the two ids per noun that follow all names.
    """

    nouns: int = 4
    mentions_before: int = 4

    eos_id = 1
    singular_verb_id = 2

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token of the language; the index is the id."""
        names = NOUNS[: self.nouns]
        mentions = (form for name in names for form in (name, f"{name}s"))
        return (UNK, EOS, "is", "are", *(f"{name}?" for name in names), *mentions)

    def sentences(self, distances_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Sentences with the given numbers of mentions after the one that is asked for."""
        return self._draw(distances_s, torch.randint(2, distances_s.shape, generator=generator), generator)

    def _draw(self, distances_s: Tensor, number_s: Tensor, generator: torch.Generator) -> Sentences:
        count = len(distances_s)
        before_s = torch.randint(self.mentions_before + 1, (count,), generator=generator)
        asked_s = torch.randint(self.nouns, (count,), generator=generator)
        length = self.mentions_before + int(distances_s.max()) + 4
        # Another noun than the asked one: one to (nouns - 1) places further on in the circle of nouns.
        step_sn = 1 + torch.randint(self.nouns - 1, (count, length), generator=generator)
        position_sn = torch.arange(length).repeat(count, 1)
        step_sn[position_sn == before_s[:, None]] = 0
        noun_sn = (asked_s[:, None] + step_sn) % self.nouns
        number_sn = torch.randint(2, (count, length), generator=generator)
        number_sn[torch.arange(count), before_s] = number_s
        first_name = self.singular_verb_id + 2
        ids_sn = first_name + self.nouns + 2 * noun_sn + number_sn
        after_sn = position_sn - (before_s + distances_s)[:, None]
        ids_sn = torch.where(after_sn == 1, (first_name + asked_s)[:, None], ids_sn)
        ids_sn = torch.where(after_sn == 2, (self.singular_verb_id + number_s)[:, None], ids_sn)
        ids_sn[after_sn == 3] = self.eos_id
        ids_sn[after_sn > 3] = IGNORE
        return Sentences(ids_sn, self.eos_id)

    def suite(self, distances: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """``items`` minimal pairs per distance, singular and plural in turn: always answering "is" is at chance."""
        number_s = torch.arange(len(distances) * items) % 2
        sentences = self._draw(torch.tensor(distances).repeat_interleave(items), number_s, generator)
        verb_s = sentences.lengths_s - 2
        right_s = sentences.ids_sn.gather(1, verb_s[:, None]).squeeze(1)
        rows = zip(sentences.ids_sn.tolist(), verb_s.tolist(), strict=True)
        return Suite(
            "reference",
            prefixes=tuple(tuple(row[:verb]) for row, verb in rows),
            choices_nc=torch.stack([right_s, 2 * self.singular_verb_id + 1 - right_s], dim=1),
            factors={"distance": tuple(distance for distance in distances for _ in range(items))},
        )
