"""Text files in, some of them at a time, refusing with one line whatever is not text."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from rnn_lm.errors import UserError

BLOCK = 1 << 20
"""Bytes that are read at a time."""
_GZIP_MAGIC = b"\x1f\x8b"


def read_text_file(path: Path) -> str:
    """The text of a UTF-8 file, unpacked where its name ends in ``.gz``, with line breaks as ``\\n``.

    Raises:
        UserError: it cannot be opened or unpacked, or it is empty, binary or not UTF-8.
    """
    return "".join(text_blocks(path))


def text_blocks(path: Path) -> Iterator[str]:
    """The same text in blocks of about a MB, each but the last ending with a line break: a line must fit into memory.

    Raises:
        UserError: as ``read_text_file``, as soon as it comes to what is wrong.
    """
    try:
        with refusals(path), _open(path) as file:
            yield from _decoded(file, str(path))
    except (EOFError, zlib.error) as error:
        raise _damaged_gzip(path, error) from error


def lines_of_blocks(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text in blocks, without their line breaks."""
    for block in blocks:
        yield from block.removesuffix("\n").split("\n")


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 as text with line breaks as ``\\n``; raises ``UserError`` naming ``where`` it comes from if it is none."""
    return "".join(_decoded(io.BytesIO(data), where))


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the operating system says of ``path`` into a one-line ``UserError``."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file; check the path given to --corpus") from error
    except gzip.BadGzipFile as error:
        raise _damaged_gzip(path, error) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; check what it is and who may read it") from error


def read_zip_member(path: Path, member: str) -> bytes:
    """One file out of a zip archive; raises ``UserError`` where the archive is damaged or does not hold it."""
    with _zip_refusals(path, member), zipfile.ZipFile(path) as archive:
        return archive.read(member)


def zip_text_blocks(path: Path, member: str) -> Iterator[str]:
    """The text of one file out of a zip archive, as ``text_blocks``; raises ``UserError`` likewise."""
    with _zip_refusals(path, member), zipfile.ZipFile(path) as archive, archive.open(member) as file:
        # A ZipExtFile is an io.BufferedIOBase, though its type is declared as another.
        yield from _decoded(file, f"{path}: {member}")  # pyright: ignore[reportArgumentType]


@contextlib.contextmanager
def _zip_refusals(path: Path, member: str) -> Iterator[None]:
    try:
        with refusals(path):
            yield
    except KeyError as error:
        raise UserError(f"{path}: there is no {member} in this archive; get the archive again") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise UserError(f"{path}: cut off, damaged, or no zip archive ({error}); get the archive again") from error


def read_binary_file(path: Path) -> bytes:
    """All bytes of a file; raises ``UserError`` where it cannot be read."""
    with refusals(path):
        return path.read_bytes()


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _damaged_gzip(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: cut off, damaged, or no gzip file ({error}); pack or copy it again")


def _decoded(file: io.BufferedIOBase, where: str) -> Iterator[str]:
    offset = lines = 0
    for data in _whole_lines(file):
        if offset == 0 and data.startswith(_GZIP_MAGIC):
            raise UserError(f"{where}: packed by gzip; let its name end in .txt.gz, or unpack it")
        if (nul := data.find(b"\0")) >= 0:
            raise UserError(f"{where}: not text: byte {offset + nul} is NUL (a binary or UTF-16 file); give UTF-8 text")
        try:
            text = data.decode("utf-8-sig" if offset == 0 else "utf-8")
        except UnicodeDecodeError as error:
            line = lines + data.count(b"\n", 0, error.start) + 1
            raise UserError(
                f"{where}: line {line} is not UTF-8 (0x{data[error.start]:02x} at byte {offset + error.start}); "
                f"convert the file, e.g. from Latin-1: iconv -f latin1 -t utf-8"
            ) from error
        offset, lines = offset + len(data), lines + data.count(b"\n")
        yield text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    if offset == 0:
        raise UserError(f"{where}: the file is empty; give one with text in it")


def _whole_lines(file: io.BufferedIOBase) -> Iterator[bytes]:
    """Blocks that end where a line does, however lines are broken; never between ``\\r`` and ``\\n``."""
    parts: list[bytes] = []
    while data := file.read(BLOCK):
        cut = max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
        if cut == 0:
            parts.append(data)
            continue
        yield b"".join([*parts, data[:cut]])
        parts = [data[cut:]] if cut < len(data) else []
    if parts:
        yield b"".join(parts)
