"""Word vectors in text, a word and its numbers per line: the body of word2vec text files, and the whole of GloVe's."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from rnn_lm.embeddings.wanted import WantedRows
from rnn_lm.errors import UserError


def read_rows(
    path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int, first_line: int, rows: int | None
) -> None:
    """Offer each line to ``wanted``.

    The last ``dimensions`` fields are the vector and what stands before them is the word, since some published files
    have words with spaces in them.

    Args:
        path: for messages.
        file: positioned at the first vector.
        wanted: keeps what the vocabulary needs.
        dimensions: E.
        first_line: the number of the line that the first vector stands in.
        rows: how many vectors the header promises; None where there is no header.

    Raises:
        UserError: a line has too few numbers or one that is none, or there are more or fewer lines than promised.
    """
    number = first_line - 1
    for number, raw in enumerate(file, start=first_line):
        line = raw.rstrip().replace(b"\t", b" ")
        gaps = line.count(b" ")
        if gaps < dimensions:
            raise UserError(f"{path}: line {number} has {gaps} numbers, not {dimensions}; the file is damaged")
        # Splitting a line into hundreds of fields is slow, and most lines are of words that are not wanted.
        word = line[: line.index(b" ")] if gaps == dimensions else line.rsplit(b" ", dimensions)[0]
        if word in wanted:
            wanted.offer(word, _vector(path, number, line.split(b" ")[-dimensions:]))
    found = number - first_line + 1
    if rows is not None and found != rows:
        raise UserError(f"{path}: line 1 promises {rows} vectors but {found} follow; the file is cut off or damaged")


def _vector(path: Path, line: int, numbers: list[bytes]) -> Float32[np.ndarray, "E"]:
    try:
        vector = np.array([float(number) for number in numbers], dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{path}: line {line}: {error}; the file is damaged") from error
    if not np.isfinite(vector).all():
        raise UserError(f"{path}: line {line}: the vector has a number that is not finite; mend or drop the line")
    return vector
