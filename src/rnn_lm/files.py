"""Reading and writing that never leaves half a file and answers a bad one with a line a person can act on."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rnn_lm.errors import UserError


@contextlib.contextmanager
def user_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn what the operating system refuses (no such file, full disk, read-only) into a one-line ``UserError``."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path}: cannot {doing}: there is no such file or folder") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{path}: cannot {doing}: {reason}; free space or choose another folder") from error


def make_folder(path: Path) -> Path:
    """Create ``path`` and its parents where they are missing; raises ``UserError`` where that cannot be done."""
    with user_errors(path, "create the folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write ``data`` so that ``path`` holds either its old content or all of the new, whatever happens meanwhile.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and take the name in one rename.
    """
    content = data.encode() if isinstance(data, str) else data
    with user_errors(path, "write"):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def read_text(path: Path) -> str:
    """The UTF-8 text of ``path``; raises ``UserError`` where it is missing, unreadable or not UTF-8."""
    with user_errors(path, "read"):
        content = path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from error


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, atomically. NaN is refused: JSON has none."""
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON; raises ``UserError`` naming file, line and column where it is cut off or garbled."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = error.lineno
        raise UserError(f"{path}: line {line}: not JSON ({error.msg}); the file is damaged or cut off") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically; nothing in it can execute on load."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, save(contiguous, metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file; raises ``UserError`` where it is missing or damaged."""
    with user_errors(path, "read"):
        if not path.is_file():
            raise FileNotFoundError
        try:
            with safe_open(str(path), framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
                return tensors, dict(file.metadata() or {})
        except SafetensorError as error:
            raise UserError(f"{path}: damaged, not a whole safetensors file ({error})") from error
