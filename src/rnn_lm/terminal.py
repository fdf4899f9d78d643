"""Standard output and error that never end a command by themselves: any encoding, a full device, a closed stream.

What a terminal's encoding lacks is written in plain characters (a bar of ``=``, a quotation mark of ``"``), and what
has no plain form by its number. What can no longer be written anywhere is dropped where a command leaves a run folder:
hours of training are worth more than the line that says how far they are. Other commands are there for what they
print, and end.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any

PLAIN = "rnn_lm.plain"
"""The name of our way with characters that an encoding lacks."""
_PLAIN_FORMS = {
    "━": "=", "╌": ".", "─": "-", "│": "|", "…": "...", "−": "-", "–": "-", "—": "-", "×": "x", "→": "->", "←": "<-",
    "≤": "<=", "≥": ">=", "±": "+-", "“": '"', "”": '"', "‘": "'", "’": "'", "·": ".", "•": "*", "≈": "~",
    "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip


def plain_form(character: str) -> str:
    """``character`` in ASCII: its usual stand-in, a byte of a file name as ``\\xff``, any other by its number."""
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte that was not text in the encoding of file names (PEP 383)
        return f"\\x{number - 0xDC00:02x}"
    return _PLAIN_FORMS.get(character) or character.encode("ascii", "backslashreplace").decode()


def plain_line(text: str) -> str:
    """``text`` with what a terminal obeys, or ends a line for, by its number: names that are repeated may hold it.

    >>> plain_line("runs/\x1b[31mred\n")
    'runs/\\x1b[31mred\\n'
    """
    return "".join(one.encode("unicode_escape").decode() if _is_obeyed(one) else one for one in text)


def _is_obeyed(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") and character != "\t"


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(map(plain_form, error.object[error.start : error.end])), error.end


codecs.register_error(PLAIN, _replace)


class OutputLost(OSError):
    """Standard output cannot be written, and the command has no other result."""


class SafeOutput:
    """A text stream in front of another: ``keep_going`` says what happens when that one takes no more.

    Attributes:
        keep_going: whether what cannot be written is dropped, after one line on stderr; else the error goes on.
        lost: the first error, if there was one.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.keep_going = False
        self.lost: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):  # one that is closed takes no settings
                stream.reconfigure(errors=PLAIN)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write ``text``; see the class for what happens where that cannot be done."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._lose(error)
            return len(text)

    def writelines(self, lines: Any) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        first, self.lost = self.lost is None, self.lost or error
        # From here on the stream leads nowhere, so that what is still in its buffer troubles nobody.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        if not self.keep_going:
            raise error if isinstance(error, BrokenPipeError) else OutputLost(error.errno, error.strerror)
        if first and not isinstance(error, BrokenPipeError) and sys.stderr is not self:
            with contextlib.suppress(OSError):
                print(f"rnn-lm: {lost_line(error)}; the work goes on without it", file=sys.stderr)


def lost_line(error: OSError) -> str:
    """What is said of output that cannot be written."""
    fix = "; free space, or send it elsewhere" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"the output cannot be written: {error.strerror or error}{fix}"


@contextlib.contextmanager
def safe_output() -> Iterator[SafeOutput]:
    """Inside, ``sys.stdout`` and ``sys.stderr`` write in any encoding, and are there even where they were closed.

    Yields:
        What stands for standard output. At the end of the block it may raise as a write does.
    """
    before = sys.stdout, sys.stderr
    output, errors = SafeOutput(_open_stream(before[0], 1)), SafeOutput(_open_stream(before[1], 2))
    errors.keep_going = True
    sys.stdout, sys.stderr = output, errors  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield output
    finally:
        try:
            errors.flush()
        finally:
            sys.stdout, sys.stderr = before


def _open_stream(stream: Any, number: int) -> Any:
    """``stream``, or one that leads nowhere in its place where the command was started with it closed.

    The place must be taken: the first file to be opened would get its number, and whatever a library prints with it.
    """
    if stream is not None:
        return stream
    for lower in range(number + 1):
        try:
            os.fstat(lower)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    return open(os.devnull, "w", encoding="utf-8")
