"""The files of a suite, wherever they are: one file, a folder, or a zip, which is read where it lies."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from rnn_lm.errors import MissingFileError, UserError
from rnn_lm.files import parse_json, user_errors

MOST_BYTES = 1 << 30
"""Of all files of a suite, unpacked: the largest are a hundredth of it, and a zip can say anything."""


@dataclass(frozen=True)
class SuiteFile:
    """A file that may hold a suite, or a part of one.

    Attributes:
        name: its name, without folders.
        shown: where it is, for messages.
        contents: reads it.
        beside: the files of its folder, by name.
        alone: whether a person named this very file.
    """

    name: str
    shown: str
    contents: Callable[[], bytes] = field(repr=False)
    beside: Mapping[str, SuiteFile] = field(default_factory=dict, repr=False)
    alone: bool = False

    @property
    def stem(self) -> str:
        """The name without what stands behind its last period."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """What stands behind it, with the period, in small letters."""
        return PurePosixPath(self.name).suffix.lower()

    @cached_property
    def data(self) -> bytes:
        """What it holds."""
        return self.contents()

    @cached_property
    def text(self) -> str:
        """The same as UTF-8; raises ``UserError`` with the line where it is not."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.data.count(b"\n", 0, error.start) + 1
            raise UserError(f"{self.shown}: line {line}: is not UTF-8 text; save the file as UTF-8") from error

    def lines(self) -> Iterator[tuple[int, str]]:
        """Return its lines, with their numbers; a line break at the end begins none."""
        lines = self.text.split("\n")
        for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines, start=1):
            yield number, line.removesuffix("\r")

    @property
    def first_line(self) -> bytes:
        """The first line that is not blank."""
        return self.data.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0].rstrip(b"\r")

    def at(self, line: int) -> str:
        """Return the place of a line, for messages."""
        return f"{self.shown}: line {line}"

    def json_lines(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Return the object of each line that is not blank, with its place; raises ``UserError`` where it is none."""
        for number, line in self.lines():
            if line.strip():
                value = parse_json(line, self.at(number))
                if not isinstance(value, dict):
                    raise UserError(f"{self.at(number)}: is no JSON object; give one a line, in braces")
                yield self.at(number), value

    def companion(self, suffix: str) -> SuiteFile | None:
        """Return the file beside it with the same name but another ending, if there is one."""
        return self.beside.get(f"{self.stem}{suffix}")


def files_of(path: Path) -> list[SuiteFile]:
    """Return the files at a path: of a folder or a zip all of them, in order of their names, zips in a folder unpacked.

    Raises:
        UserError: there is nothing, or it cannot be read.
    """
    if not path.exists():
        raise MissingFileError(f"--suite {path}: there is no such file or folder; check the path")
    if path.is_dir():
        with user_errors(path, "read"):
            inside = sorted(one for one in path.rglob("*") if one.is_file() and not _is_hidden(one.relative_to(path)))
        files = [file for one in inside for file in (_in_zip(one) if _is_zip(one) else [_on_disk(one)])]
        _require_size(path, sum(one.stat().st_size for one in inside))
    elif not path.is_file():
        raise UserError(f"--suite {path}: is a pipe or a device; give a file, a folder or a zip")
    elif _is_zip(path):
        files = _in_zip(path)
    else:
        _require_size(path, path.stat().st_size)
        files = [_on_disk(path, alone=True)]
    if not files:
        raise UserError(f"--suite {path}: holds no file; give the files of a suite")
    return files


def _is_hidden(path: Path | PurePosixPath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _require_size(path: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise UserError(f"--suite {path}: is {size / 1e9:.1f} GB, more than any suite; give the suite's files alone")


def _on_disk(path: Path, *, alone: bool = False) -> SuiteFile:
    def contents() -> bytes:
        with user_errors(path, "read"):
            return path.read_bytes()

    beside = {}
    with user_errors(path, "read"):
        for one in sorted(path.parent.glob("*")):
            if one.stem == path.stem and one != path and one.is_file():
                beside[one.name] = SuiteFile(one.name, str(one), one.read_bytes)
    return SuiteFile(path.name, str(path), contents, beside, alone)


def _in_zip(path: Path) -> list[SuiteFile]:
    """The files in a zip. It is opened anew for each, so that none is held open for longer."""
    try:
        with user_errors(path, "read"), zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UserError(f"{path}: is no whole zip ({error}); fetch it again") from error
    members = [one for one in members if not _is_hidden(PurePosixPath(one.filename))]
    _require_size(path, sum(one.file_size for one in members))

    def reader(member: zipfile.ZipInfo) -> Callable[[], bytes]:
        def contents() -> bytes:
            try:
                with user_errors(path, "read"), zipfile.ZipFile(path) as archive:
                    return archive.read(member)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
                raise UserError(
                    f"{path}/{member.filename}: cannot be unpacked ({error}); fetch the zip again"
                ) from error

        return contents

    folders: dict[str, dict[str, SuiteFile]] = {}
    for one in sorted(members, key=lambda member: member.filename):
        place = PurePosixPath(one.filename)
        beside = folders.setdefault(str(place.parent), {})
        beside[place.name] = SuiteFile(place.name, f"{path}/{one.filename}", reader(one), beside)
    return [file for beside in folders.values() for file in beside.values()]
