"""Text files in, refusing with one line whatever is not text."""

from __future__ import annotations

import contextlib
import gzip
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
    data = _read_bytes(path)
    if not data:
        raise UserError(f"{path}: the file is empty; give one with text in it")
    if data.startswith(_GZIP_MAGIC):
        raise UserError(f"{path}: packed by gzip; let its name end in .txt.gz, or unpack it")
    if (position := data.find(b"\0")) >= 0:
        raise UserError(f"{path}: not text: byte {position} is NUL (a binary or UTF-16 file); give UTF-8 text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path}: line {line} is not UTF-8 (0x{data[error.start]:02x} at byte {error.start}); "
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


def _read_bytes(path: Path) -> bytes:
    with refusals(path):
        data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cut off, damaged, or no gzip file ({error}); pack or copy it again") from error
