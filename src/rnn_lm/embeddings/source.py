"""The bytes of a file of word vectors: its beginning to look at, then all of it as a stream.

Packed by gzip or not, a file may be a pipe and may be larger than memory. What else a file can be (an archive, another
program's model, a page saved in its place) is recognized by its first bytes and named.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rnn_lm.errors import UserError
from rnn_lm.files import user_errors
from rnn_lm.packed import GZIP
from rnn_lm.pipes import open_when_written
from rnn_lm.progress import Progress, Task

HEAD = 1 << 20
"""Bytes of the beginning that are looked at before anything is read."""
RATIO = 100
"""A gzip file is refused that unpacks to more than this many times its size: word vectors pack to a third or so."""
_RATIO_FROM = 16 << 20
"""Unpacked bytes up to which the ratio does not matter."""

_UNPACK = "unpack it and give the file inside"
_OTHERS = (
    (rb"BZh[1-9]1AY&SY", f"packed by bzip2; {_UNPACK} (bunzip2)"),
    (rb"\xfd7zXZ\0", f"packed by xz; {_UNPACK} (unxz)"),
    (rb"\x28\xb5\x2f\xfd", f"packed by zstd; {_UNPACK} (unzstd)"),
    (rb"PK\x03\x04", f"a zip archive; {_UNPACK} (unzip)"),
    (rb"7z\xbc\xaf\x27\x1c", f"a 7-Zip archive; {_UNPACK}"),
    (rb"Rar!\x1a\x07", f"a RAR archive; {_UNPACK}"),
    (rb"(?s:.{257})ustar", f"a tar archive; {_UNPACK} (tar -xf)"),
    (GZIP.magic, "packed by gzip twice; unpack it once (gunzip)"),
    (rb"\xba\x16\x4f\x2f", "a fastText model (.bin); give the vectors as text, the .vec file that stands beside it"),
    (rb"\x89HDF\r\n", "an HDF5 file; give the vectors as text"),
    (rb"SQLite format 3\0", "an SQLite file (as Magnitude's are); give the vectors as text"),
    (rb"\x93NUMPY", "a numpy array without words; give the KeyedVectors file that it stands beside"),
    (rb"\xff\xfe|\xfe\xff", "UTF-16 text; save it as UTF-8 (iconv -f utf-16 -t utf-8)"),
    (rb"(?i)\s*<(?:!doctype|html|\?xml)", "a web page, not word vectors; download the file itself"),
    (rb"version https://git-lfs", "a pointer to the file, which Git LFS keeps elsewhere; fetch it with git lfs pull"),
)


@dataclass(frozen=True)
class Source:
    """An open file of word vectors.

    Attributes:
        path: for messages.
        head: its first ``HEAD`` bytes, unpacked, or fewer where it is shorter.
        whole: whether that is all of it.
        file: all of it, from the beginning.
        packed: whether it is unpacked on the way.
    """

    path: Path
    head: bytes
    whole: bool
    file: io.BufferedReader
    packed: bool


@contextlib.contextmanager
def opened(path: Path, progress: Progress) -> Iterator[Source]:
    """Open ``path``, unpack it where it is packed by gzip, and tell ``progress`` how much of it has been read.

    Raises:
        UserError: it is missing, empty, unreadable, damaged, or one of the kinds that are no word vectors.
    """
    with user_errors(path, "read the word vectors"), open_when_written(path, "--embedding") as (first, raw):
        size = path.stat().st_size  # 0 for a pipe: then it is not known how much there is
        with progress.task("vectors", float(max(size, 1))) as task:
            counted = _Counted(_Again(first, raw) if first else raw, task if size else None)
            plain = _buffered(counted)
            start = plain.peek(2)[:2]
            packed = start == GZIP.magic
            try:
                yield _source(path, _unpacked(path, plain, counted) if packed else counted, plain, packed)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise UserError(f"{path}: the gzip file is cut off or damaged ({error}); copy it again") from error


def _source(path: Path, stream: io.RawIOBase, plain: io.BufferedReader, packed: bool) -> Source:
    file = _buffered(stream) if packed else plain
    head = file.read(HEAD)
    if not head:
        raise UserError(f"{path}: the file is empty; give one with word vectors")
    for pattern, name in _OTHERS:
        if re.match(pattern, head):
            raise UserError(f"{path}: is {name}")
    return Source(path, head, len(head) < HEAD, _buffered(_Again(head, file)), packed)


def _buffered(stream: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(stream, HEAD)


class _Readable(io.RawIOBase):
    def readable(self) -> bool:
        return True


class _Counted(_Readable):
    """A raw file that counts what is read of it and tells ``task``."""

    def __init__(self, raw: io.RawIOBase, task: Task | None) -> None:
        self._raw, self._task = raw, task
        self.count = 0

    def readinto(self, buffer: Any) -> int:
        size = cast(Any, self._raw).readinto(buffer) or 0
        self.count += size
        if self._task is not None:
            self._task.update(float(self.count))
        return size


class _Unpacked(_Readable):
    """What a gzip file unpacks to, as long as that is not out of proportion."""

    def __init__(self, path: Path, unpacked: gzip.GzipFile, packed: _Counted) -> None:
        self._path, self._unpacked, self._packed = path, unpacked, packed
        self._count = 0

    def readinto(self, buffer: Any) -> int:
        size = self._unpacked.readinto(buffer)
        self._count += size
        if self._count > _RATIO_FROM and self._count > RATIO * self._packed.count:
            raise UserError(
                f"{self._path}: unpacks to more than {RATIO} times its size, as no word vectors do; "
                "if you trust it, unpack it first (gunzip)"
            )
        return size


def _unpacked(path: Path, plain: io.BufferedReader, counted: _Counted) -> _Unpacked:
    return _Unpacked(path, gzip.GzipFile(fileobj=cast(Any, plain), mode="rb"), counted)


class _Again(_Readable):
    """Bytes that were read already, and then the rest."""

    def __init__(self, head: bytes, rest: io.BufferedReader | io.FileIO) -> None:
        self._head, self._rest = memoryview(head), rest

    def readinto(self, buffer: Any) -> int:
        if self._head:
            size = min(len(buffer), len(self._head))
            buffer[:size] = self._head[:size]
            self._head = self._head[size:]
            return size
        return self._rest.readinto(buffer) or 0
