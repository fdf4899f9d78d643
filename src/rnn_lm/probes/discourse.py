"""Agreement in running discourse: many nouns are in play, and any of them may be the next subject.

    cum exercitu   in portibus   exercitus manet   de curribus   saepe sine aqua   portus patent   currus cadunt
    with the army  in harbours   the army stays    about wagons  often w/o water   harb. lie open  wagons fall

This is Latin as it is written. Its nouns of the fourth declension have one form for the nominative of both numbers
(*exercitus*: the army, or armies), while the ablative shows which ("exercitu", "exercitibus"). Latin has no article.
So a subject says nothing of its number, and its verb must agree with what a phrase before has said of that noun. What
English has in a handful of words ("the sheep is", "the sheep are") is a whole declension here, and one word both names
a noun and gives its number, as in most languages that inflect.

A text is a sequence of *units* of two words: a phrase that mentions a noun in a number, once in a text, or a clause
whose subject has been mentioned. Every clause is a question: a text has many, and which noun will be the next subject
cannot be known before. Two things are set apart. ``load`` is the number of units about other nouns between the mention
and the clause that asks; ``filler`` the number of words there that are about no noun in play: adverbs, and phrases with
mass nouns, which have one number.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.probes.layout import Classes, Layout, form_ids, tokens_of
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.vocabulary import EOS

STEMS = (
    "exercit", "man", "port", "curr", "fluct", "fruct", "magistrat", "cant", "vult", "salt", "grad", "cas", "convent",
    "exit", "adit", "tumult"
)  # fmt: skip
"""Of nouns of the fourth declension with an ablative plural in -ibus; the language uses the first few."""
UNIT = 2
"""Words of a unit: preposition and noun, or subject and verb."""
FEWEST = 3
"""Units of a training text, at least."""
CLAUSES = 0.6
"""Share of the units that are clauses, from the first mention on."""
BEFORE = 4, 7
"""Units before the mention that will be asked for, fewest and most."""
_WORDS = {
    "verb": (("manet", "manent"), ("iacet", "iacent"), ("patet", "patent"), ("cadit", "cadunt")),
    **{
        name: tuple((word, word) for word in words)
        for name, words in {
            "preposition": ("in", "cum", "de", "sine", "pro", "sub"),
            "mass": ("aqua", "auro", "vino", "pace", "ira", "fide"),
            "adverb": ("saepe", "nunc", "hic", "semper", "iterum", "ibi"),
            "end": (EOS,),
        }.items()
    },
}


@dataclass(frozen=True)
class _Talk:
    """What texts are about, before they have numbers and words: S texts of up to C units.

    Attributes:
        count_s: units of each.
        who_sc: the noun that each unit is about.
        source_sc: the unit that mentions that noun; itself where it is a mention.
    """

    count_s: Int[Tensor, "S"]
    who_sc: Int[Tensor, "S C"]
    source_sc: Int[Tensor, "S C"]

    @property
    def units_sc(self) -> Int[Tensor, "S C"]:
        """The number of each unit."""
        return torch.arange(self.who_sc.shape[1]).expand_as(self.who_sc)


class DiscourseLanguage:
    """The language.

    Args:
        units: of a training text, at most.
        nouns: that may be mentioned, up to ``len(STEMS)``.
    """

    def __init__(self, units: int = 12, nouns: int = 8) -> None:
        self.units, self.nouns = max(units, FEWEST), nouns
        self.classes: Classes = {
            "subject": tuple((f"{stem}us", f"{stem}us") for stem in STEMS[:nouns]),
            "oblique": tuple((f"{stem}u", f"{stem}ibus") for stem in STEMS[:nouns]),
            **_WORDS,
        }
        self.tokens = tokens_of(self.classes)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        self.eos_id = self._ids[EOS]

    def sentences(self, distances_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Texts with so many words of filler in one place, drawn evenly; nobody is asked for above others."""
        count_s = torch.randint(FEWEST, self.units + 1, distances_s.shape, generator=generator)
        talk = self._talk(count_s, torch.full_like(count_s, -1), generator)
        coin_sc = torch.randint(2, talk.who_sc.shape, generator=generator)
        ids_sn, _ = self._words(talk, coin_sc, _evenly(count_s - 1, generator), distances_s, generator)
        return Sentences(ids_sn, self.eos_id)

    def distance_suite(self, distances: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """``items`` minimal pairs at each distance in words from mention to subject, with no filler but an odd word."""
        distances_s = torch.tensor(distances).repeat_interleave(items)
        loads_s = distances_s // UNIT
        return self._suite("agreement-discourse", loads_s, distances_s % UNIT, distances_s, generator)

    def load_suite(
        self, loads: tuple[int, ...], fillers: tuple[int, ...], items: int, generator: torch.Generator
    ) -> Suite:
        """``items`` minimal pairs per load and number of words of filler, which the factor "distance" counts."""
        cells = torch.tensor([(load, filler) for load in loads for filler in fillers])
        loads_s, filler_s = cells.repeat_interleave(items, dim=0).unbind(1)
        return self._suite("load", loads_s, filler_s, filler_s, generator)

    def _suite(
        self, name: str, loads_s: Tensor, filler_s: Tensor, distances_s: Tensor, generator: torch.Generator
    ) -> Suite:
        fewest, most = BEFORE
        asked_s = torch.randint(fewest, most + 1, loads_s.shape, generator=generator)
        talk, coin_sc = self._balanced(asked_s, loads_s, generator)
        gap_s = asked_s + _evenly(loads_s + 1, generator)
        ids_sn, verb_s = self._words(talk, coin_sc, gap_s, filler_s, generator)
        forms = form_ids(self.classes["verb"], self._ids)
        return Suite.of_forms(name, ids_sn, verb_s, forms, {"load": loads_s, "distance": distances_s})

    def _balanced(self, asked_s: Tensor, loads_s: Tensor, generator: torch.Generator) -> tuple[_Talk, Tensor]:
        """Texts whose last clause asks for the noun of unit ``asked_s``, and a number for each mention.

        Singular and plural in turn. In half of the texts of each, most of the numbers shown before are the asked one;
        in half of each of those so is the last number before the question (at load 0 that is the asked one itself).
        So whoever answers always the same, or with the majority, or with the last number, is at chance. Texts that
        do not meet this are drawn again.
        """
        items, count_s = torch.arange(len(asked_s)), asked_s + loads_s + 2
        number_s, with_most_s, with_last_s = items % 2, items // 2 % 2 == 1, (items // 4 % 2 == 1) | (loads_s == 0)
        who_sc = torch.zeros(len(items), int(count_s.max()), dtype=torch.long)
        source_sc, coin_sc = torch.zeros_like(who_sc), torch.zeros_like(who_sc)
        missing = items
        while len(missing):
            tried = missing.repeat(len(items) // len(missing))  # as many texts each time, so that few times are enough
            talk = self._talk(count_s[tried], asked_s[tried], generator)
            drawn_sc = torch.randint(2, talk.who_sc.shape, generator=generator)
            drawn_sc.scatter_(1, asked_s[tried, None], number_s[tried, None])
            same_sc = drawn_sc.gather(1, talk.source_sc) == number_s[tried, None]
            before_s = count_s[tried] - 1
            lead_s = ((2 * same_sc - 1) * (talk.units_sc < before_s[:, None])).sum(1)
            last_s = same_sc.gather(1, before_s[:, None] - 1).squeeze(1)
            fits_s = torch.where(with_most_s[tried], lead_s > 0, lead_s < 0) & (last_s == with_last_s[tried])
            fits_km = fits_s.view(-1, len(missing))
            found_m = fits_km.any(0)
            first_m = (fits_km.int().argmax(0) * len(missing) + torch.arange(len(missing)))[found_m]
            for table_sc, new_sc in (who_sc, talk.who_sc), (source_sc, talk.source_sc), (coin_sc, drawn_sc):
                table_sc[missing[found_m], : new_sc.shape[1]] = new_sc[first_m]
            missing = missing[~found_m]
        return _Talk(count_s, who_sc, source_sc), coin_sc

    def _talk(self, count_s: Tensor, asked_s: Tensor, generator: torch.Generator) -> _Talk:
        """Who is mentioned and who comes back: a noun last spoken of n units ago with weight 1 / n.

        Args:
            count_s: units of each text; the last is a clause.
            asked_s: the unit that mentions noun 0, which is the subject of the last clause and occurs nowhere else; -1
                where no noun is singled out.
            generator: draws.
        """
        texts = torch.arange(len(count_s))
        shape = len(count_s), int(count_s.max())
        who_sc, source_sc = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        mention_sp = torch.full((len(count_s), self.nouns), -1)  # the unit that mentions each noun
        latest_sp = torch.zeros_like(mention_sp)
        free_sp = torch.ones(mention_sp.shape)
        free_sp[asked_s >= 0, 0] = 0
        for unit in range(shape[1]):
            known_sp = free_sp * (mention_sp >= 0) / (unit - latest_sp).clamp_min(1)
            new_sp = free_sp * (mention_sp < 0)
            any_known_s, any_new_s = known_sp.any(1), new_sp.any(1)
            clause_s = torch.rand(len(texts), generator=generator) < CLAUSES
            clause_s = ~any_new_s | (any_known_s & (clause_s | (count_s == unit + 1)))
            weight_sp = torch.where(clause_s[:, None], known_sp, new_sp)
            who_s = torch.multinomial(weight_sp, 1, generator=generator).squeeze(1)
            question_s = (asked_s >= 0) & (count_s == unit + 1)
            who_s[question_s | (asked_s == unit)] = 0
            clause_s = question_s | (clause_s & (asked_s != unit))
            source_s = torch.where(clause_s, mention_sp[texts, who_s], unit)
            mention_sp[texts, who_s], latest_sp[texts, who_s] = source_s, unit
            who_sc[:, unit], source_sc[:, unit] = who_s, source_s
        return _Talk(count_s, who_sc, source_sc)

    def _words(
        self, talk: _Talk, coin_sc: Tensor, gap_s: Tensor, filler_s: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Ids, and where the last verb stands: each unit in the number its mention drew, filler behind ``gap_s``."""
        units = talk.who_sc.shape[1]
        layout = Layout(tuple(self.classes), len(talk.count_s), UNIT * units + int(filler_s.max()) + 1)
        everyone, mention_sc = layout.everyone, talk.source_sc == talk.units_sc
        unit_sn = torch.zeros_like(layout.class_sn)
        for unit in range(units):
            for slots, mentions in (("preposition", "oblique"), True), (("subject", "verb"), False):
                rows = everyone[(talk.count_s > unit) & (mention_sc[:, unit] == mentions)]
                for place in range(UNIT):
                    unit_sn[rows, layout.end_s[rows] + place] = unit
                layout.write(rows, slots)
            _write_filler(layout, filler_s * (gap_s == unit), generator)
        verb_s = layout.end_s - 1
        layout.write(everyone, ("end",))
        number_sn = coin_sc.gather(1, talk.source_sc).gather(1, unit_sn)
        ids_sn = layout.inflected(self.classes, self._ids, number_sn, 1.0, generator)
        noun_sp = torch.rand(len(everyone), self.nouns, generator=generator).argsort(dim=1)
        noun_sn = noun_sp.gather(1, talk.who_sc.gather(1, unit_sn))
        for index, name in enumerate(("subject", "oblique")):
            forms = form_ids(self.classes[name], self._ids)
            ids_sn = torch.where(layout.class_sn == index, forms[noun_sn, number_sn], ids_sn)
        return ids_sn, verb_s


def _evenly(count_s: Tensor, generator: torch.Generator) -> Tensor:
    """0 to ``count_s`` - 1 for each."""
    return (torch.rand(count_s.shape, generator=generator) * count_s).long()


def _write_filler(layout: Layout, left_s: Tensor, generator: torch.Generator) -> None:
    """Append so many words to each text: adverbs, and phrases of two words where they fit, as often."""
    while bool((left_s > 0).any()):
        phrase_s = (left_s >= UNIT) & (torch.rand(left_s.shape, generator=generator) < 0.5)
        layout.write(layout.everyone[phrase_s], ("preposition", "mass"))
        layout.write(layout.everyone[(left_s > 0) & ~phrase_s], ("adverb",))
        left_s = (left_s - 1 - phrase_s.long()).clamp_min(0)
