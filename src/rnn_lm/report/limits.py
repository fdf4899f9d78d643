"""What no results file needs: numbers beyond any measure, text that is none, more entries than a page can show.

Each would be drawn, if at all, by taking all memory or for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

LARGEST = 1e305
"""No measured number is larger, and one that is drawn must stay a number when it is scaled."""
LARGEST_COUNT = 2**53
"""No count is larger: beyond, whole numbers are no longer told apart in a browser."""
MOST_VALUES = 20_000_000
"""Numbers in a file."""
MOST_ENTRIES = 2000
"""Entries of a list of records (models, claims, cells of a table), but for those that are thinned before they are
drawn."""
THINNED = frozenset({"points"})
"""Lists of records that may be long."""
MOST_POINTS = 200_000
"""Entries of those."""
LONGEST_NAME = 300
"""Characters of a text that stands in a table or a figure; samples and commands may have more."""
LONGEST_TEXT = 200_000
"""Characters of any text."""
LONG = frozenset(
    {"text", "command", "prompt", "source", "formula", "mathml", "detail", "licence", "question", "note", "reason"}
)


def beyond_limits(value: Any, where: str = "") -> str | None:
    """The first entry of a JSON value that is beyond these limits, in words; None if there is none."""
    return next(_beyond(value, where, ""), None)


def _beyond(value: Any, where: str, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _beyond_text(str(key), f"{where} has a key that", LONGEST_NAME)
            yield from _beyond(item, f"{where}.{str(key)[:80]}".lstrip("."), str(key))
    elif isinstance(value, list):
        yield from _beyond_list(value, where, name)
    elif isinstance(value, str):
        yield from _beyond_text(value, where, LONGEST_TEXT if name in LONG else LONGEST_NAME)
    elif isinstance(value, int) and abs(value) > LARGEST_COUNT:
        yield f"{where} is larger than any count"
    elif isinstance(value, float) and not abs(value) <= LARGEST:
        yield f"{where} is larger than any number that was measured"


def _beyond_list(value: list[Any], where: str, name: str) -> Iterator[str]:
    kinds = set(map(type, value))
    if kinds <= {int, float, bool, type(None)}:
        numbers = [number for number in value if number is not None]
        if len(value) > MOST_VALUES or not all(-LARGEST_COUNT <= n <= LARGEST_COUNT for n in numbers if type(n) is int):
            yield f"{where} has too many numbers, or one that is larger than any count"
        if not all(abs(number) <= LARGEST and math.isfinite(number) for number in numbers if type(number) is float):
            yield f"{where} has a number that is larger than any that was measured"
        return
    most = MOST_POINTS if name in THINNED else MOST_ENTRIES
    if len(value) > most:
        yield f"{where} has {len(value):,} entries; no page shows more than {most:,}"
        return
    for index, item in enumerate(value):
        yield from _beyond(item, f"{where}[{index}]", name)


def _beyond_text(text: str, where: str, longest: int) -> Iterator[str]:
    if len(text) > longest:
        yield f"{where} has {len(text):,} characters, more than {longest:,}"
    elif any("\ud800" <= letter <= "\udfff" for letter in text):
        yield f"{where} holds half a character"
