"""Which of the formats a file of word vectors is in, decided by what the whole of its first rows can be.

A first line ``V E`` says how many vectors follow and how long they are, not whether they follow as text or as bytes;
and no single byte says so, since words in text may be in any encoding and hold any character, and the bytes of a number
may happen to be letters. So the first rows are read both ways. As text, each line ends with E numbers. In binary, each
row is a word, a space and 4E bytes that are believable numbers.

A file without that line is text, and E is what most of the first rows end with.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from rnn_lm.embeddings.source import Source
from rnn_lm.embeddings.wanted import LARGEST, require_dimension
from rnn_lm.errors import UserError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_WORD = 1 << 16
"""Bytes that a word may have."""
NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
FIELD = re.compile(rb"[^ \t]+")
"""What stands between spaces and tabs. Other white space may be part of a word, as it is in published files."""
WHITE = b" \t\r\n"
_SAMPLE = 50
_IN_NUMBERS = b"0123456789+-.eEnaifNAIF \t\r\n"


@dataclass(frozen=True)
class Layout:
    """How the rows of a file are written.

    Attributes:
        kind: text or binary.
        rows: how many the first line promises; None where there is no such line.
        skipped: bytes before that line: a byte order mark.
    """

    kind: Literal["text", "binary"]
    rows: int | None
    skipped: int


def recognize(source: Source, dimensions: int) -> Layout:
    """The layout of a file that is no pickle.

    Raises:
        UserError: it is not word vectors, or they have another length than ``dimensions``.
    """
    path, start = source.path, source.head
    skipped = len(BYTE_ORDER_MARK) if start.startswith(BYTE_ORDER_MARK) else 0
    start = start[skipped:]
    first_line, _, rest = start.partition(b"\n")
    header = _header(first_line)
    if header is None:
        usual, _ = _usual_numbers(_lines(start, source.whole), dimensions)
        if usual == 0:
            raise UserError(
                f"{path}: line 1 is neither 'V E' nor a word and its vector; "
                "give word2vec text or binary, GloVe text, or gensim KeyedVectors"
            )
        require_dimension(path, usual, dimensions)
        return Layout("text", None, skipped)
    rows, size = header
    lines = _lines(rest, source.whole)
    kind = _text_or_binary(rest, lines, size, rows, source.whole)
    if kind == "text":
        _require_as_promised(path, lines, size)
    require_dimension(path, size, dimensions)
    return Layout(kind, rows, skipped)


def _header(line: bytes) -> tuple[int, int] | None:
    """(V, E) where ``line`` is the first of a word2vec file."""
    fields = line.split()
    if len(fields) != 2 or not line[:1].isdigit() or not all(field.isdigit() and len(field) <= 18 for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _lines(text: bytes, whole: bool) -> list[bytes]:
    """The first lines that are there to their end, without blank ones."""
    lines = text.split(b"\n", _SAMPLE)
    if not whole or len(lines) > _SAMPLE:
        lines = lines[:-1]
    return [line for line in (line.rstrip(WHITE) for line in lines) if line]


def trailing_numbers(line: bytes) -> int:
    """How many numbers ``line`` ends with, its word, which may be a number, not among them."""
    fields = FIELD.findall(line)
    if line[:1] not in (b" ", b"\t"):
        fields = fields[1:]
    count = 0
    for field in reversed(fields):
        if not NUMBER.fullmatch(field):
            break
        count += 1
    return count


def _usual_numbers(lines: list[bytes], preferred: int) -> tuple[int, bool]:
    """How many numbers most lines end with, and whether more than half do; of equals ``preferred`` wins."""
    votes = Counter(trailing_numbers(line) for line in lines)
    if not votes:
        return 0, False
    most = max(votes.values())
    usual = preferred if votes[preferred] == most else next(number for number in votes if votes[number] == most)
    return usual, most * 2 > len(lines)


def _require_as_promised(path: Path, lines: list[bytes], size: int) -> None:
    usual, sure = _usual_numbers(lines, size)
    if usual != size and sure and len(lines) > 1:
        raise UserError(f"{path}: line 1 promises {size} numbers in a row, but the rows have {usual}; correct line 1")


def _text_or_binary(rest: bytes, lines: list[bytes], size: int, rows: int, whole: bool) -> Literal["text", "binary"]:
    """What the rows after a header are; where they are whole in neither way, what most of them can be."""
    as_text = sum(trailing_numbers(line) >= size for line in lines)
    if as_text == len(lines) and (lines or not rest.strip(WHITE)):
        return "text"
    as_binary, failed = _binary_rows(rest, size, rows, whole)
    mostly_text = lines and as_text * 2 >= len(lines)
    if as_binary and not (failed and mostly_text):
        return "text" if mostly_text and as_text > as_binary else "binary"
    if mostly_text:
        return "text"
    return "binary" if any(byte < 32 and byte not in b"\t\r\n" for byte in rest[:4096]) else "text"


def _binary_rows(data: bytes, size: int, rows: int, whole: bool) -> tuple[int, bool]:
    """How many of the first rows can be binary, and whether one after them cannot."""
    position = 0
    for row in range(min(rows, _SAMPLE)):
        while data[position : position + 1] == b"\n":
            position += 1
        space = data.find(b" ", position, position + LONGEST_WORD + 1)
        end = space + 1 + 4 * size
        if (space < 0 and len(data) - position <= LONGEST_WORD) or end > len(data):
            return row, whole
        if space <= position or b"\n" in data[position:space] or not _believable(data[space + 1 : end]):
            return row, True
        position = end
    return min(rows, _SAMPLE), False


def _believable(vector: bytes) -> bool:
    """Whether bytes can be the numbers of a vector: finite, not immense, and not digits written out."""
    if not vector.translate(None, _IN_NUMBERS):
        return False
    with np.errstate(invalid="ignore"):
        numbers = np.abs(np.frombuffer(vector, "<f4"))
        return bool((numbers <= LARGEST).all())
