"""Files of word vectors: word2vec text and binary, GloVe text, gensim KeyedVectors; the format is recognized.

Files are read as a stream, packed by gzip or not, and only the rows of words in the vocabulary are kept, so that one
much larger than memory can be used.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float32

from rnn_lm.embeddings.keyed_vectors import PICKLE_START, read_keyed_vectors
from rnn_lm.embeddings.text_vectors import read_rows
from rnn_lm.embeddings.wanted import WantedRows, require_dimension
from rnn_lm.embeddings.word2vec_binary import read_binary
from rnn_lm.errors import UserError
from rnn_lm.files import user_errors
from rnn_lm.vocabulary import Vocabulary

_GZIP_START = b"\x1f\x8b"
_BUFFER = 1 << 16


def read_vectors(path: Path, vocabulary: Vocabulary, dimensions: int) -> dict[int, Float32[np.ndarray, "E"]]:
    """Vectors of the vocabulary's words, by id, from a file in any of the formats.

    Args:
        path: the file.
        vocabulary: which words to keep (see ``WantedRows`` for capitals and ``<eos>``).
        dimensions: E, the length that the vectors must have.

    Raises:
        UserError: the file is missing, empty, cut off or garbled (with the line), has vectors of another length, or
            has none of the words.
    """
    wanted = WantedRows(vocabulary)
    with _opened(path) as file:
        _read(path, file, wanted, dimensions)
    if not wanted.rows:
        raise UserError(f"{path}: none of the vocabulary's {len(vocabulary)} entries is in it; is it another language?")
    return wanted.rows


def _read(path: Path, file: io.BufferedReader, wanted: WantedRows, dimensions: int) -> None:
    start = file.peek(_BUFFER)
    if not start:
        raise UserError(f"{path}: the file is empty; give one with word vectors")
    if start.startswith(PICKLE_START):
        return read_keyed_vectors(path, file, wanted, dimensions)
    first_line, _, rest = start.partition(b"\n")
    header = _header(first_line)
    if header is None:
        require_dimension(path, _glove_dimensions(path, first_line), dimensions)
        return read_rows(path, file, wanted, dimensions, first_line=1, rows=None)
    rows, size = header
    require_dimension(path, size, dimensions)
    file.readline()
    if _is_text(rest):
        return read_rows(path, file, wanted, dimensions, first_line=2, rows=rows)
    return read_binary(path, file, wanted, dimensions, rows)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    with user_errors(path, "read the word vectors"), path.open("rb", buffering=_BUFFER) as file:
        plain = cast(io.BufferedReader, file)
        if not plain.peek(2).startswith(_GZIP_START):
            yield plain
            return
        try:
            yield io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=plain)), _BUFFER)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise UserError(f"{path}: the gzip file is cut off or damaged ({error}); copy it again") from error


def _header(line: bytes) -> tuple[int, int] | None:
    """(V, E) where ``line`` is the first of a word2vec file."""
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _glove_dimensions(path: Path, line: bytes) -> int:
    """E of a file that starts with its first vector."""
    numbers = line.split()[1:]
    try:
        [float(number) for number in numbers]
    except ValueError:
        numbers = []
    if not numbers or b"\0" in line:
        raise UserError(
            f"{path}: line 1 is neither 'V E' nor a word and its vector; "
            "give word2vec text or binary, GloVe text, or gensim KeyedVectors"
        )
    return len(numbers)


def _is_text(start: bytes) -> bool:
    """Whether what follows a word2vec header is text: vectors in binary hold control characters or broken UTF-8."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.end < len(start) - 3:  # later than that it may be a letter that the block's end cuts through
            return False
        text = start[: error.start].decode()
    return not any(ord(character) < 32 and character not in "\t\r\n" for character in text)
