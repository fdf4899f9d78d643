"""Text files in, some of them at a time, refusing with one line whatever is not text.

Bytes become characters (``encodings.py``), and characters lines: only a line feed ends one, with a carriage return
before it or not, so that line 7 here is line 7 for every other program. A text that has carriage returns and no line
feed at all comes from an old Mac: there they end lines.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from rnn_lm.corpora.encodings import encoding_of, first_control, suggestion, wide_encoding
from rnn_lm.corpora.opening import Readable, opened, shown
from rnn_lm.corpora.opening import refusals as refusals
from rnn_lm.errors import UserError

BLOCK = 1 << 20
"""Bytes that are read at a time."""
LONGEST_LINE = 16 << 20
"""Characters that a line may have: a line must fit into memory, several times over."""
_BINARY_LIMIT = 1 << 30
"""Bytes of the largest file that is read whole."""


def read_text_file(path: Path) -> str:
    """The text of a UTF-8 file, unpacked if it is packed, with line breaks as ``\\n``.

    Raises:
        UserError: it cannot be opened or unpacked, or it is empty, binary or not UTF-8.
    """
    return "".join(text_blocks(path))


def text_blocks(
    path: Path, encoding: str | None = None, flag: str = "--corpus", notes: list[str] | None = None
) -> Iterator[str]:
    """The same text in blocks of about a MB, each but the last ending with a line break: a line must fit into memory.

    Args:
        path: the file.
        encoding: of the text; default: UTF-8, or what a byte order mark says.
        flag: that names the file, for messages.
        notes: is given what a person should know of how it is read, if anything.

    Raises:
        UserError: as ``read_text_file``, as soon as it comes to what is wrong; or a line is longer than
            ``LONGEST_LINE``.
    """
    with opened(path, flag) as file:
        yield from decoded(file, shown(path), encoding, notes=notes)


def lines_of_blocks(blocks: Iterable[str]) -> Iterator[str]:
    """The lines of a text in blocks, without their line breaks."""
    for block in blocks:
        yield from block.removesuffix("\n").split("\n")


def numbered_lines(blocks: Iterable[str]) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers from 1; of blank lines that fill a block, the first alone."""
    number = 1
    for block in blocks:
        if block.isspace():
            yield number, ""
            number += block.count("\n")
            continue
        for line in block.removesuffix("\n").split("\n"):
            yield number, line
            number += 1


def decode_text(data: bytes, where: str) -> str:
    """UTF-8 as text with line breaks as ``\\n``, however long its lines; raises ``UserError`` naming ``where`` it comes
    from if it is none."""
    return "".join(decoded(io.BytesIO(data), where, longest=len(data)))


def read_binary_file(path: Path) -> bytes:
    """All bytes of a file; raises ``UserError`` where it cannot be read, or is larger than any that is read whole."""
    with opened(path) as file:
        data = bytearray()
        while part := file.read(BLOCK):
            data += part
            if len(data) > _BINARY_LIMIT:
                raise UserError(f"{path}: larger than {_BINARY_LIMIT >> 30} GiB; it is another file than is meant")
    return bytes(data)


def decoded(
    file: Readable,
    where: str,
    encoding: str | None = None,
    longest: int | None = None,
    notes: list[str] | None = None,
) -> Iterator[str]:
    """The text of an open file in blocks that end where a line does; see ``text_blocks``.

    Args:
        file: its bytes.
        where: they come from, for messages.
        encoding: of the text.
        longest: characters that a line may have.
        notes: see ``text_blocks``.
    """
    pieces = _Characters(file, where, encoding).pieces()
    return _whole_lines(
        _line_feeds(pieces, LONGEST_LINE, [] if notes is None else notes),
        LONGEST_LINE if longest is None else longest,
        where,
    )


class _Characters:
    """The characters of a file, and where it was when something is wrong with them."""

    def __init__(self, file: Readable, where: str, encoding: str | None) -> None:
        self._file, self._where, self._stated = file, where, encoding
        self._offset = self._lines = 0

    def pieces(self) -> Iterator[str]:
        """All of them, a piece at a time, line breaks as they are; raises ``UserError`` where there are none."""
        data = self._file.read(BLOCK)
        if not data:
            raise UserError(f"{self._where}: the file is empty; give one with text in it")
        while len(data) < 4 and (more := self._file.read(BLOCK)):
            data += more
        encoding = encoding_of(data, self._stated)
        decoder = codecs.getincrementaldecoder(encoding)()
        while True:
            text = self._decode(decoder, data, encoding)
            if text:
                yield text
            self._offset, self._lines = self._offset + len(data), self._lines + text.count("\n")
            if not data:
                return
            data = self._file.read(BLOCK)

    def _decode(self, decoder: codecs.IncrementalDecoder, data: bytes, encoding: str) -> str:
        narrow = encoding in ("utf-8", "utf-8-sig")
        if narrow and (nul := data.find(b"\0")) >= 0:
            raise self._binary(data, nul)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise self._undecodable(error, data, encoding) from error
        except UnicodeError as error:  # UTF-16 without a mark, by its name alone
            raise UserError(f"{self._where}: is not {encoding} ({error}); check --encoding") from error
        if not narrow and "\0" in text:
            line = self._line(text, text.find("\0"))
            raise UserError(f"{self._where}: line {line} holds NUL: not text, or not {encoding}; check --encoding")
        if self._stated is not None and (control := first_control(text)) is not None:
            raise UserError(
                f"{self._where}: line {self._line(text, control)} holds the control character "
                f"U+{ord(text[control]):04X}, which no text has: --encoding {self._stated} is not what it is written "
                "in (cp1252 rather than latin-1, utf-8 rather than cp1252?)"
            )
        return text

    def _binary(self, data: bytes, nul: int) -> UserError:
        wide = wide_encoding(data)
        byte = f"byte {self._offset + nul} is NUL"
        if self._offset == 0 and wide is not None:
            return UserError(f"{self._where}: not UTF-8: {byte}, and it looks like {wide}; add --encoding {wide}")
        return UserError(f"{self._where}: not text: {byte} (a binary file); give UTF-8 text")

    def _undecodable(self, error: UnicodeDecodeError, data: bytes, encoding: str) -> UserError:
        seen = error.object
        place = self._offset + len(data) - len(seen) + error.start
        line = self._lines + seen.count(b"\n", 0, error.start) + 1
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        start = f"{self._where}: line {line} is not {name} (0x{seen[error.start]:02x} at byte {place})"
        if self._stated is not None:
            return UserError(f"{start}; check --encoding")
        return UserError(f"{start}; {suggestion(seen, error.start)}")

    def _line(self, text: str, index: int) -> int:
        return self._lines + text.count("\n", 0, index) + 1


def _line_feeds(pieces: Iterator[str], longest: int, notes: list[str]) -> Iterator[str]:
    """The text with line breaks as ``\\n``, never cut between ``\\r`` and ``\\n``.

    Which characters end lines is known at the first line feed, or once there is none in ``longest`` characters.
    """
    begun = ""
    for piece in pieces:
        begun += piece
        if "\n" in piece or len(begun) > longest:
            break
    old_mac = "\n" not in begun and "\r" in begun
    if old_mac:
        notes.append("carriage returns end its lines, as on an old Mac: it has no line feed")
    held = ""
    for piece in _chained(begun, pieces):
        text = held + piece
        held = "\r" if text.endswith("\r") else ""
        text = text[: len(text) - len(held)]
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            text = text.replace("\r", "\n") if old_mac else text
        if text:
            yield text
    if held:
        yield "\n" if old_mac else held


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _whole_lines(pieces: Iterator[str], longest: int, where: str) -> Iterator[str]:
    """Blocks that end where a line does."""
    parts: list[str] = []
    length = lines = 0
    for piece in pieces:
        cut = piece.rfind("\n") + 1
        first = piece.find("\n") if cut else len(piece)
        if length + first > longest:
            raise UserError(
                f"{where}: line {lines + 1} is longer than {longest:,} characters; break it into lines, e.g. "
                "fold -s -w 10000, or give text"
            )
        if cut == 0:
            parts.append(piece)
            length += len(piece)
            continue
        lines += piece.count("\n")
        yield "".join([*parts, piece[:cut]])
        parts = [piece[cut:]] if cut < len(piece) else []
        length = len(piece) - cut
    if parts:
        yield "".join(parts)
