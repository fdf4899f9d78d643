"""One file out of a zip archive, in which some benchmarks are published; never more of it than makes sense."""

from __future__ import annotations

import contextlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from rnn_lm.corpora.opening import Readable, require_file, require_ratio, shown
from rnn_lm.corpora.reading import BLOCK, decoded, refusals
from rnn_lm.errors import UserError


def read_zip_member(path: Path, member: str) -> bytes:
    """One file out of a zip archive; raises ``UserError`` where the archive is damaged, does not hold it, or unpacks to
    many times its size."""
    data = bytearray()
    with _member(path, member) as file:
        while part := file.read(BLOCK):
            data += part
    return bytes(data)


def zip_text_blocks(path: Path, member: str) -> Iterator[str]:
    """The text of one file out of a zip archive, as ``text_blocks``; raises ``UserError`` likewise."""
    with _member(path, member) as file:
        yield from decoded(file, f"{shown(path)}: {member}")


class _Bounded:
    """A file in an archive that refuses to become much longer than the archive."""

    def __init__(self, file: Readable, packed: int, where: str) -> None:
        self._file, self._packed, self._where, self._read = file, packed, where, 0

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes."""
        data = self._file.read(size)
        self._read += len(data)
        require_ratio(self._read, self._packed, self._where)
        return data


@contextlib.contextmanager
def _member(path: Path, member: str) -> Iterator[_Bounded]:
    require_file(path)
    try:
        with refusals(path), zipfile.ZipFile(path) as archive, archive.open(member) as file:
            yield _Bounded(
                file,  # pyright: ignore[reportArgumentType] (its type is declared as another)
                path.stat().st_size,
                f"{shown(path)}: {member}",
            )
    except KeyError as error:
        raise UserError(f"{shown(path)}: there is no {member} in this archive; get the archive again") from error
    # All that the library raises for archives that are cut off, changed, encrypted, or packed in ways it cannot read.
    except (
        zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError, OverflowError,
    ) as error:  # fmt: skip
        raise UserError(
            f"{shown(path)}: cut off, damaged, or no zip archive ({error}); get the archive again"
        ) from error
