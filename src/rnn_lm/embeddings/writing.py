"""Word vectors written as word2vec's text format, so that what is read of the file is what was written."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Bool, Float
from torch import Tensor

from rnn_lm.embeddings.text_vectors import split_row
from rnn_lm.errors import UserError
from rnn_lm.files import write_atomically
from rnn_lm.vocabulary import Vocabulary


def save_word2vec_text(
    path: Path, vocabulary: Vocabulary, vectors_ve: Float[Tensor, "V E"], known_v: Bool[Tensor, "V"]
) -> None:
    """Write vectors in word2vec's text format: a line ``V E``, then a line per word; floats keep all their bits.

    Args:
        path: the file.
        vocabulary: V entries.
        vectors_ve: one for each.
        known_v: which of them to write: those that are not random.

    Raises:
        UserError: a token cannot be expressed (see ``require_expressible``), or the file cannot be written.
    """
    require_expressible(path, vocabulary)
    lines = [f"{int(known_v.sum())} {vectors_ve.shape[1]}"]
    for token, vector, known in zip(vocabulary.tokens, vectors_ve.float().tolist(), known_v.tolist(), strict=True):
        if known:
            lines.append(" ".join([token, *map(_written, vector)]))
    write_atomically(path, "\n".join(lines) + "\n")


def require_expressible(path: Path, vocabulary: Vocabulary) -> None:
    """Refuse tokens that would be read back as others: with a line break, or a space at their end.

    Other white space is no hindrance here, the space on its own included; gensim reads no word with a space in it.
    """
    for token in vocabulary.tokens:
        if token.split() != [token] and not _is_read_back(token):
            raise UserError(f"{path}: word2vec text cannot hold the token {token!r}; use --tokens words or whitespace")


def _is_read_back(token: str) -> bool:
    row = f"{token} {_written(1.0)}".encode(errors="surrogatepass")
    try:
        return b"\n" not in row and split_row(row, 1)[0] == token.encode(errors="surrogatepass")
    except ValueError:
        return False


def _written(value: float) -> str:
    """Nine digits, which are all the bits of a float32; never an integer, which could be taken for part of a word."""
    number = f"{value:.9g}"
    return f"{number}.0" if number.isdigit() else number
