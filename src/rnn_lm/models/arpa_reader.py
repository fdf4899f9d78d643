"""Parsing of ARPA files, with the line named for whatever is wrong in one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy import ndarray

from rnn_lm.config import NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.models.ngram_table import NOTHING, Level, find_ngrams

_ANNOUNCED = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)")


def read_levels(path: Path, lines: Sequence[bytes], symbols: Sequence[str], eos_id: int) -> list[Level]:
    """The levels of a back-off table from the lines of an ARPA file.

    Args:
        path: named in errors.
        lines: the file's lines, without line ends.
        symbols: the vocabulary as ARPA writes it, in order of id.
        eos_id: the id that both ``<s>`` and ``</s>`` stand for.

    Raises:
        UserError: names file and line.
    """
    reader = _Reader(path, lines)
    announced = reader.header()
    sections = [reader.section(length, count) for length, count in enumerate(announced, start=1)]
    reader.end()
    ids = {symbol.encode(): index for index, symbol in enumerate([*symbols, "<s>"])}
    levels: list[Level] = []
    for length, section in enumerate(sections, start=1):
        last = length == len(sections)
        entries = _entries(reader, section, length, last, ids)
        if length == 1:
            levels.append(_unigrams(reader, section, entries, [*symbols, "<s>"], eos_id))
        else:
            levels.append(_ngrams(reader, section, entries, levels, eos_id))
    return levels


@dataclass(frozen=True)
class _Entries:
    """A section's lines as numbers: ids (G, length) with ``<s>`` as V, natural logarithms."""

    ids_gk: ndarray
    log_prob_g: ndarray
    log_backoff_g: ndarray


class _Reader:
    """The frame of the file: where its sections are."""

    def __init__(self, path: Path, lines: Sequence[bytes]) -> None:
        self.path = path
        self.lines = lines
        self._next = 0

    def fail(self, index: int, message: str) -> NoReturn:
        raise UserError(f"{self.path}: line {index + 1}: {message}")

    def header(self) -> list[int]:
        """How many n-grams of each length are announced."""
        if self._content() != b"\\data\\":
            self.fail(self._next, "an ARPA file starts with \\data\\; is this another kind of file?")
        counts: list[int] = []
        self._next += 1
        while line := self._line():
            match = _ANNOUNCED.fullmatch(line)
            if match is None or int(match[1]) != len(counts) + 1:
                self.fail(self._next, f'expected "ngram {len(counts) + 1}=COUNT", found {_shown(line)}')
            counts.append(int(match[2]))
            self._next += 1
        if not counts:
            self.fail(self._next, "\\data\\ announces no n-grams; the file is damaged")
        try:
            NgramConfig(order=len(counts))
        except UserError as error:
            self.fail(self._next, f"n-grams of up to {len(counts)} tokens: {error}")
        return counts

    def section(self, length: int, count: int) -> range:
        """The indices of the section's lines."""
        title = f"\\{length}-grams:"
        if self._content() != title.encode():
            self.fail(self._next, f"expected {title}, found {_shown(self._line())}; wrong count in \\data\\?")
        start = self._next + 1
        for index in range(start, start + count):
            if index >= len(self.lines) or not self.lines[index] or self.lines[index].startswith(b"\\"):
                self.fail(index, f"\\data\\ announces {count} {length}-grams, but only {index - start} are here")
        self._next = start + count
        return range(start, self._next)

    def end(self) -> None:
        if self._content() != b"\\end\\":
            self.fail(self._next, f"expected \\end\\, found {_shown(self._line())}; cut off, or a wrong count?")

    def _content(self) -> bytes:
        while self._next < len(self.lines) and not self._line():
            self._next += 1
        return self._line()

    def _line(self) -> bytes:
        return self.lines[self._next].strip() if self._next < len(self.lines) else b""


def _entries(reader: _Reader, section: range, length: int, last: bool, ids: dict[bytes, int]) -> _Entries:
    widths = (length + 1,) if last else (length + 1, length + 2)
    found: list[int] = []
    log_prob, log_backoff = np.empty(len(section)), np.zeros(len(section))
    for row, index in enumerate(section):
        fields = reader.lines[index].split()
        if len(fields) not in widths:
            wanted = "probability and n-gram" if last else "probability, n-gram and at most one back-off weight"
            reader.fail(index, f"expected {wanted} of {length} tokens, found {len(fields)} fields")
        try:
            log_prob[row] = float(fields[0])
            if len(fields) == length + 2:
                log_backoff[row] = float(fields[-1])
        except ValueError:
            reader.fail(index, f"{_shown(fields[0] + b' ... ' + fields[-1])}: these are not two numbers")
        try:
            found.extend([ids[field] for field in fields[1 : length + 1]])
        except KeyError as error:
            reader.fail(index, f"token {_shown(error.args[0])} is not in the vocabulary; was it made with another?")
    _refuse(reader, section, ~(np.isfinite(log_prob) & (log_prob <= 0)), "the log-probability is not a number up to 0")
    _refuse(reader, section, ~np.isfinite(log_backoff), "the back-off weight is not a finite number")
    ids_gk = np.array(found, dtype=np.int64).reshape(len(section), length)
    return _Entries(ids_gk, log_prob * np.log(10), log_backoff * np.log(10))


def _unigrams(reader: _Reader, section: range, entries: _Entries, symbols: list[str], eos_id: int) -> Level:
    """The first level: probabilities from the tokens' own lines, and ``<eos>``'s back-off weight from ``<s>``'s."""
    begin = len(symbols) - 1
    order_g = np.argsort(entries.ids_gk[:, 0], kind="stable")
    ids_g = entries.ids_gk[order_g, 0]
    _refuse_repeated(reader, section, order_g, ids_g)
    missing = np.setdiff1d(np.arange(len(symbols)), ids_g)
    if len(missing):
        reader.fail(section.start - 1, f"the vocabulary's token {symbols[missing[0]]!r} is not among the 1-grams")
    log_backoff_v = entries.log_backoff_g[order_g][:begin]
    log_backoff_v[eos_id] = entries.log_backoff_g[order_g[begin]]
    return Level(np.arange(begin), entries.log_prob_g[order_g][:begin], log_backoff_v)


def _ngrams(reader: _Reader, section: range, entries: _Entries, below: list[Level], eos_id: int) -> Level:
    ids_gk, size = entries.ids_gk, len(below[0].keys_g)
    _refuse(reader, section, (ids_gk[:, 1:] == size).any(1), "<s> can only begin an n-gram")
    _refuse(reader, section, (ids_gk[:, :-1] == eos_id).any(1), "</s> can only end an n-gram")
    ids_gk = np.where(ids_gk == size, eos_id, ids_gk)
    context_g = np.zeros(len(ids_gk), np.int64)
    for level, word_g in zip(below, ids_gk.T[:-1], strict=True):
        context_g = find_ngrams(level.keys_g, size, context_g, word_g)
    _refuse(reader, section, context_g == NOTHING, f"its first tokens are not among the {len(below)}-grams")
    keys_g = context_g * size + ids_gk[:, -1]
    order_g = np.argsort(keys_g, kind="stable")
    _refuse_repeated(reader, section, order_g, keys_g[order_g])
    return Level(keys_g[order_g], entries.log_prob_g[order_g], entries.log_backoff_g[order_g])


def _refuse_repeated(reader: _Reader, section: range, order_g: ndarray, sorted_g: ndarray) -> None:
    repeated_g = np.zeros(len(order_g), bool)
    repeated_g[order_g[1:][np.diff(sorted_g) == 0]] = True
    _refuse(reader, section, repeated_g, "this n-gram stands further up already")


def _refuse(reader: _Reader, section: range, wrong_g: ndarray, message: str) -> None:
    if wrong_g.any():
        index = section[int(np.argmax(wrong_g))]
        reader.fail(index, f"{message}: {_shown(reader.lines[index])}")


def _shown(text: bytes) -> str:
    """A piece of the file as an error line shows it."""
    shown = text.decode(errors="replace")
    return repr(shown if len(shown) <= 60 else f"{shown[:57]}...")
