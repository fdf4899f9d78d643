"""Lines into numbers: tokenized block by block, by one process or several, with the same result from any number.

Each block numbers the types it meets for itself; in the order of the text its numbers are then translated to those of
the whole. So the workers share nothing, and types are numbered in the order in which the text first uses them.
"""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import os
import signal
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt32

from rnn_lm.config import Normalize
from rnn_lm.errors import UserError
from rnn_lm.mapped import encode_string
from rnn_lm.text.forms import prepared
from rnn_lm.text.white_space import words_of
from rnn_lm.vocabulary import EOS, UNK

EOS_TYPE, UNK_TYPE = 0, 1
"""The types that every corpus has, whether they occur in it or not."""
BLOCK_CHARACTERS = 1 << 20
"""Characters that are tokenized in one go."""
BLOCKS_WORTH_WORKERS = 8
"""Blocks from which on processes are started for them, which takes some seconds."""
MOST_WORKERS = 16
"""More could not be given blocks as fast as they tokenize; each takes 170 MB."""


@dataclass(frozen=True)
class Cutter:
    """How a line becomes tokens; it can be sent to another process.

    Attributes:
        tokenize: the tokens of a line.
        lowercase: whether to lower-case it before.
        normalize: which form of Unicode to bring it into before that; "none": leave it as it is.
    """

    tokenize: Callable[[str], list[str]]
    lowercase: bool = False
    normalize: Normalize = "none"

    def prepared(self, text: str) -> str:
        """What is tokenized: ``text``, a line or several, in one form and one case."""
        return prepared(text, self.lowercase, self.normalize)


class Block(NamedTuple):
    """Sentences of one split."""

    split: str
    lines: list[str]


class EncodedBlock(NamedTuple):
    """A block, tokenized.

    Attributes:
        split: which one it is of.
        types: the different tokens in it, ``<eos>`` first, ``<unk>`` second, the others in the order of the text.
        types_n: the type of each token, every sentence closed by ``<eos>``.
        sentences: how many.
        characters: of the lines as they were tokenized, and one for each line break.
        words: between white space in them, and one for each line break.
        sentence_with_eos: the first one, from 0, in which ``<eos>`` is written; None as it should be.
        digest: of the split's text up to here; "" where nobody has read the blocks before.
    """

    split: str
    types: list[str]
    types_n: UInt32[np.ndarray, "N"]
    sentences: int
    characters: int
    words: int
    sentence_with_eos: int | None
    digest: str = ""


def encode_block(cutter: Cutter, block: Block) -> EncodedBlock:
    """Tokenize one block."""
    lines = [cutter.prepared(line) for line in block.lines]
    numbers: defaultdict[str, int] = defaultdict(None, {EOS: EOS_TYPE, UNK: UNK_TYPE})
    numbers.default_factory = numbers.__len__  # a token that is new gets the next number
    found: list[int] = []
    with_eos = None
    for index, line in enumerate(lines):
        start = len(found)
        found.extend(map(numbers.__getitem__, cutter.tokenize(line)))
        if with_eos is None and EOS in line and EOS_TYPE in found[start:]:
            with_eos = index
        found.append(EOS_TYPE)
    # The table holds a method of itself: left so, it would stay in memory until the garbage is collected.
    numbers.default_factory = None
    characters = sum(map(len, lines)) + len(lines)
    words = sum(len(words_of(line)) for line in lines) + len(lines)
    types_n = np.array(found, np.uint32)
    return EncodedBlock(block.split, list(numbers), types_n, len(lines), characters, words, with_eos)


class Measure:
    """What is known of a split's text whatever its tokens, as blocks come in."""

    def __init__(self) -> None:
        self.characters = self.words = 0
        self.digest = _empty_digest().hexdigest()

    def add(self, block: EncodedBlock) -> None:
        """Count a block, and take the digest that is new with it."""
        self.characters, self.words = self.characters + block.characters, self.words + block.words
        self.digest = block.digest

    @property
    def totals(self) -> tuple[int, int, str]:
        """Characters, words, and digest of the text."""
        return self.characters, self.words, self.digest


class _Digests:
    """Of the text of each split, as it is tokenized."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._running: dict[str, hashlib.blake2b] = {}

    def after(self, block: Block) -> str:
        """With ``block``, which comes next."""
        digest = self._running.setdefault(block.split, _empty_digest())
        text = "\n".join([*block.lines, ""])
        digest.update(encode_string(self._cutter.prepared(text)))
        return digest.hexdigest()


def _empty_digest() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


class TypeNumbers:
    """The types of a whole corpus, and how often each stands in each split, as blocks come in."""

    def __init__(self) -> None:
        self._numbers = {EOS: EOS_TYPE, UNK: UNK_TYPE}
        self._counts: dict[str, Int64[np.ndarray, "capacity"]] = {}

    @property
    def types(self) -> list[str]:
        """All of them by number."""
        return list(self._numbers)

    def add(self, block: EncodedBlock) -> UInt32[np.ndarray, "N"]:
        """Count a block, and translate its types to numbers of the whole."""
        numbers = self._numbers
        numbers_t = np.array([numbers.setdefault(token, len(numbers)) for token in block.types], np.uint32)
        counts_t = self._counts.get(block.split)
        if counts_t is None or len(counts_t) < len(numbers):
            grown_t = np.zeros(max(2 * len(numbers), 1024), np.int64)
            grown_t[: 0 if counts_t is None else len(counts_t)] = 0 if counts_t is None else counts_t
            self._counts[block.split] = counts_t = grown_t
        counts_t[numbers_t] += np.bincount(block.types_n, minlength=len(block.types))
        return numbers_t[block.types_n]

    def counts(self, split: str) -> Int64[np.ndarray, "types"]:
        """How often each type stands in ``split``."""
        counts_t = np.zeros(len(self._numbers), np.int64)
        known_t = self._counts.get(split, counts_t)[: len(counts_t)]
        counts_t[: len(known_t)] = known_t
        return counts_t


def encoded_blocks(labelled: Iterable[tuple[str, str]], cutter: Cutter, workers: int = 1) -> Iterator[EncodedBlock]:
    """The text tokenized, in order.

    Args:
        labelled: every sentence with the name of its split before it.
        cutter: how a line becomes tokens.
        workers: processes that tokenize; with one, this process does. The result is the same.

    Raises:
        UserError: a worker was ended from outside.
    """
    blocks = blocks_of_lines(labelled)
    first = list(islice(blocks, BLOCKS_WORTH_WORKERS if workers > 1 else 0))
    if len(first) < BLOCKS_WORTH_WORKERS or workers == 1:
        digests = _Digests(cutter)
        for block in chain(first, blocks):
            yield encode_block(cutter, block)._replace(digest=digests.after(block))
        return
    try:
        with _workers(workers) as pool:
            yield from _in_order(pool, cutter, chain(first, blocks), 2 * workers)
    except BrokenProcessPool as error:
        raise UserError(
            "a process that tokenizes was ended from outside: out of memory, or started by a script that does not "
            "keep its work under `if __name__ == '__main__':`"
        ) from error


def usual_workers() -> int:
    """As many as there are processors that this process may use, up to ``MOST_WORKERS``."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, MOST_WORKERS)


def blocks_of_lines(labelled: Iterable[tuple[str, str]]) -> Iterator[Block]:
    """Sentences of the same split, about ``BLOCK_CHARACTERS`` of them at a time."""
    split, lines, size = "", [], 0
    for name, line in labelled:
        if lines and (name != split or size >= BLOCK_CHARACTERS):
            yield Block(split, lines)
            lines, size = [], 0
        split = name
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield Block(split, lines)


def _in_order(
    pool: ProcessPoolExecutor, cutter: Cutter, blocks: Iterator[Block], most_waiting: int
) -> Iterator[EncodedBlock]:
    """What the pool makes of ``blocks``, never more than ``most_waiting`` of them in memory."""
    waiting: deque[tuple[Future[EncodedBlock], str]] = deque()
    digests = _Digests(cutter)
    # After the last block, as many times nothing as there are that may still be waited for.
    for block in chain(blocks, [None] * most_waiting):
        if block is not None:
            waiting.append((pool.submit(encode_block, cutter, block), digests.after(block)))
        if waiting and (block is None or len(waiting) >= most_waiting):
            encoded, digest = waiting.popleft()
            yield encoded.result()._replace(digest=digest)


@contextlib.contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes (a fork would copy threads in any state); what they have not begun is dropped at the end."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
