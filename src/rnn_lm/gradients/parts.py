"""Finished parts of a long measurement, kept so that an interrupted one goes on where it stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnn_lm.files import make_folder
from rnn_lm.kept import read_kept, write_kept

DIGITS = 7
"""Significant digits kept of each number."""


def rounded(value: Any) -> Any:
    """``value`` (plain JSON) with its numbers to ``DIGITS`` significant digits: a results file is read by people."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) and math.isfinite(value) else value


class Parts:
    """Results by name, each in a file of its own beside the key that it was computed under.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = make_folder(folder)

    def get(self, name: str, key: dict[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The part called ``name``: read back if it was computed under an equal ``key``, else computed and kept.

        Args:
            name: letters, digits and hyphens.
            key: everything that the result depends on; plain JSON values.
            compute: makes the result; plain JSON values without NaN.
        """
        path = self.folder / f"{name}.json"
        result = read_kept(path, key)
        if result is None:
            result = rounded(compute())
            write_kept(path, key, result)
        return result
