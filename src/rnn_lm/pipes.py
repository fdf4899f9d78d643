"""Pipes in the place of files: read like them, but never waited for without end."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from rnn_lm.errors import UserError

PATIENCE = 5.0
"""Seconds for somebody to begin writing to a pipe."""
_CHUNK = 1 << 16


@contextlib.contextmanager
def open_when_written(path: Path, flag: str) -> Iterator[tuple[bytes, io.FileIO]]:
    """Open a file, or a pipe once somebody writes to it, which opening one as a file would wait for without end.

    Args:
        path: of the file, or pipe, as in ``--embedding <(zcat vectors)``.
        flag: that names it, for messages.

    Yields:
        What had to be read of a pipe to know (nothing of a file), and the rest.

    Raises:
        UserError: ``PATIENCE`` is over, and nobody has opened the other end of the pipe; or ``path`` is a device.
        OSError: it cannot be opened.
    """
    mode = path.stat().st_mode
    is_pipe = stat.S_ISFIFO(mode)
    if not (is_pipe or stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{flag} {path}: is no file but a device or a socket; give a file")
    with os.fdopen(os.open(path, os.O_RDONLY | (os.O_NONBLOCK if is_pipe else 0)), "rb", buffering=0) as file:
        first = b""
        if is_pipe:
            first = _first_of(file.fileno(), path, flag)
            os.set_blocking(file.fileno(), True)
        yield first, file


def _first_of(pipe: int, path: Path, flag: str) -> bytes:
    """What there is to read of a pipe as soon as somebody has opened its other end."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if data := os.read(pipe, _CHUNK):
                return data
        except BlockingIOError:  # somebody has the other end open, and is not ready
            return b""
        time.sleep(0.02)
    raise UserError(f"{flag} {path}: is a pipe that nobody writes to; give a file")
