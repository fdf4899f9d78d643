"""Word vectors in text, a word and its numbers per line: the body of word2vec text files, and the whole of GloVe's."""

from __future__ import annotations

import io
from itertools import count
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from rnn_lm.embeddings.recognize import FIELD, LONGEST_WORD, NUMBER, WHITE
from rnn_lm.embeddings.wanted import WantedRows, float32_vector
from rnn_lm.errors import UserError

_BYTES_PER_NUMBER = 32
"""The longest that a number is taken to be, with the space before it: 17 digits, sign, point and exponent fit well."""
_IN_NUMBERS = b"0123456789+-.eE "


def read_rows(
    path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int, first_line: int, rows: int | None
) -> list[str]:
    """Offer each line to ``wanted``.

    Args:
        path: for messages.
        file: positioned at the first vector.
        wanted: keeps what the vocabulary needs.
        dimensions: E.
        first_line: the number of the line that the first vector stands in.
        rows: how many vectors the header promises; None where there is no header.

    Returns:
        Notes for a person on what was passed over.

    Raises:
        UserError: a line is too long, has too few numbers, one too many or one that is none; one is blank that is not
            among the last; or there are more or fewer lines than promised (see ``_require_promised``).
    """
    limit = LONGEST_WORD + _BYTES_PER_NUMBER * dimensions
    found, blank, complete = 0, 0, True
    for number in count(first_line):
        raw = file.readline(limit + 1)
        if not raw:
            break
        complete = raw.endswith(b"\n")
        if len(raw) > limit:
            raise UserError(f"{path}: line {number} has over {limit:,} bytes, as no word and {dimensions} numbers have")
        line = raw.rstrip(WHITE)
        if not line:
            blank = blank or number
            continue
        if blank:
            raise UserError(f"{path}: line {blank} is blank, and rows follow it; fix or drop the line")
        found += 1
        try:
            _offer(line, wanted, dimensions, number)
        except ValueError as error:
            raise UserError(f"{path}: line {number}{_joined(str(error))}; fix or drop the line") from error
    return _require_promised(path, rows, found, complete) + wanted.remarks("line")


def _offer(line: bytes, wanted: WantedRows, dimensions: int, number: int) -> None:
    word, numbers = split_row(line, dimensions)
    if b" " in word or b"\t" in word:
        wanted.remark("spaces", number)
    if not word:
        wanted.remark("no word", number)
    token = wanted.token(word, number)
    if token is None and word[:1] in (b" ", b"\t"):  # an indented row
        token = wanted.token(word.lstrip(WHITE), number)
    if token is not None:
        wanted.offer(token, _vector(numbers), number)


def _joined(fault: str) -> str:
    return f" {fault}" if fault.startswith("has ") else f": {fault}"


def split_row(line: bytes, dimensions: int) -> tuple[bytes, bytes]:
    """The word of a row, and the part of it that holds its numbers.

    The last ``dimensions`` fields are the vector, whatever runs of spaces and tabs stand between them, and what stands
    before is the word: published files have words with spaces in them (``at name@domain.com``, ``. . .``), and the
    space itself as a word. A number before the vector is one too many, and not part of such a word; only an integer is
    (``route 66``), and only where the vector has no integers.

    Args:
        line: without white space at its end.
        dimensions: E.

    Raises:
        ValueError: there are not just so many numbers; the message says what there is.
    """
    if line.count(b" ") == dimensions and b"  " not in line and b"\t" not in line and line[:1] != b" ":
        # Splitting a line into hundreds of fields is slow, and most lines are of words that are not wanted.
        gap = line.index(b" ")
        if not line[gap:].translate(None, _IN_NUMBERS):
            return line[:gap], line[gap:]
    return _split_with_care(line, dimensions)


def _split_with_care(line: bytes, dimensions: int) -> tuple[bytes, bytes]:
    places = [match.span() for match in FIELD.finditer(line)]
    fields = [line[start:end] for start, end in places]
    in_word = len(fields) - dimensions
    indented = line[:1] in (b" ", b"\t")
    if in_word < (0 if indented else 1):
        raise ValueError(f"has {len(fields) - (not indented)} numbers, not {dimensions}")
    for field in fields[in_word:]:
        _number(field)
    start = places[in_word][0]
    before = line[:start].rstrip(b" \t")
    if not before:  # the word is white space itself: all but the one space that ends it
        return line[: max(start - 1, 0)], line[start:]
    if (in_word > 1 or indented) and _is_one_too_many(fields[in_word - 1], fields[in_word:]):
        raise ValueError(f"has {dimensions + 1} numbers or more, not {dimensions}")
    return before, line[start:]


def _is_one_too_many(field: bytes, vector: list[bytes]) -> bool:
    if not NUMBER.fullmatch(field):
        return False
    return not field.isdigit() or any(number.isdigit() for number in vector)


def _number(field: bytes) -> float:
    try:
        if b"_" in field:  # Python reads 1_000
            raise ValueError
        return float(field)
    except ValueError:
        raise ValueError(f"could not convert string to float: {field[:40].decode(errors='replace')!r}") from None


def _vector(numbers: bytes) -> Float32[np.ndarray, "E"]:
    return float32_vector([_number(number) for number in FIELD.findall(numbers)])


def _require_promised(path: Path, rows: int | None, found: int, complete: bool) -> list[str]:
    """Compare the number of rows with the header's; a note where they differ by what is known to be harmless.

    One whole row fewer is accepted: a widely used public file is so. A last row without its line break may be cut off
    in its last number, so of the two signs both together are refused.
    """
    if rows is None or found == rows:
        return []
    if found == rows - 1 and found > 0 and complete:
        return [f"line 1 promises {rows:,} vectors and {found:,} follow, each of them whole"]
    fix = "the file is cut off or damaged" if found < rows else "correct line 1 if you trust the rows"
    raise UserError(f"{path}: line 1 promises {rows} vectors but {found} follow; {fix}")
