"""Arrays and lists of strings that stay on the disk: read through memory maps, of which only little is kept at a time.

Pages of a mapped file that were touched count as memory of the process until the operating system wants them back. They
are handed back here after every few reads; they stay in the system's cache of files, from where they come back at once.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from jaxtyping import Int64

_READS = 256
"""Reads after which the pages are handed back."""
_BLOCK = 1 << 20
"""Items read at a time where all are."""


class MappedArray:
    """A file of numbers as an array of one dimension, to be read by slices and by arrays of positions.

    Args:
        path: the file, of nothing but the numbers.
        dtype: theirs.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path, dtype: Any) -> None:
        self._map = _open(path)
        self._array = np.frombuffer(self._map, dtype=dtype) if self._map is not None else np.empty(0, dtype)
        self._reads = 0

    def __len__(self) -> int:
        return len(self._array)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return self._array.dtype

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        """A copy of what is there."""
        self._reads += 1
        found = np.array(self._array[index])
        if self._reads >= _READS:
            self._reads = 0
            _hand_back(self._map)
        return found


class MappedStrings(Sequence[str]):
    """Strings, one after the other in a file, each found by where it ends.

    Args:
        path: the file of the strings in UTF-8.
        ends: the file of the positions just past each of them, int64.
    """

    def __init__(self, path: Path, ends: Path) -> None:
        self._bytes, self._ends = MappedArray(path, np.uint8), MappedArray(ends, np.int64)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        start, end = (0, *self._ends[0:1]) if index == 0 else self._ends[index - 1 : index + 1]
        return _decode(self._bytes[int(start) : int(end)].tobytes())

    def __iter__(self) -> Iterator[str]:
        start = 0
        for ends in blocks_of(self._ends, 1 << 16):
            data = self._bytes[start : int(ends[-1])].tobytes()
            first = start
            for end in ends.tolist():
                yield _decode(data[start - first : end - first])
                start = end


def encode_string(text: str) -> bytes:
    """As ``MappedStrings`` reads it; also halves of characters that ``surrogateescape`` carried through."""
    return text.encode("utf-8", "surrogatepass")


def blocks_of(array: np.ndarray | MappedArray, size: int = _BLOCK) -> Iterator[np.ndarray]:
    """All of ``array``, ``size`` items at a time."""
    for start in range(0, len(array), size):
        yield array[start : start + size]


def positions_of(array: np.ndarray | MappedArray, wanted: int) -> Int64[np.ndarray, "found"]:
    """Where ``wanted`` stands in ``array``."""
    found, start = [np.empty(0, np.int64)], 0
    for block in blocks_of(array):
        found.append(np.flatnonzero(block == wanted) + start)
        start += len(block)
    return np.concatenate(found)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _open(path: Path) -> mmap.mmap | None:
    """None for an empty file, which cannot be mapped."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else None


def _hand_back(mapped: mmap.mmap | None) -> None:
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
