"""Files packed by gzip, bzip2 or xz: known by their first bytes, whatever they are called."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from typing import Any, NamedTuple


class Packer(NamedTuple):
    """A program that packs files.

    Attributes:
        name: of the program.
        magic: the first bytes of what it packed.
        suffix: that promises it.
        unpacked: what a packed binary file holds, as a binary file.
    """

    name: str
    magic: bytes
    suffix: str
    unpacked: Callable[[Any], Any]


PACKERS = (
    Packer("gzip", b"\x1f\x8b", ".gz", gzip.open),
    Packer("bzip2", b"BZh", ".bz2", bz2.open),
    Packer("xz", b"\xfd7zXZ\x00", ".xz", lzma.open),
)
GZIP = PACKERS[0]


def packer_of(start: bytes) -> Packer | None:
    """What packed a file that begins with ``start``; None if it is not packed by any of these."""
    return next((packer for packer in PACKERS if start.startswith(packer.magic)), None)
