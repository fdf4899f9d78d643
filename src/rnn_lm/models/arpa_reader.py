"""Parsing of ARPA files, with the line named for whatever is wrong in one.

What KenLM reads is read, and to the same scores: ``<UNK>`` is ``<unk>``; where neither is there, unknown words get a
log10 probability of -100; -inf is a probability of 0; n-grams of the highest order may have a back-off weight of 0;
blank lines may stand anywhere. Read besides: spaces for tabs, and lines before ``\\data\\``, which the format allows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy import ndarray

from rnn_lm.config import NgramConfig
from rnn_lm.errors import UserError
from rnn_lm.models.ngram_table import NOTHING, Level, find_ngrams
from rnn_lm.vocabulary import EOS, UNK

BEGIN, END = "<s>", "</s>"
UNK_IN_CAPITALS = "<UNK>"
MISSING_UNK = -100.0
"""log10 P(``<unk>``) where a file has none; KenLM's ``unknown_missing_logprob``."""
_ANNOUNCED = re.compile(rb"ngram\s+(\d{1,9})\s*=\s*(\d{1,18})")
_PREAMBLE = 10_000
"""Lines in which ``\\data\\`` is looked for; some tools write remarks and a licence above it."""
_LARGEST = float(np.finfo(np.float32).max)
"""Other programs read these numbers in single precision: what is larger is infinite to them."""


@dataclass(frozen=True)
class Found:
    """What an ARPA file holds.

    Attributes:
        levels: of the back-off table.
        symbols: the vocabulary as ARPA writes it, in order of id.
        notes: what a person should know, a line each.
    """

    levels: list[Level]
    symbols: list[str]
    notes: list[str]


def read_levels(path: Path, lines: Sequence[bytes], symbols: Sequence[str] | None, eos_id: int) -> Found:
    """The levels of a back-off table from the lines of an ARPA file.

    Args:
        path: named in errors.
        lines: the file's lines, without line ends.
        symbols: the vocabulary as ARPA writes it, in order of id; None takes the file's own, ``<unk>`` first, then
            ``</s>``, then the others as they stand.
        eos_id: the id that both ``<s>`` and ``</s>`` stand for.

    Raises:
        UserError: names file and line.
    """
    reader = _Reader(path, lines)
    announced = reader.header()
    sections = [reader.section(length, count) for length, count in enumerate(announced, start=1)]
    reader.end()
    symbols = _own_vocabulary(reader, sections[0]) if symbols is None else list(symbols)
    ids = {symbol.encode(): index for index, symbol in enumerate([*symbols, BEGIN])}
    if UNK.encode() in ids:
        ids.setdefault(UNK_IN_CAPITALS.encode(), ids[UNK.encode()])
    levels: list[Level] = []
    for length, section in enumerate(sections, start=1):
        entries = _entries(reader, section, length, length == len(sections), ids)
        if length == 1:
            levels.append(_unigrams(reader, entries, [*symbols, BEGIN], eos_id))
        else:
            levels.append(_ngrams(reader, entries, levels, eos_id))
    levels[-1] = replace(levels[-1], log_backoff_g=np.empty(0))  # nothing is longer than these
    return Found(levels, symbols, reader.notes)


def _own_vocabulary(reader: _Reader, section: Sequence[int]) -> list[str]:
    """The tokens of the 1-grams; what has no place in a vocabulary is refused."""
    found: dict[str, None] = {UNK: None, END: None}
    for index in section:
        fields = reader.lines[index].split(None, 2)
        try:
            token = fields[1].decode() if len(fields) > 1 else ""
        except UnicodeDecodeError:
            reader.fail(
                index,
                f"{_shown(fields[1])} is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8, and its text",
            )
        if token == EOS:
            reader.fail(index, f"the token {EOS} stands for the end of a sentence here; rename it in the file")
        if token not in (BEGIN, UNK_IN_CAPITALS):
            found[token] = None
    return list(found)


@dataclass(frozen=True)
class _Entries:
    """A section's lines as numbers: ids (G, length) with ``<s>`` as V, natural logarithms, and where each stands."""

    lines_g: ndarray
    ids_gk: ndarray
    log_prob_g: ndarray
    log_backoff_g: ndarray

    def where(self, kept_g: ndarray) -> _Entries:
        """Some of them."""
        parts = (self.lines_g, self.ids_gk, self.log_prob_g, self.log_backoff_g)
        return _Entries(*(part[kept_g] for part in parts))


class _Reader:
    """The frame of the file: where its sections are. Blank lines are passed over."""

    def __init__(self, path: Path, lines: Sequence[bytes]) -> None:
        self.path = path
        self.lines = lines
        self.notes: list[str] = []
        self._places = [index for index, line in enumerate(lines) if line and not line.isspace()]
        self._next = 0

    def fail(self, index: int, message: str) -> NoReturn:
        raise UserError(f"{self.path}: line {index + 1}: {message}")

    def header(self) -> list[int]:
        """How many n-grams of each length are announced."""
        first = self._place()
        while self._line() != b"\\data\\":
            self._next += 1
            if self._next >= min(len(self._places), _PREAMBLE):
                self.fail(
                    first, "an ARPA file starts with \\data\\; give one, or a model folder (a text goes to --text)"
                )
        counts: list[int] = []
        self._next += 1
        while (line := self._line()) and not line.startswith(b"\\"):
            match = _ANNOUNCED.fullmatch(line)
            if match is None or int(match[1]) != len(counts) + 1:
                self.fail(self._place(), f'expected "ngram {len(counts) + 1}=COUNT", found {_shown(line)}')
            counts.append(int(match[2]))
            self._next += 1
        after = self._places[self._next - 1] + 1
        if not counts:
            self.fail(after, "\\data\\ announces no n-grams; the file is damaged")
        try:
            NgramConfig(order=len(counts))
        except UserError as error:
            self.fail(after, f"n-grams of up to {len(counts)} tokens: {error}")
        return counts

    def section(self, length: int, count: int) -> list[int]:
        """The indices of the section's lines."""
        title = f"\\{length}-grams:"
        if self._line() != title.encode():
            self.fail(self._place(), f"expected {title}, found {_shown(self._line())}; wrong count in \\data\\?")
        start = self._next + 1
        places = self._places[start : start + count]
        ours = next((k for k, index in enumerate(places) if self.lines[index].startswith(b"\\")), len(places))
        if ours < count:
            after = self._places[start + ours - 1] + 1
            self.fail(after, f"\\data\\ announces {count} {length}-grams, but only {ours} are here")
        self._next = start + count
        return places

    def end(self) -> None:
        if self._line() != b"\\end\\":
            self.fail(self._place(), f"expected \\end\\, found {_shown(self._line())}; cut off, or a wrong count?")
        self._next += 1
        if self._next < len(self._places):
            self.fail(self._place(), f"something follows \\end\\: {_shown(self._line())}; are these two files in one?")

    def _place(self) -> int:
        return self._places[self._next] if self._next < len(self._places) else len(self.lines)

    def _line(self) -> bytes:
        return self.lines[self._place()].strip() if self._next < len(self._places) else b""


def _entries(reader: _Reader, section: Sequence[int], length: int, last: bool, ids: dict[bytes, int]) -> _Entries:
    widths = (length + 1, length + 2)
    found: list[int] = []
    log_prob, log_backoff = np.empty(len(section)), np.zeros(len(section))
    for row, index in enumerate(section):
        fields = reader.lines[index].split()
        if len(fields) not in widths:
            wanted = f"probability, n-gram of length {length} and at most one back-off weight"
            reader.fail(index, f"expected {wanted}, found {len(fields)} fields")
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
    log_prob[log_prob < -_LARGEST] = -np.inf
    ids_gk = np.array(found, dtype=np.int64).reshape(len(section), length)
    with np.errstate(over="ignore"):  # what overflows is refused below
        natural = (log_prob * np.log(10), log_backoff * np.log(10))
    entries = _Entries(np.array(section, dtype=np.int64), ids_gk, *natural)
    _refuse(reader, entries, ~(log_prob <= 0), "the log-probability is not a number up to 0")
    _refuse(reader, entries, ~(np.abs(log_backoff) <= _LARGEST), "the back-off weight is not a finite number")
    if last:
        _refuse(reader, entries, log_backoff != 0, "an n-gram of the highest order has no back-off weight but 0")
    return entries


def _unigrams(reader: _Reader, entries: _Entries, symbols: list[str], eos_id: int) -> Level:
    """The first level: probabilities from the tokens' own lines, and ``<eos>``'s back-off weight from ``<s>``'s."""
    begin = len(symbols) - 1
    unknown = symbols.index(UNK) if UNK in symbols else NOTHING
    ids_g = entries.ids_gk[:, 0]
    # KenLM takes the last of <unk> and <UNK> where both are there.
    unknown_g = np.flatnonzero(ids_g == unknown)
    kept_g = np.ones(len(ids_g), bool)
    kept_g[unknown_g[:-1]] = False
    entries = entries.where(kept_g)
    order_g = np.argsort(entries.ids_gk[:, 0], kind="stable")
    ids_g = entries.ids_gk[order_g, 0]
    _refuse_repeated(reader, entries, order_g, ids_g)
    log_prob_v, log_backoff_v = np.full(len(symbols), MISSING_UNK * np.log(10)), np.zeros(len(symbols))
    log_prob_v[ids_g], log_backoff_v[ids_g] = entries.log_prob_g[order_g], entries.log_backoff_g[order_g]
    missing = np.setdiff1d(np.arange(len(symbols)), [*ids_g, unknown])
    if len(missing):
        what = "mark of a sentence's end" if symbols[missing[0]] in (BEGIN, END) else "vocabulary's token"
        line = int(entries.lines_g[0]) - 1 if len(entries.lines_g) else len(reader.lines)
        reader.fail(line, f"the {what} {symbols[missing[0]]!r} is not among the 1-grams")
    if unknown != NOTHING and unknown not in ids_g:
        reader.notes.append(
            f"{reader.path}: has no {UNK}: words that it does not hold get a probability of 10^{MISSING_UNK:.0f}"
        )
    log_backoff_v[eos_id] = log_backoff_v[begin]
    return Level(np.arange(begin), log_prob_v[:begin], log_backoff_v[:begin])


def _ngrams(reader: _Reader, entries: _Entries, below: list[Level], eos_id: int) -> Level:
    size = len(below[0].keys_g)
    entries = _within_sentences(reader, entries, size, eos_id)
    ids_gk = np.where(entries.ids_gk == size, eos_id, entries.ids_gk)
    context_g = np.zeros(len(ids_gk), np.int64)
    for level, word_g in zip(below, ids_gk.T[:-1], strict=True):
        context_g = find_ngrams(level.keys_g, size, context_g, word_g)
    _refuse(reader, entries, context_g == NOTHING, f"its first tokens are not among the {len(below)}-grams")
    keys_g = context_g * size + ids_gk[:, -1]
    order_g = np.argsort(keys_g, kind="stable")
    _refuse_repeated(reader, entries, order_g, keys_g[order_g])
    return Level(keys_g[order_g], entries.log_prob_g[order_g], entries.log_backoff_g[order_g])


def _within_sentences(reader: _Reader, entries: _Entries, begin: int, eos_id: int) -> _Entries:
    """Without n-grams that go on after ``</s>`` or come to ``<s>``: some tools count them, no sentence holds them."""
    crosses_g = (entries.ids_gk[:, 1:] == begin).any(1) | (entries.ids_gk[:, :-1] == eos_id).any(1)
    if crosses_g.any():
        count, length = int(crosses_g.sum()), entries.ids_gk.shape[1]
        reader.notes.append(
            f"{reader.path}: {count:,} {length}-grams across the end of a sentence are left out; none can be met in one"
        )
    return entries.where(~crosses_g)


def _refuse_repeated(reader: _Reader, entries: _Entries, order_g: ndarray, sorted_g: ndarray) -> None:
    repeated_g = np.zeros(len(order_g), bool)
    repeated_g[order_g[1:][np.diff(sorted_g) == 0]] = True
    _refuse(reader, entries, repeated_g, "this n-gram stands further up already")


def _refuse(reader: _Reader, entries: _Entries, wrong_g: ndarray, message: str) -> None:
    if wrong_g.any():
        index = int(entries.lines_g[int(np.argmax(wrong_g))])
        reader.fail(index, f"{message}: {_shown(reader.lines[index])}")


def _shown(text: bytes) -> str:
    """A piece of the file as an error line shows it."""
    shown = text.decode(errors="replace")
    return repr(shown if len(shown) <= 60 else f"{shown[:57]}...")
