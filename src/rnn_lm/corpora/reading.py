"""Text files in, refusing with one line whatever is not text."""

from __future__ import annotations

import contextlib
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from rnn_lm.errors import UserError

_GZIP_MAGIC = b"\x1f\x8b"


def read_text_file(path: Path) -> str:
    """The text of a UTF-8 file, unpacked where its name ends in ``.gz``, with line breaks as ``\\n``.

    Raises:
        UserError: it cannot be opened or unpacked, or it is empty, binary or not UTF-8.
    """
    return decode_text(_read_bytes(path), str(path))


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 as text with line breaks as ``\\n``; raises ``UserError`` naming ``where`` it comes from if it is none."""
    if not data:
        raise UserError(f"{where}: the file is empty; give one with text in it")
    if data.startswith(_GZIP_MAGIC):
        raise UserError(f"{where}: packed by gzip; let its name end in .txt.gz, or unpack it")
    if (position := data.find(b"\0")) >= 0:
        raise UserError(f"{where}: not text: byte {position} is NUL (a binary or UTF-16 file); give UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{where}: line {line} is not UTF-8 (0x{data[error.start]:02x} at byte {error.start}); "
            f"convert the file, e.g. from Latin-1: iconv -f latin1 -t utf-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the operating system says of ``path`` into a one-line ``UserError``."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; check the path given to --corpus") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; check what it is and who may read it") from error


def read_zip_member(path: Path, member: str) -> bytes:
    """One file out of a zip archive; raises ``UserError`` where the archive is damaged or does not hold it."""
    try:
        with refusals(path), zipfile.ZipFile(path) as archive:
            return archive.read(member)
    except KeyError as error:
        raise UserError(f"{path}: there is no {member} in this archive; get the archive again") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise UserError(f"{path}: cut off, damaged, or no zip archive ({error}); get the archive again") from error


def read_binary_file(path: Path) -> bytes:
    """All bytes of a file; raises ``UserError`` where it cannot be read."""
    with refusals(path):
        return path.read_bytes()


def _read_bytes(path: Path) -> bytes:
    data = read_binary_file(path)
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cut off, damaged, or no gzip file ({error}); pack or copy it again") from error
