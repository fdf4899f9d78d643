"""Files of word vectors: word2vec text and binary, GloVe text, gensim KeyedVectors; the format is recognized.

Files are read as a stream, packed by gzip or not, and only the rows of words in the vocabulary are kept, so that one
much larger than memory can be used. ``docs/embeddings.md`` says what is accepted, with which note, and what is refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from rnn_lm.embeddings.keyed_vectors import PICKLE_START, read_keyed_vectors
from rnn_lm.embeddings.recognize import recognize
from rnn_lm.embeddings.source import Source, opened
from rnn_lm.embeddings.text_vectors import read_rows
from rnn_lm.embeddings.wanted import WantedRows
from rnn_lm.embeddings.word2vec_binary import read_binary
from rnn_lm.errors import UserError
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.vocabulary import Vocabulary


def read_vectors(
    path: Path, vocabulary: Vocabulary, dimensions: int, progress: Progress | None = None
) -> dict[int, Float32[np.ndarray, "E"]]:
    """Vectors of the vocabulary's words, by id, from a file in any of the formats.

    Args:
        path: the file.
        vocabulary: which words to keep (see ``WantedRows`` for capitals and ``<eos>``).
        dimensions: E, the length that the vectors must have.
        progress: told how much has been read, and what in the file is odd without being wrong.

    Raises:
        UserError: the file is missing, empty, cut off or garbled (with the line), has vectors of another length, or
            has none of the words.
    """
    progress = progress or SilentProgress()
    wanted = WantedRows(vocabulary)
    with opened(path, progress) as source:
        notes = _read(source, wanted, dimensions)
    for note in notes:
        progress.say(f"note        {path.name}: {note}")
    if not wanted.rows:
        raise UserError(f"{path}: none of the vocabulary's {len(vocabulary)} entries is in it; is it another language?")
    return wanted.rows


def _read(source: Source, wanted: WantedRows, dimensions: int) -> list[str]:
    path, file = source.path, source.file
    if source.head.startswith(PICKLE_START):
        return read_keyed_vectors(path, file, wanted, dimensions, packed=source.packed)
    layout = recognize(source, dimensions)
    file.read(layout.skipped)
    if layout.rows is not None:
        file.readline()
    if layout.kind == "binary":
        assert layout.rows is not None  # without a first line a file is text
        return read_binary(path, file, wanted, dimensions, layout.rows)
    first_line = 1 if layout.rows is None else 2
    return read_rows(path, file, wanted, dimensions, first_line, layout.rows)
