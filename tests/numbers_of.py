"""The numbers in plain results, for comparing two of them up to rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def all_numbers(value: Any, where: str = "") -> dict[str, float]:
    """Every number in nested dicts and lists, by its place in them; what has none leaves no trace."""
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, Sequence) and not isinstance(value, str):
        items = list(enumerate(value))
    else:
        return {where: float(value)} if isinstance(value, int | float) else {}
    return {place: number for key, part in items for place, number in all_numbers(part, f"{where}/{key}").items()}
