"""The body of word2vec's binary files: each word, a space, and its vector as 32-bit little-endian floats.

word2vec's own program writes a line break after each vector, gensim none.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from rnn_lm.embeddings.recognize import LONGEST_WORD
from rnn_lm.embeddings.wanted import WantedRows, float32_vector
from rnn_lm.errors import UserError

_BLOCK = 1 << 20


def read_binary(path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int, rows: int) -> list[str]:
    """Offer each of ``rows`` vectors to ``wanted``; one whole vector fewer is accepted with a note.

    Returns:
        Notes for a person on what was passed over.

    Raises:
        UserError: the file ends before the last vector or goes on after it, or a vector holds a number that is not
            finite: its header is wrong, or bytes are missing.
    """
    size = 4 * dimensions
    buffer, position = b"", 0
    for row in range(1, rows + 1):
        space = buffer.find(b" ", position)
        while space < 0 or space + 1 + size > len(buffer):
            if space < 0 and len(buffer) - position > LONGEST_WORD:
                break
            block = file.read(_BLOCK)
            if not block:
                if row == rows and row > 1 and not buffer[position:].strip(b"\n"):
                    short = f"line 1 promises {rows:,} vectors and {rows - 1:,} follow, each of them whole"
                    return [short, *wanted.remarks("vector")]
                raise UserError(f"{path}: ends within vector {row} of {rows}; the file is cut off, or its header wrong")
            buffer, position = buffer[position:] + block, 0
            space = buffer.find(b" ")
        word = buffer[position:space].lstrip(b"\n") if space >= 0 else bytes(LONGEST_WORD + 1)
        if len(word) > LONGEST_WORD:
            raise UserError(f"{path}: the word of vector {row} has no end within {LONGEST_WORD:,} bytes; damaged")
        position = space + 1 + size
        token = wanted.token(word, row)
        if token is not None:
            try:
                vector = float32_vector(np.frombuffer(buffer, "<f4", dimensions, space + 1))
            except ValueError as error:
                fault = str(error).removeprefix("the vector ")
                raise UserError(f"{path}: vector {row} {fault}; damaged, or its header wrong") from error
            wanted.offer(token, vector, row)
    if (buffer[position:] + file.read(_BLOCK)).strip(b"\n"):
        raise UserError(f"{path}: goes on after the {rows} vectors that its header promises; the file is damaged")
    return wanted.remarks("vector")
