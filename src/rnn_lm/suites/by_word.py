"""The one word that decides a pair, asked for in the place of whole sentences.

    one beginning     The dog | barks.  bark.            P(barks | The dog) > P(bark | The dog)
    two beginnings    No dog has | ever    The dog has | ever    P(ever | No dog has) > P(ever | The dog has)

Two sentences that differ in one word have one beginning. Where they differ before a word that needs what stands before
it, as ``ever`` needs ``no``, that word is asked for after both beginnings. Punctuation behind it is not.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from rnn_lm.suites.base import Completion, Continuation, Pair, Question

METHOD = "method"
"""The level that tells questions with one beginning from those with two."""
ONE, TWO = "one beginning", "two beginnings"
_ENDS = re.compile(r"[.,;:!?]+$")


def with_word(pair: Pair, licensed: Collection[str] = ()) -> Pair:
    """Return a pair that can also be asked of the word in which its sentences differ.

    Args:
        pair: two sentences.
        licensed: words that are asked for after two beginnings where both sentences hold them; in small letters.
    """
    good, bad = pair.good.split(), pair.bad.split()
    start = next((place for place, (one, other) in enumerate(zip(good, bad, strict=False)) if one != other), None)
    if start is None:
        return pair
    for word in licensed:
        places = [next((at for at, one in enumerate(words) if one.lower() == word), 0) for words in (good, bad)]
        if min(places) > start:
            beginnings = [" ".join(words[:at]) for words, at in zip((good, bad), places, strict=True)]
            return two_beginnings(pair, beginnings[0], beginnings[1], good[places[0]])
    if len(good) == len(bad) and good[start + 1 :] == bad[start + 1 :]:
        right, wrong = (_ENDS.sub("", words[start]) or words[start] for words in (good, bad))
        return one_beginning(pair, " ".join(good[:start]), right, wrong) if right != wrong else pair
    return pair


def one_beginning(pair: Pair, beginning: str, good: str, bad: str) -> Pair:
    """Return a pair that can also be asked which of two words comes after a beginning."""
    asked = Completion(beginning=beginning, good=good, bad=bad, **_same(pair, ONE))
    return _also(pair, asked)


def two_beginnings(pair: Pair, good: str, bad: str, ending: str) -> Pair:
    """Return a pair that can also be asked after which of two beginnings a word is more probable."""
    return _also(pair, Continuation(good=good, bad=bad, ending=ending, **_same(pair, TWO)))


def _same(pair: Pair, method: str) -> dict:
    groups = {METHOD: method, **pair.groups}
    return {"paradigm": pair.paradigm, "item": pair.item, "where": pair.where, "groups": groups, "raw": pair.raw}


def _also(pair: Pair, asked: Question) -> Pair:
    return Pair(
        paradigm=pair.paradigm, item=pair.item, where=pair.where, groups=pair.groups, raw=pair.raw,
        good=pair.good, bad=pair.bad, by_word=asked,
    )  # fmt: skip
