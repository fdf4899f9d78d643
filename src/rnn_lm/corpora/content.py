"""What the sentences of a corpus depend on, as a short text that differs whenever they could."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rnn_lm.corpora.opening import SUFFIXES, refusals, require_file
from rnn_lm.mapped import encode_string
from rnn_lm.packed import GZIP

_UNPACKED = 3
"""How many times larger than its packed file a text is taken to be."""


@dataclass(frozen=True)
class Content:
    """What is known of sentences before any is read.

    Attributes:
        digest: a name of their content; it takes reading the files they come from, which is quick.
        size: characters, about; of packed files a guess.
    """

    digest: Callable[[], str]
    size: int


def content_of_files(paths: Sequence[Path], *recipe: object, flag: str = "--corpus") -> Content:
    """Of sentences that are read from ``paths`` in the way that ``recipe`` says.

    Raises:
        UserError: a file is not there or cannot be read.
    """
    size = 0
    for path in paths:
        require_file(path, flag)
        with refusals(path, flag):
            size += _unpacked_size(path)
    return Content(partial(_digest_of_files, tuple(paths), recipe), size)


def _unpacked_size(path: Path) -> int:
    """Bytes of the text in ``path``, about; of what gzip packed, its last four bytes say how many."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(GZIP.magic)) == GZIP.magic and size >= 18:
            file.seek(-4, 2)
            return max(size, int.from_bytes(file.read(4), "little"))
    return size * (_UNPACKED if path.suffix in {*SUFFIXES, ".zip"} else 1)


def content_of_sentences(labelled: Callable[[], Iterable[tuple[str, str]]]) -> Content:
    """Of sentences that say nothing of where they come from: they are read, and read again for the digest."""
    return Content(lambda: _digest_of_sentences(labelled()), sum(len(line) + 1 for _, line in labelled()))


def digest_of(*parts: object) -> str:
    """64 hexadecimal digits for some values."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """The same for the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_files(paths: Sequence[Path], recipe: Sequence[object]) -> str:
    digests = []
    for path in paths:
        with refusals(path):
            digests.append((path.suffix == ".gz", digest_of_file(path)))
    return digest_of(recipe, digests)


def _digest_of_sentences(labelled: Iterable[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for split, line in labelled:
        digest.update(encode_string(f"{split}\0{line}\n"))
    return digest.hexdigest()
