"""Finished parts of a long measurement, kept so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from rnn_lm.files import make_folder
from rnn_lm.kept import read_kept, write_kept

T = TypeVar("T", bound=Mapping[str, object])

DIGITS = 7
"""Significant digits kept of each number."""


def rounded(value: T) -> T:
    """``value`` (plain JSON) with its numbers to ``DIGITS`` significant digits: a results file is read by people."""
    return _rounded(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) and math.isfinite(value) else value


class Parts:
    """Results by name, each in a file of its own beside the key that it was computed under.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder)

    def get(self, name: str, key: dict[str, Any], compute: Callable[[], T]) -> T:
        """The part called ``name``: read back if it was computed under an equal ``key``, else computed and kept.

        Args:
            name: letters, digits and hyphens.
            key: everything that the result depends on; plain JSON values.
            compute: makes the result; plain JSON values without NaN.
        """
        path = self.folder / f"{name}.json"
        kept = read_kept(path, key)
        if kept is not None:
            return cast(T, kept)  # written with its checksum by the lines below, in an earlier run
        result = rounded(compute())
        write_kept(path, key, result)
        return result
