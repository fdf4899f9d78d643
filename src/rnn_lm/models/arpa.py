"""ARPA files: the text format in which n-gram models are exchanged (KenLM, SRILM and others read and write it).

A line holds log10 P(last token | the tokens before), the n-gram, and, where it is a context, log10 of its back-off
weight. The format knows sentences: ``<s>`` stands before each and ``</s>`` closes it. In our models ``<eos>`` does
both, so it is written as ``<s>`` where it begins an n-gram and as ``</s>`` where it is predicted.
"""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rnn_lm.config import NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.files import user_errors, write_atomically
from rnn_lm.models.arpa_reader import BEGIN, END, UNK_IN_CAPITALS, read_levels
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.ngram_table import BackoffTable, Level
from rnn_lm.packed import GZIP, packer_of
from rnn_lm.pipes import open_when_written
from rnn_lm.vocabulary import EOS, Vocabulary

_NEVER = -99.0
"""Stands for the probability of ``<s>``, which is never predicted."""
_SMALL, _MOST_UNPACKED = 64 << 20, 100
"""A packed file may unpack to as many bytes, or to as many times its own size. ARPA files come to three or four."""
_KENLM_BINARY = b"mmap lm http://kheafield.com/code"


def is_model(beginning: bytes) -> bool:
    """Whether a file that begins so is an n-gram model: an ARPA file, or KenLM's binary of one."""
    return beginning.lstrip().startswith((b"\\data\\", _KENLM_BINARY))


def write_arpa(path: Path, model: NgramLanguageModel, tokens: Sequence[str]) -> None:
    """Write a model as ARPA, gzipped where the name ends in ``.gz``; atomic, and the same bytes each time.

    Args:
        path: the file.
        model: trained with boundary "sentence".
        tokens: the vocabulary, in order of id.

    Raises:
        UserError: the model's boundary is "stream", a token cannot be written, or the file cannot.
    """
    if model.config.boundary != "sentence":
        raise UserError(
            f"{path}: an ARPA file describes single sentences, and this n-gram model runs across them; "
            "train it with --boundary sentence"
        )
    content = "".join(_lines(model.table, _symbols(path, tokens, model.eos_id), model.eos_id)).encode()
    write_atomically(path, gzip.compress(content, compresslevel=6, mtime=0) if path.suffix == ".gz" else content)


def read_arpa(path: Path, tokens: Sequence[str], eos_id: int) -> NgramLanguageModel:
    """Read an ARPA file, ours or another tool's, as a model over a given vocabulary.

    Args:
        path: the file; packed by gzip, bzip2 or xz, or not.
        tokens: the vocabulary, in order of id. The file must hold exactly these; ``<unk>`` alone may be missing.
        eos_id: the id of ``<eos>`` among them.

    Raises:
        UserError: the file is missing, damaged or not ARPA, or its vocabulary is another one; names file and line.
    """
    levels = read_levels(path, _read_lines(path), _symbols(path, tokens, eos_id), eos_id).levels
    return _model(levels, eos_id)


def open_arpa(path: Path) -> tuple[NgramLanguageModel, Vocabulary, list[str]]:
    """Read an ARPA file, ours or another tool's, as a model over the vocabulary that it holds.

    Returns:
        The model, its vocabulary (without counts), and what a person should know of the file, a line each.

    Raises:
        UserError: the file is missing, damaged or not ARPA; names file and line.
    """
    found = read_levels(path, _read_lines(path), None, Vocabulary.eos_id)
    tokens = [EOS if symbol == END else symbol for symbol in found.symbols]
    return _model(found.levels, Vocabulary.eos_id), Vocabulary(tokens, [0] * len(tokens)), found.notes


def _model(levels: list[Level], eos_id: int) -> NgramLanguageModel:
    return NgramLanguageModel(BackoffTable(levels), eos_id, NgramConfig(order=len(levels), boundary="sentence"))


def check_tokens(path: Path, tokens: Sequence[str]) -> None:
    """Raises ``UserError`` for a token that an ARPA file cannot hold: to be asked before there is a model to write."""
    _symbols(path, tokens, Vocabulary.eos_id)


def _symbols(path: Path, tokens: Sequence[str], eos_id: int) -> list[str]:
    """The vocabulary as ARPA writes it: ``</s>`` for ``<eos>``."""
    for index, token in enumerate(tokens):
        if index == eos_id:
            continue
        if token in (BEGIN, END, UNK_IN_CAPITALS):
            raise UserError(f"{path}: the token {token!r} means something else in an ARPA file; rename it in the text")
        if token.encode().split() != [token.encode()] or "\0" in token:
            raise UserError(
                f"{path}: an ARPA file cannot hold the token {token!r}, which is empty or contains whitespace"
            )
    return [END if index == eos_id else token for index, token in enumerate(tokens)]


def _lines(table: BackoffTable, symbols: list[str], eos_id: int) -> Iterator[str]:
    yield "\\data\\\n"
    for length, level in enumerate(table.levels, start=1):
        begin = 1 if length == 1 else 0
        yield f"ngram {length}={len(level.keys_g) + begin}\n"
    contexts = [""]
    for length, level in enumerate(table.levels, start=1):
        parents_g, words_g = table.parents_and_words(length)
        pairs = zip(parents_g.tolist(), words_g.tolist(), strict=True)
        ngrams = [contexts[parent] + symbols[word] for parent, word in pairs]
        log_prob = (level.log_prob_g / np.log(10)).tolist()
        backoff = _backoffs(table, length)
        yield f"\n\\{length}-grams:\n"
        if length == 1:
            yield f"{_NEVER:.10f}\t{BEGIN}{backoff[eos_id]}\n"
            backoff[eos_id] = ""
        yield from (f"{p:.10f}\t{ngram}{b}\n" for p, ngram, b in zip(log_prob, ngrams, backoff, strict=True))
        contexts = [f"{ngram} " for ngram in ngrams]
        if length == 1:
            contexts[eos_id] = f"{BEGIN} "
    yield "\n\\end\\\n"


def _backoffs(table: BackoffTable, length: int) -> list[str]:
    """The last column of a level: empty for what is no context."""
    if length == table.order:
        return [""] * len(table.levels[length - 1].keys_g)
    log10_g = (table.levels[length - 1].log_backoff_g / np.log(10)).tolist()
    is_context_g = table.is_context(length).tolist()
    return [f"\t{value:.10f}" if known else "" for value, known in zip(log10_g, is_context_g, strict=True)]


def _read_lines(path: Path) -> list[bytes]:
    with user_errors(path, "read"), open_when_written(path, "ARPA file") as (first, file):
        content = _unpacked(path, first + file.read())
    if content.startswith(_KENLM_BINARY):
        raise UserError(f"{path}: a binary of KenLM; give the ARPA file that it was made from")
    return content.removeprefix(b"\xef\xbb\xbf").splitlines()


def _unpacked(path: Path, content: bytes) -> bytes:
    """``content`` as it was before gzip, bzip2 or xz; the first bytes tell, as they do to KenLM."""
    packer = GZIP if path.suffix == GZIP.suffix else packer_of(content)
    if packer is None:
        return content
    most = max(_SMALL, _MOST_UNPACKED * len(content))
    try:
        with packer.unpacked(io.BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise UserError(f"{path}: not a whole {packer.name} file ({error}); make it again") from error
    if len(unpacked) > most:
        raise UserError(f"{path}: unpacks to over {_MOST_UNPACKED} times its size, as no ARPA file does")
    return unpacked
