"""ARPA files: the text format in which n-gram models are exchanged (KenLM, SRILM and others read and write it).

A line holds log10 P(last token | the tokens before), the n-gram, and, where it is a context, log10 of its back-off
weight. The format knows sentences: ``<s>`` stands before each and ``</s>`` closes it. In our models ``<eos>`` does
both, so it is written as ``<s>`` where it begins an n-gram and as ``</s>`` where it is predicted.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rnn_lm.config import NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.files import user_errors, write_atomically
from rnn_lm.models.arpa_reader import read_levels
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.ngram_table import BackoffTable

BEGIN, END = "<s>", "</s>"
_NEVER = -99.0
"""Stands for the probability of ``<s>``, which is never predicted."""


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
        path: the file; gzipped where its name ends in ``.gz``.
        tokens: the vocabulary, in order of id. The file must hold exactly these.
        eos_id: the id of ``<eos>`` among them.

    Raises:
        UserError: the file is missing, damaged or not ARPA, or its vocabulary is another one; names file and line.
    """
    levels = read_levels(path, _read_lines(path), _symbols(path, tokens, eos_id), eos_id)
    return NgramLanguageModel(BackoffTable(levels), eos_id, NgramConfig(order=len(levels), boundary="sentence"))


def _symbols(path: Path, tokens: Sequence[str], eos_id: int) -> list[str]:
    """The vocabulary as ARPA writes it: ``</s>`` for ``<eos>``."""
    for index, token in enumerate(tokens):
        if index == eos_id:
            continue
        if token in (BEGIN, END):
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
    with user_errors(path, "read"):
        content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError(f"{path}: not a whole gzip file ({error}); make it again") from error
    return content.splitlines()
