"""What a person's mistake raises: ``UserError``, and the two kinds of it that a caller from Python may want to tell
apart."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something a person typed or supplied cannot be used.

    The message is one line that names the file, line or flag and the fix. The command line prints it and exits
    with code 2; a caller of the library can catch it.

    >>> import rnn_lm
    >>> try:
    ...     rnn_lm.load("runs/tiny").perplexity([])
    ... except rnn_lm.UserError as error:
    ...     print(error)
    there is no sentence to score; give at least one
    """


class SettingError(UserError, ValueError):
    """A setting cannot be used: how Python is told, where the command line names a flag.

    >>> import rnn_lm
    >>> try:
    ...     rnn_lm.train("my.txt", hidden_size=0)
    ... except rnn_lm.SettingError as error:
    ...     print(error)
    hidden_size must be at least 1
    """


class MissingFileError(UserError, FileNotFoundError):
    """A file or folder is not there.

    >>> import rnn_lm
    >>> try:
    ...     rnn_lm.load("runs/nothing")
    ... except FileNotFoundError as error:
    ...     print(error)
    runs/nothing: there is no such file or folder; check the path
    """


def require(condition: bool, message: str) -> None:
    """Raise ``UserError`` with ``message`` where ``condition`` does not hold: how settings check themselves."""
    if not condition:
        raise UserError(message)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not in a list: names the closest one, or all of them where none is close."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return UserError(f"unknown {kind} {name!r}: did you mean {close[0]!r}? (known: {', '.join(known)})")
    return UserError(f"unknown {kind} {name!r}: known are {', '.join(known)}")
