"""The body of word2vec's binary files: each word, a space, and its vector as 32-bit little-endian floats."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from rnn_lm.embeddings.wanted import WantedRows
from rnn_lm.errors import UserError

_BLOCK = 1 << 20


def read_binary(path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int, rows: int) -> None:
    """Offer each of ``rows`` vectors to ``wanted``.

    Raises:
        UserError: the file ends before the last vector or goes on after it, or a vector holds a number that is not
            finite: its header is wrong, or bytes are missing.
    """
    size = 4 * dimensions
    buffer, position = b"", 0
    for row in range(1, rows + 1):
        space = buffer.find(b" ", position)
        while space < 0 or space + 1 + size > len(buffer):
            block = file.read(_BLOCK)
            if not block:
                raise UserError(f"{path}: ends within vector {row} of {rows}; the file is cut off, or its header wrong")
            buffer, position = buffer[position:] + block, 0
            space = buffer.find(b" ")
        word = buffer[position:space].lstrip(b"\n")
        position = space + 1 + size
        if word in wanted:
            vector = np.frombuffer(buffer, "<f4", dimensions, space + 1)
            if not np.isfinite(vector).all():
                raise UserError(f"{path}: vector {row} has a number that is not finite; damaged, or its header wrong")
            wanted.offer(word, vector.astype(np.float32))
    if (buffer[position:] + file.read(_BLOCK)).strip(b"\n"):
        raise UserError(f"{path}: goes on after the {rows} vectors that its header promises; the file is damaged")
