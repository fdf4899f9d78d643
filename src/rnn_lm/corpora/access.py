"""Where the files of a named corpus are: in a folder that a person names, or in the cache, which a download fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from rnn_lm.errors import UserError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class RemoteFile:
    """A file on the network that never changes.

    Attributes:
        path: where it lies in the cache, and under a mirror, e.g. ``ptb/ptb.train.txt``.
        url: where it is published.
        size: bytes.
        sha256: of its content, in hexadecimal digits.
    """

    path: str
    url: str
    size: int
    sha256: str


@runtime_checkable
class Fetches(Protocol):
    """Brings a file from the network (``Downloads``)."""

    def fetch(self, file: RemoteFile) -> Path:
        """The file on this machine, whole and verified; raises ``UserError`` where it cannot be had."""
        ...


@dataclass(frozen=True)
class Access:
    """How one corpus gets at its files.

    Attributes:
        name: of the corpus, for messages.
        downloads: brings what is not here.
        data_dir: a folder with a copy; the network is not asked then.
    """

    name: str
    downloads: Fetches
    data_dir: Path | None = None

    def file(self, remote: RemoteFile, names: Sequence[str], *, in_vain: Sequence[str] = ()) -> Path:
        """The one file of a corpus: the first of ``names`` in ``data_dir``, or ``remote`` downloaded.

        Args:
            remote: what is downloaded where there is no ``data_dir``.
            names: what the file may be called in ``data_dir``.
            in_vain: other names that were looked for before, for the message.

        Raises:
            UserError: none of the names is in ``data_dir``, or the download failed.
        """
        if self.data_dir is None:
            return self.downloads.fetch(remote)
        for path in (self.folder / name for name in names):
            if path.is_file():
                return path
        raise self.not_found([*in_vain, *names])

    def splits(self, patterns: Sequence[str]) -> dict[str, Path] | None:
        """The first of ``patterns``, such as ``wiki.*.tokens``, of which ``data_dir`` has train, valid and test.

        None where there is no such pattern, or no ``data_dir``.
        """
        for pattern in patterns if self.data_dir is not None else ():
            paths = {split: self.folder / pattern.replace("*", split) for split in SPLITS}
            if all(path.is_file() for path in paths.values()):
                return paths
        return None

    @property
    def folder(self) -> Path:
        """``data_dir``; raises ``UserError`` where it is no folder."""
        folder = self.data_dir or Path()
        if not folder.is_dir():
            raise UserError(f"--data-dir {folder}: there is no such folder; leave it out to download {self.name}")
        return folder

    def origin(self, remote: RemoteFile) -> str:
        """Where the text comes from, for a person: the folder that was named, or the published URL."""
        return remote.url if self.data_dir is None else str(self.data_dir)

    def not_found(self, names: Sequence[str]) -> UserError:
        """The error for a ``data_dir`` without the corpus; ``names`` are what was looked for, ``*`` being the split."""
        wanted = [name.replace("*", "{train,valid,test}") for name in names]
        return UserError(
            f"--data-dir {self.data_dir}: {self.name} is not in it; looked for {', or '.join(wanted)}; "
            "leave --data-dir out to download it"
        )
