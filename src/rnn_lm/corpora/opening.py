"""Files opened for reading: regular ones alone, unpacked by what is in them, and never more of it than makes sense.

A text is read several times (to see how it is set, for its digest, for its sentences), so a pipe, which can be read
once, is no corpus; one that is to be scored is kept in a temporary file first (``as_file``).
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import lzma
import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from rnn_lm.corpora.kinds import MAGIC_BYTES, not_text
from rnn_lm.errors import UserError
from rnn_lm.packed import GZIP, PACKERS, Packer, packer_of
from rnn_lm.pipes import open_when_written

RATIO = 250
"""Most times that a packed text may be longer than its file; English text is some 3 times as long, and gzip could make
it 1032 times."""
RATIO_FROM = 64 << 20
"""Unpacked bytes from which that is asked."""
_CHUNK = 1 << 20
SUFFIXES = tuple(packer.suffix for packer in PACKERS)
"""Of packed files that are read."""


@contextlib.contextmanager
def refusals(path: Path, flag: str = "--corpus") -> Iterator[None]:
    """Turn what the operating system says of ``path``, which ``flag`` names, into a one-line ``UserError``."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{shown(path)}: there is no such file; check the path given to {flag}") from error
    except IsADirectoryError as error:
        raise UserError(f"{shown(path)}: is a folder; give a file to {flag}") from error
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{shown(path)}: cannot be read: {reason}; check what it is and who may read it") from error


def shown(path: Path | str) -> str:
    """``path`` for a message: short, and in characters that every terminal takes."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 200 else f"{text[:90]}…{text[-90:]}"


def require_file(path: Path, flag: str = "--corpus") -> None:
    """Find out whether ``path`` can be read as often as needed, without opening it: a pipe could block for ever.

    Raises:
        UserError: it is not there, may not be looked at, or is no regular file; or its name could not be stored.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{shown(path)}: the name holds bytes that are not UTF-8; rename it, or link to it") from error
    with refusals(path, flag):
        mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise UserError(f"{flag} {shown(path)}: is a folder; give a file")
    if stat.S_ISFIFO(mode):
        raise UserError(
            f"{flag} {shown(path)}: is a pipe, which can be read only once, and the text is needed several times, also "
            "by later commands; write it to a file first, and give that"
        )
    raise UserError(f"{flag} {shown(path)}: is no file but a device or a socket; give a file")


@contextlib.contextmanager
def opened(path: Path, flag: str = "--corpus") -> Iterator[Readable]:
    """The bytes of ``path``, unpacked if it is packed by gzip, bzip2 or xz, whatever it is called.

    Raises:
        UserError: it cannot be read, is damaged, is something else than text, or unpacks to more than ``RATIO`` times
            its size.
    """
    require_file(path, flag)
    packed = None
    try:
        with refusals(path, flag), path.open("rb") as file:
            start = file.read(MAGIC_BYTES)
            file.seek(0)
            packed = packer_of(start)
            promised = next((packer for packer in PACKERS if path.suffix == packer.suffix), None)
            if packed is None and promised is not None and start:
                raise _damaged(path, promised.name, "it does not begin as such a file does")
            stream = Unpacked(file, packed, shown(path))
            start = stream.peeked()
            if packed is not None and packer_of(start) is not None:
                raise UserError(f"{shown(path)}: packed twice; unpack it once and give that")
            if (what := not_text(start)) is not None:
                raise UserError(f"{shown(path)}: {what}")
            yield stream
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, _BadBz2Error) as error:
        raise _damaged(path, (packed or GZIP).name, error) from error


class _BadBz2Error(Exception):
    """What bz2 says by an ``OSError`` or a ``ValueError`` without a number."""


@runtime_checkable
class Readable(Protocol):
    """An open file."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; b"" at the end."""
        ...


class Unpacked:
    """A stream of bytes, unpacked, that refuses to become much longer than what it is read from.

    Args:
        file: what is read.
        packer: the program that packed it, or None.
        where: for messages.
    """

    def __init__(self, file: BinaryIO, packer: Packer | None, where: str) -> None:
        self._packer, self._where = packer, where
        self._stream = file if packer is None else packer.unpacked(file)
        self._size, self._read, self._peeked = os.fstat(file.fileno()).st_size, 0, b""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; b"" at the end."""
        data, self._peeked = self._peeked[:size], self._peeked[size:]
        return data + self._unpack(size - len(data)) if len(data) < size else data

    def peeked(self) -> bytes:
        """The first bytes, which are read again afterwards."""
        self._peeked = self._unpack(MAGIC_BYTES)
        return self._peeked

    def _unpack(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (OSError, ValueError) as error:
            if self._packer is not None and self._packer.name == "bzip2" and getattr(error, "errno", None) is None:
                raise _BadBz2Error(str(error)) from error
            raise
        self._read += len(data)
        require_ratio(self._read, self._size, self._where)
        return data


def require_ratio(unpacked: int, packed: int, where: str) -> None:
    """Raise ``UserError`` where what is read is so much longer than its file that it can be no text."""
    if unpacked > max(RATIO_FROM, RATIO * packed):
        raise UserError(
            f"{where}: unpacks to more than {RATIO} times its size: no text a model could learn from; if it is meant, "
            "unpack it yourself and give that"
        )


def as_file(path: Path, flag: str) -> Path:
    """``path``; or, where it is a pipe, as in ``--text <(head -100 text)``, a temporary file with all that comes."""
    with refusals(path, flag):
        status = path.stat()
    return _kept(path, status.st_ino, flag) if stat.S_ISFIFO(status.st_mode) else path


@lru_cache(maxsize=8)
def _kept(path: Path, number: int, flag: str) -> Path:  # noqa: ARG001 (another pipe may get the same path)
    descriptor, name = tempfile.mkstemp(prefix="rnn-lm-", suffix=".txt")
    atexit.register(Path(name).unlink, missing_ok=True)
    with refusals(path, flag), os.fdopen(descriptor, "wb") as kept:
        for data in _from_pipe(path, flag):
            kept.write(data)
    return Path(name)


def _from_pipe(path: Path, flag: str) -> Iterator[bytes]:
    """What is written to a pipe until it is closed; ``UserError`` where nobody begins to."""
    with open_when_written(path, flag) as (first, pipe):
        yield first
        while data := pipe.read(_CHUNK):
            yield data


def _damaged(path: Path, program: str, error: object) -> UserError:
    return UserError(f"{shown(path)}: cut off, damaged, or no {program} file ({error}); pack or copy it again")
