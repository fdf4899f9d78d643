"""The columns of a table of words: what is said of each, what goes along with it, and what was before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rnn_lm.reading.surprisal import Reader, Sentence, WordRow

TYPES: dict[str, type] = {
    "line": int,
    "sentence": int,
    "word_position": int,
    "word": str,
    "tokens": int,
    "is_unk": bool,
    "surprisal_bits": float,
    "entropy_bits": float,
    "rank": int,
    "unigram_bits": float,
    "length": int,
    "policy": str,
    "model": str,
}
"""The columns of ``WordRow`` with their types."""
SPILLING = ("word", "is_unk", "surprisal_bits", "entropy_bits", "unigram_bits", "length")
"""What is given of the words before, where that is asked for."""


def columns_with(previous: int = 0, carried: Iterable[str] = ()) -> dict[str, type]:
    """Return the names and types of all columns.

    Args:
        previous: how many words before are told of: ``previous1_surprisal_bits`` is that of the word before.
        carried: columns that go along; ``item`` comes first.
    """
    names = [*carried]
    items = dict.fromkeys(names, str)
    before = {f"previous{back}_{name}": TYPES[name] for back in range(1, previous + 1) for name in SPILLING}
    return {**TYPES, **before, **items}


def rows_with(
    reader: Reader, sentences: Iterable[Sentence], previous: int = 0, carried: bool = False
) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of each word, in the order of ``columns_with``; the words before are those of its sentence."""
    nothing = (None,) * len(SPILLING)
    for sentence, rows in reader.rows(sentences):
        along = tuple(map(str, sentence.carried)) if carried else ()
        for place, row in enumerate(rows):
            before = [_spilling(rows[place - back]) if place >= back else nothing for back in range(1, previous + 1)]
            yield (*row, *(cell for cells in before for cell in cells), *along)


def _spilling(row: WordRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in SPILLING)
