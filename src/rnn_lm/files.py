"""Reading and writing that never leaves half a file and answers a bad one with a line a person can act on."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import stat
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.temporary import remove_abandoned, temporary_name


@contextlib.contextmanager
def user_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn what the operating system refuses (no such file, full disk, read-only) into a one-line ``UserError``."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: cannot {doing}: there is no such file or folder") from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"{path}: cannot {doing}: {error.strerror or error}; {_fix(error)}") from error


def _fix(error: OSError) -> str:
    """What a person can do about what the operating system said."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free space or choose another folder"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "change who may use it, or choose another place"
    if error.errno == errno.EISDIR:
        return "that is a folder; give a file"
    if error.errno == errno.ENOTDIR:
        return "a part of the path is a file, not a folder"
    if error.errno == errno.ENAMETOOLONG:
        return "choose a shorter name"
    return "choose another place"


def make_folder(path: Path) -> Path:
    """Create ``path`` and its parents where they are missing; raises ``UserError`` where that cannot be done."""
    with user_errors(path, "create the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write ``data`` so that ``path`` holds either its old content or all of the new, whatever happens meanwhile.

    See ``atomic_file``.

    Raises:
        UserError: the operating system refuses.
        BrokenPipeError: the reader of a pipe has gone.
    """
    # A file name whose bytes are no text stands in strings by lone surrogates, which are written as JSON writes them.
    content = data.encode(errors="backslashreplace") if isinstance(data, str) else data
    with atomic_file(path) as file:
        file.write(content)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written bit by bit: ``path`` holds its old content until all of the new is written.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and take the name in one rename. A
    symlink stays one: what it points to is replaced. What is no regular file (a device, a pipe) is written through,
    since a rename would put a file in its place. What killed processes left of earlier attempts is removed.

    Raises:
        UserError: the operating system refuses.
        BrokenPipeError: the reader of a pipe has gone.
    """
    with user_errors(path, "write"):
        if _is_special(path):
            with path.open("wb") as file:
                yield file
            return
        target = path.resolve()
        remove_abandoned(target.parent, target.name)
        temporary = target.parent / temporary_name(target.name)
        try:
            # Made by the mode that the umask leaves, as any file; one that is replaced keeps its own.
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def require_output(path: Path, flag: str, *, overwrite: bool) -> None:
    """Find out before the work begins whether its result can be written, and whether that would destroy something.

    Args:
        path: the file to be written.
        flag: that named it, for the message.
        overwrite: whether a file that is there may be replaced.

    Raises:
        UserError: ``path`` is a folder; its folder does not exist or cannot be written; or it is a file with content,
            and ``overwrite`` is not set.
    """
    with user_errors(path, f"write {flag} there"):
        if path.is_dir():
            raise UserError(f"{flag} {path}: is a folder; give the name of a file")
        if _is_special(path):
            return
        folder = path.resolve().parent
        if not folder.is_dir():
            raise UserError(f"{flag} {path}: there is no folder {folder}; make it first, or choose another place")
        exists = path.exists()
        if not os.access(path if exists else folder, os.W_OK):
            raise UserError(f"{flag} {path}: may not be written by you; choose another place")
        if exists and path.stat().st_size > 0 and not overwrite:
            raise UserError(f"{flag} {path}: is there already; add --overwrite to replace it, or choose another name")


def _is_special(path: Path) -> bool:
    """Whether ``path`` leads to something that is neither a regular file nor a folder: a device, a pipe, a socket."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def write_all(file: RawIOBase, content: bytes) -> None:
    """Write all of ``content`` to a file without a buffer, which may take less of it at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def read_text(path: Path) -> str:
    """The UTF-8 text of ``path``; raises ``UserError`` where it is missing, unreadable, not UTF-8, or no regular file:
    nobody may be writing to a pipe, and a device may have no end."""
    with user_errors(path, "read"):
        if _is_special(path):
            raise UserError(f"{path}: is a pipe or a device; give a file")
        content = path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from error


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, atomically. NaN is refused: JSON has none."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if any("\ud800" <= character <= "\udfff" for character in text):  # halves of characters have no UTF-8
        text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    write_atomically(path, text)


def read_json(path: Path) -> Any:
    """Read JSON; raises ``UserError`` naming file, line and column where it is cut off or garbled."""
    return parse_json(read_text(path), str(path))


def parse_json(text: str, source: str) -> Any:
    """The value that ``text`` is as JSON; raises ``UserError`` naming ``source``, a file or a line of one, where it is
    none."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_of_64_bits)
    except json.JSONDecodeError as error:
        place = source if ": line " in source else f"{source}: line {error.lineno}"
        raise UserError(f"{place}: not JSON ({error.msg}); the file is damaged or cut off") from error
    except (ValueError, RecursionError) as error:  # NaN, a number of thousands of digits, thousands of brackets
        reason = str(error).partition(";")[0]
        raise UserError(f"{source}: not JSON that can be read ({reason}); the file is damaged") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:20]} is larger than any number here")
    return number


def _of_64_bits(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) >= 2**64:
        raise ValueError(f"{digits[:20]}... is larger than any number here")
    return number


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically; nothing in it can execute on load."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; raises ``UserError`` where it is missing or damaged."""
    with _opened(path) as file:
        # Copied: what is handed out is a map of the file, and would change, or be gone, with it.
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a mapping)
        return tensors, dict(file.metadata() or {})


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file alone, which is quick however large it is; raises as ``read_tensors``."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with user_errors(path, "read"):
        if not path.is_file():
            raise FileNotFoundError
        try:
            with safe_open(str(path), framework="pt") as file:
                yield file
        # Not only its own error: torch refuses shapes and types that safetensors lets pass.
        except (SafetensorError, ValueError, TypeError, RuntimeError, AttributeError, KeyError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{path}: damaged, not a whole safetensors file ({reason})") from error
