"""Numbers that no setting can sensibly have, and sizes that this machine cannot hold."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterator
from typing import Any

from rnn_lm.errors import UserError, require

LARGEST = 1e9
"""Of settings that are not whole: far beyond sense for each of them, and far below where float32 ends."""
LARGEST_WHOLE = 2**63 - 1
"""Of whole numbers: what torch and numpy hold."""


def cores_and_most_processes() -> tuple[int, int]:
    """The cores of this machine, and how many processes at a time make sense on them."""
    cores = os.cpu_count() or 1
    return cores, max(16, 2 * cores)


def flag(name: str) -> str:
    """The flag of a setting."""
    return f"--{name.replace('_', '-')}"


def check_numbers(settings: Any) -> None:
    """Refuse what no setting of a dataclass can be: a float that is not finite or beyond ``LARGEST``, 70-bit integers.

    The dataclasses within are checked, too. What else a setting must be, its own class says.

    Raises:
        UserError: names the flag.
    """
    for name, value in _numbers(settings):
        if isinstance(value, float):
            require(math.isfinite(value), f"{flag(name)} must be a finite number, not {value}")
            require(abs(value) <= LARGEST, f"{flag(name)} must be within plus or minus {LARGEST:g}, not {value:g}")
        else:
            shown = value if abs(value) < 10**30 else f"a number of {abs(value).bit_length()} bits"
            require(abs(value) <= LARGEST_WHOLE, f"{flag(name)} must be below 2^63, not {shown}")


def _numbers(settings: Any) -> Iterator[tuple[str, int | float]]:
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _numbers(value)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, int | float) and not isinstance(one, bool):
                yield field.name, one


def at_least(settings: Any, **least: int) -> None:
    """Refuse settings that are below what ``least`` says for their names."""
    for name, bound in least.items():
        require(getattr(settings, name) >= bound, f"{flag(name)} must be at least {bound}")


def at_most(settings: Any, **most: int) -> None:
    """Refuse settings that are above what ``most`` says for their names."""
    for name, bound in most.items():
        value = getattr(settings, name)
        require(value is None or value <= bound, f"{flag(name)} must be at most {bound:,}, not {value:,}")


def require_memory(needed: int, what: str) -> None:
    """Refuse what needs more bytes than this machine has; ``what`` begins the line, flags and values."""
    from rnn_lm.memory import available_memory

    there = available_memory()
    if needed > there:
        raise UserError(f"{what} needs {_gigabytes(needed)} GB of memory, this machine has {_gigabytes(there)}")


def _gigabytes(count: int) -> str:
    return f"{count // 10**9:,}" if count < 10**24 else f"{count / 1e9:.3g}"
