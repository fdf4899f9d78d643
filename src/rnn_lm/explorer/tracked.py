"""What a unit might track: properties of the place in a text, as labels that a probe is to find in the states.

    read       <eos>  the  men  of   Israel  said  ,   “   come   up   ”
    quoted                                             1    1     1    0        inside quotation marks
    bracketed                                                                   inside brackets
    position     0     0    0    0     1      1    1   1    1     2    2        how far into the sentence
    number       -     -    -    p     p      p    p   p    p     p    p        of the last noun, after it

Of a place that has no label (no noun has been read in the sentence yet) nothing is asked. Nouns are the corpus' own
pairs of singular and plural; that of the present token is left out, which would be to ask which word was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from rnn_lm.probes.natural import Words
from rnn_lm.vocabulary import EOS, Vocabulary

UNLABELLED = -1
_OPENING, _CLOSING = ("“", "``", "«"), ("”", "''", "»")
_BRACKETS, _CLOSED = ("(", "[", "{", "-lrb-"), (")", "]", "}", "-rrb-")
POSITIONS = (4, 9, 17)
"""Where the first, second and third class of positions end: tokens of the sentence that have been read."""
_RARE = 0.02
"""Of a property whose second class has a smaller share of the labels nothing can be learned."""


@dataclass(frozen=True)
class Tracked:
    """A property of places in a text.

    Attributes:
        name: what it is called.
        classes: what the labels mean.
        labels_n: a class for each token, ``UNLABELLED`` where there is none.
        source_n: the token type that decides the label of each place: itself, or the noun that it goes back to.
    """

    name: str
    classes: tuple[str, ...]
    labels_n: Int[ndarray, "N"]
    source_n: Int[ndarray, "N"]


def tracked_in(ids_n: Int[ndarray, "N"], stretch: int, vocabulary: Vocabulary) -> list[Tracked]:
    """Return the properties of a sample's places that have two classes, none of which is rare.

    Args:
        ids_n: the tokens read.
        stretch: tokens of each stretch that was read in one go: nothing is known across its ends.
        vocabulary: theirs.
    """
    tokens = [vocabulary.tokens[index] for index in ids_n.tolist()]
    parts = [tokens[start : start + stretch] for start in range(0, len(tokens), stretch)]
    nouns = Words.of(vocabulary, 1).nouns
    inside = ("outside", "inside")
    quoted_n = _joined(_enclosed(part, _OPENING, _CLOSING, '"') for part in parts)
    bracketed_n = _joined(_enclosed(part, _BRACKETS, _CLOSED) for part in parts)
    places = ("0-3", "4-8", "9-16", "17 and later")
    found = [
        Tracked("quotation marks", inside, quoted_n, ids_n),
        Tracked("brackets", inside, bracketed_n, ids_n),
        Tracked("place in the sentence", places, _joined(map(_positions, parts)), ids_n),
    ]
    labels_n, source_n = _numbers(tokens, ids_n, stretch, nouns)
    found.append(Tracked("number of the last noun", ("singular", "plural"), labels_n, source_n))
    return [each for each in found if _has_two(each.labels_n)]


def _has_two(labels_n: ndarray) -> bool:
    counts = np.bincount(labels_n[labels_n != UNLABELLED], minlength=2)
    return bool(np.sort(counts)[-2] >= max(1, _RARE * counts.sum()))


def _joined(parts: Iterable[Sequence[int]]) -> ndarray:
    return np.array([label for part in parts for label in part], np.int64)


def _enclosed(tokens: Sequence[str], opening: Sequence[str], closing: Sequence[str], both: str = "") -> list[int]:
    """Whether each token stands inside, its opening mark included; a mark that is both ways turns it over, and a
    sentence's end closes it. Before the first mark of a stretch nothing is known."""
    inside, known, straight, labels = False, False, False, []
    for token in tokens:
        if token == EOS and straight:
            inside, straight = False, False
        elif token == both:
            inside, known, straight = not inside, True, not inside
        elif token in opening:
            inside, known = True, True
        elif token in closing:
            inside, known = False, True
        labels.append(int(inside) if known else UNLABELLED)
    return labels


def _positions(tokens: Sequence[str]) -> list[int]:
    labels, read = [], 0
    for token in tokens:
        read = 0 if token == EOS else read + 1
        labels.append(sum(read >= end for end in POSITIONS))
    return labels


def _numbers(
    tokens: Sequence[str], ids_n: ndarray, stretch: int, nouns: Sequence[tuple[str, str]]
) -> tuple[ndarray, ndarray]:
    """(0 singular, 1 plural of the last noun before each token of its sentence; the id of that noun)."""
    number = {word: index for pair in nouns for index, word in enumerate(pair)}
    labels_n, source_n = np.full(len(tokens), UNLABELLED), ids_n.copy()
    label, source = UNLABELLED, 0
    for place, token in enumerate(tokens):
        if token == EOS or place % stretch == 0:
            label = UNLABELLED
        labels_n[place], source_n[place] = label, source
        if token in number:
            labels_n[place], label, source = UNLABELLED, number[token], int(ids_n[place])
    return labels_n, source_n
