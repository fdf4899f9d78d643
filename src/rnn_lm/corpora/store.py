"""Tokenized corpora in the cache: made once, in one streaming pass, and memory-mapped ever after.

A corpus is a folder named by what its numbers depend on::

    tokens/KEY/facts.json     what it is; name, size and SHA-256 of the other files, and of the rest of itself
               types.text     the different tokens, end to end, in the order in which the text first uses them
               types.ends     where each of them ends
               SPLIT.types    the type of each token, sentences end to end, each closed by <eos>; 2 or 4 bytes a token
               SPLIT.counts   how often each type stands in the split

It is written under another name and takes its own in one rename, so that it is there whole or not at all; of two
processes that make the same corpus at once, the first to finish wins and the other uses what it made.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypedDict

import numpy as np

from rnn_lm.checksums import is_intact, with_checksum
from rnn_lm.corpora.content import digest_of_file
from rnn_lm.corpora.download import CACHE_VARIABLE
from rnn_lm.corpora.encode import EncodedBlock, Measure, TypeNumbers
from rnn_lm.corpora.split import Split
from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_json
from rnn_lm.mapped import MappedArray, MappedStrings, blocks_of, encode_string
from rnn_lm.schema import first_problem
from rnn_lm.temporary import remove_abandoned, temporary_name

FACTS = "facts.json"
_FORMAT, VERSION = "rnn_lm tokens", 1
"""The version is part of the keys: it changes with what is kept under one."""
_FACTS_VERSION = 2
"""1 had no checksum of the facts themselves; such a corpus is tokenized again."""
_UNOWNED = r".+\.part"
"""Unfinished folders of version 0.1, which did not say whose they were."""
_DTYPES = ("uint16", "uint32")


class _File(TypedDict):
    bytes: int
    sha256: str


class _SplitFacts(TypedDict):
    dtype: str
    characters: int
    words: int
    digest: str


class _Facts(TypedDict):
    """What ``facts.json`` holds; its checksum is over all the rest."""

    format: str
    version: int
    about: dict[str, Any]
    splits: dict[str, _SplitFacts]
    files: dict[str, _File]
    sha256: str


class StoreDamagedError(Exception):
    """What is kept under a key is not what was written there."""


class TokenStore:
    """The tokenized corpora of one cache.

    Args:
        cache: its folder; made when first needed.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / "tokens"

    def open(self, key: str) -> dict[str, Split] | None:
        """The splits kept under ``key``, verified and memory-mapped; None where there is nothing.

        Raises:
            StoreDamagedError: a file is missing, or has another size or checksum.
        """
        folder = self.folder / key
        if not folder.exists():
            return None
        try:
            facts = read_json(folder / FACTS)
            _verify(folder, facts)
            return _mapped(folder, facts)
        except (UserError, OSError, ValueError) as error:
            raise StoreDamagedError(f"{folder}: {error}") from error

    def make(
        self, key: str, blocks: Iterable[EncodedBlock], names: Sequence[str], about: dict[str, Any]
    ) -> dict[str, Split]:
        """Keep what ``blocks`` holds under ``key``, in place of anything that is there, and map it.

        Args:
            key: what the blocks depend on.
            blocks: the tokenized text, read once.
            names: of its splits.
            about: what a person may want to know of it; JSON values.

        Raises:
            UserError: the cache cannot be written; or what reading ``blocks`` raises.
        """
        with self._refusals():
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_abandoned(self.folder, others=_UNOWNED)
            part = self.folder / temporary_name(key[:16])
            part.mkdir()
            try:
                facts = {"format": _FORMAT, "version": _FACTS_VERSION, "about": about, **_write(part, blocks, names)}
                write_json(part / FACTS, with_checksum(facts))
                self._take_name(part, key)
                return _mapped(self.folder / key, facts)
            finally:
                shutil.rmtree(part, ignore_errors=True)

    def remove(self, key: str) -> None:
        """Forget what is kept under ``key``."""
        shutil.rmtree(self.folder / key, ignore_errors=True)

    def _take_name(self, part: Path, key: str) -> None:
        folder = self.folder / key
        # What is there was found damaged, or another process has just made it; both may be replaced, for a process
        # that has mapped the old files keeps them.
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, part / "replaced")
        try:
            os.rename(part, folder)
        except OSError:
            if not (folder / FACTS).exists():
                raise
        shutil.rmtree(folder / "replaced", ignore_errors=True)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"{self.folder}: cannot keep the tokenized corpus in the cache: {error.strerror or error}; free space, "
                f"e.g. with rnn-lm cache --clear tokens, or set {CACHE_VARIABLE} to another folder"
            ) from error


def _verify(folder: Path, facts: Any) -> None:
    if not isinstance(facts, dict) or (facts.get("format"), facts.get("version")) != (_FORMAT, _FACTS_VERSION):
        raise ValueError(f"{FACTS} is of another version")
    problem = first_problem(facts, _Facts)
    if problem is not None:
        raise ValueError(f"{FACTS}: {problem}")
    if not is_intact(facts):
        raise ValueError(f"{FACTS} was changed since it was written")
    if any(split["dtype"] not in _DTYPES for split in facts["splits"].values()):
        raise ValueError(f"{FACTS} names numbers of another kind")
    parts = {f"{split}.{part}" for split in facts["splits"] for part in ("types", "counts")}
    if facts["files"].keys() != {"types.text", "types.ends", *parts} or any("/" in name for name in parts):
        raise ValueError(f"{FACTS} names other files")
    for name, file in facts["files"].items():
        path = folder / name
        if path.stat().st_size != file["bytes"] or digest_of_file(path) != file["sha256"]:
            raise ValueError(f"size or SHA-256 of {name} differs")


def _mapped(folder: Path, facts: dict[str, Any]) -> dict[str, Split]:
    types = MappedStrings(folder / "types.text", folder / "types.ends")
    return {
        name: Split(
            types,
            MappedArray(folder / f"{name}.types", np.dtype(split["dtype"])),
            np.fromfile(folder / f"{name}.counts", np.int64),
            split["characters"],
            split["words"],
            split["digest"],
        )
        for name, split in facts["splits"].items()
    }


def _write(folder: Path, blocks: Iterable[EncodedBlock], names: Sequence[str]) -> dict[str, Any]:
    """Everything but the facts, which are returned."""
    numbers, measures = TypeNumbers(), {name: Measure() for name in names}
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context(_TypeFile(folder / f"{name}.types")) for name in names}
        for block in blocks:
            files[block.split].append(numbers.add(block))
            measures[block.split].add(block)
    _write_types(folder, numbers.types)
    for name in names:
        numbers.counts(name).tofile(folder / f"{name}.counts")
    return {
        "splits": {name: {"dtype": file.dtype.name, **vars(measures[name])} for name, file in files.items()},
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": digest_of_file(path)}
            for path in sorted(folder.iterdir())
        },
    }


def _write_types(folder: Path, types: Sequence[str]) -> None:
    end = 0
    with (folder / "types.text").open("wb") as text, (folder / "types.ends").open("wb") as ends:
        for start in range(0, len(types), 1 << 16):
            encoded = [encode_string(token) for token in types[start : start + (1 << 16)]]
            text.write(b"".join(encoded))
            ends_t = np.cumsum(list(map(len, encoded)), dtype=np.int64) + end
            ends.write(ends_t.tobytes())
            end = int(ends_t[-1])


class _TypeFile:
    """Numbers of types appended to a file, in two bytes each for as long as that is enough."""

    def __init__(self, path: Path) -> None:
        self.path, self.dtype = path, np.dtype(np.uint16)

    def __enter__(self) -> _TypeFile:
        self._file: IO[bytes] = self.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, types_n: np.ndarray) -> None:
        if self.dtype == np.uint16 and len(types_n) and types_n.max() > np.iinfo(np.uint16).max:
            self._widen()
        self._file.write(types_n.astype(self.dtype).tobytes())

    def _widen(self) -> None:
        self._file.close()
        wide = self.path.with_suffix(".wide")
        with wide.open("wb") as file:
            for block_n in blocks_of(MappedArray(self.path, self.dtype)):
                file.write(block_n.astype(np.uint32).tobytes())
        os.replace(wide, self.path)
        self.dtype = np.dtype(np.uint32)
        self._file = self.path.open("ab")
