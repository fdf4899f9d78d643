"""Agreement under load: several participants are introduced, and any of them may be the subject of what follows.

    two deer sleep and a sheep runs <material of exactly d tokens> then the sheep is lost and the deer are ready <eos>

The participants are nouns whose plural is like their singular ("sheep", "deer"): only where they are introduced, by the
determiner and the first verb, is their number shown, and the definite subject later takes it up. Which participant that
will be cannot be known before. So the number of each has to be kept, bound to its noun: ``load`` is how many there are.
``distance`` is the number of tokens between the introduction and the clause that asks. They are set separately: what
time costs is seen along the one, at a load of 1; what load costs along the other, at distance 0.

The material is that of the agreement language (adverbs, phrases, relative clauses), with a lexicon of 120 nouns and 48
verbs by Zipf's law. A form has nothing in common with the other form of its word but where it stands, so that the
numbers of several hundred forms have to be learned from the text; and whoever predicts the material has to follow its
own agreement while the participants wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.probes.layout import Classes, Layout, Material, form_ids, in_turn, tokens_of
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.vocabulary import EOS

PARTICIPANTS = (
    "sheep", "deer", "fish", "moose", "salmon", "trout", "bison", "cod", "squid", "elk", "swine", "shrimp", "tuna",
    "carp", "pike", "quail", "grouse", "buffalo", "reindeer", "aircraft", "spacecraft", "offspring", "caribou", "perch"
)  # fmt: skip
"""Nouns that show no number; the language uses the first few."""
NOUNS = (
    "dog", "cat", "girl", "boy", "teacher", "farmer", "king", "bird", "horse", "friend", "doctor", "sailor", "house",
    "river", "tree", "stone", "book", "letter", "song", "ship", "road", "garden", "window", "door", "cow", "bear",
    "goat", "lamp", "chair", "table", "cup", "bell", "queen", "prince", "soldier", "painter", "singer", "writer",
    "driver", "baker", "miller", "hunter", "guest", "neighbour", "uncle", "aunt", "sister", "brother", "cousin",
    "student", "lawyer", "nurse", "priest", "judge", "clerk", "waiter", "owner", "worker", "leader", "captain",
    "pilot", "guard", "thief", "spy", "giant", "dragon", "monkey", "tiger", "lion", "eagle", "owl", "duck", "hen",
    "frog", "snake", "spider", "ant", "bee", "worm", "rabbit", "squirrel", "camel", "donkey", "pigeon", "swan",
    "tower", "bridge", "castle", "village", "street", "market", "shop", "school", "office", "station", "field",
    "forest", "mountain", "island", "lake", "boat", "train", "wagon", "wheel", "bottle", "basket", "bucket", "barrel",
    "blanket", "pillow", "carpet", "curtain", "mirror", "picture", "pencil", "hammer", "needle", "button", "ribbon",
    "apple"
)  # fmt: skip
VERBS = (
    "see", "like", "know", "help", "find", "hear", "follow", "call", "meet", "love", "need", "want", "hold", "draw",
    "paint", "visit", "remember", "forget", "ignore", "admire", "greet", "trust", "fear", "avoid", "believe", "chase",
    "hide", "move", "bring", "pull", "lift", "serve", "guide", "warn", "thank", "blame", "praise", "join", "notice",
    "protect", "surprise", "amuse", "annoy", "please", "support", "attack", "defend", "choose"
)  # fmt: skip
CLAUSE = 4
"""Tokens from one introduction to the next: determiner, noun, verb, "and"."""
ASKED = 3
"""Participants asked for at most, one clause each; what is measured is the first."""
_WITHOUT_NUMBER = {
    "the": ("the",),
    "that": ("that",),
    "and": ("and",),
    "then": ("then",),
    "adjective": ("old", "small", "good", "young", "tall", "quiet", "clever", "kind"),
    "adverb": ("often", "now", "here", "always", "again", "there"),
    "preposition": ("near", "with", "behind", "beside", "under", "above"),
    "mass": ("water", "milk", "gold", "snow", "sand", "smoke"),
    "state": ("hungry", "tired", "ready", "lost"),
    "end": (EOS,),
}


def _classes(participants: int, nouns: int, verbs: int) -> Classes:
    return {
        "participant": tuple((word, word) for word in PARTICIPANTS[:participants]),
        "determiner": (("a", "two"), ("this", "these")),
        "act": tuple((f"{word}s", word) for word in ("run", "sleep", "eat", "play")),
        "be": (("is", "are"),),
        "noun": tuple((word, "thieves" if word == "thief" else f"{word}s") for word in NOUNS[:nouns]),
        "verb": tuple((f"{word}s", word) for word in VERBS[:verbs]),
        **{name: tuple((word, word) for word in words) for name, words in _WITHOUT_NUMBER.items()},
    }


@dataclass(frozen=True)
class _Asked:
    """Sentences before they have words, and what is asked of them.

    Attributes:
        layout: their classes.
        place_sk: which participants are asked for, in order; beyond those of the sentence it means nothing.
        verb_sk: where the verbs that agree with them stand; 0 where there is none.
    """

    layout: Layout
    place_sk: Tensor
    verb_sk: Tensor


class LoadLanguage:
    """The language, able to draw material of up to ``longest`` tokens between up to ``most`` participants and a verb.

    Args:
        longest: the largest distance that will be asked for.
        most: the largest load.
        participants: nouns that there are to be introduced.
    """

    def __init__(self, longest: int, most: int = 3, participants: int = 4, nouns: int = 120, verbs: int = 48) -> None:
        self.longest, self.most = longest, most
        self.classes = _classes(participants, nouns, verbs)
        self.tokens = tokens_of(self.classes)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        self.eos_id = self._ids[EOS]

    @cached_property
    def _material(self) -> Material:
        return Material(self.longest)

    def sentences(self, distances_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Sentences at the given distances; 1 to ``most`` participants, evenly."""
        loads_s = 1 + torch.randint(self.most, distances_s.shape, generator=generator)
        asked = self._lay_out(distances_s, loads_s, generator)
        number_s = torch.randint(2, distances_s.shape, generator=generator)
        return Sentences(self._words(asked, number_s, generator), self.eos_id)

    def suite(
        self, name: str, loads: tuple[int, ...], distances: tuple[int, ...], items: int, generator: torch.Generator
    ) -> Suite:
        """``items`` minimal pairs per load and distance, subjects singular and plural in turn."""
        cells = torch.tensor([(load, distance) for load in loads for distance in distances])
        loads_s, distances_s = cells.repeat_interleave(items, dim=0).unbind(1)
        asked = self._lay_out(distances_s, loads_s, generator)
        number_s = in_turn(len(loads_s))
        ids_sn = self._words(asked, number_s, generator)
        forms = form_ids(self.classes["be"], self._ids)
        factors = {"load": loads_s, "distance": distances_s}
        return Suite.of_forms(name, ids_sn, asked.verb_sk[:, 0], forms, factors)

    def _lay_out(self, distances_s: Tensor, loads_s: Tensor, generator: torch.Generator) -> _Asked:
        """Participants, material and clauses that ask for some of them, in an order drawn evenly."""
        longest = CLAUSE * int(loads_s.max()) + int(distances_s.max()) + (CLAUSE + 1) * ASKED + 2
        layout = Layout(tuple(self.classes), len(loads_s), longest)
        everyone = layout.everyone
        for place in range(int(loads_s.max())):
            rows, clause = everyone[loads_s > place], ("determiner", "participant", "act")
            layout.write(rows, clause if place == 0 else ("and", *clause), (0, 1, 0) if place == 0 else (0, 1, 2, 1))
        self._material.write(layout, distances_s, self._material.nouns(distances_s, generator), generator)
        random_sk = torch.rand(len(loads_s), self.most, generator=generator)
        absent_sk = torch.arange(self.most) >= loads_s[:, None]
        place_sk = random_sk.masked_fill(absent_sk, 2.0).argsort(dim=1)[:, :ASKED]
        verb_sk = torch.zeros_like(place_sk)
        for turn in range(ASKED):
            rows = everyone[loads_s > turn]
            layout.write(rows, ("then" if turn == 0 else "and", "the", "participant", "be", "state"))
            verb_sk[rows, turn] = layout.end_s[rows] - 2
            layout.source_sn[rows, verb_sk[rows, turn]] = CLAUSE * place_sk[rows, turn]  # where its determiner stands
        layout.write(everyone, ("end",))
        return _Asked(layout, place_sk, verb_sk)

    def _words(self, asked: _Asked, number_s: Tensor, generator: torch.Generator) -> Tensor:
        """Words for every slot: the participant asked for first has the given number, everything else a fair coin."""
        layout, everyone = asked.layout, asked.layout.everyone
        coin_sn = torch.randint(2, layout.class_sn.shape, generator=generator)
        coin_sn[everyone, CLAUSE * asked.place_sk[:, 0]] = number_s
        ids_sn = layout.inflected(self.classes, self._ids, coin_sn.gather(1, layout.source_sn), 1.0, generator)
        names = torch.tensor([self._ids[word] for word, _ in self.classes["participant"]])
        name_sp = names[torch.rand(len(ids_sn), len(names), generator=generator).argsort(dim=1)]
        for place in range(self.most):  # nobody is introduced twice
            here = CLAUSE * place + 1
            if here < ids_sn.shape[1]:
                rows = everyone[(layout.class_sn[:, here] == 0) & (here < asked.verb_sk[:, 0] - 1)]
                ids_sn[rows, here] = name_sp[rows, place]
        for turn in range(ASKED):
            rows = everyone[asked.verb_sk[:, turn] > 0]
            ids_sn[rows, asked.verb_sk[rows, turn] - 1] = name_sp[rows, asked.place_sk[rows, turn]]
        return ids_sn
