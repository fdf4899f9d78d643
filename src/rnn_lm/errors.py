"""The one exception that a person's mistake raises, and what the command line makes of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something a person typed or supplied cannot be used.

    The message is one line that names the file, line or flag and the mend. The command line prints it and exits
    with code 2; a caller of the library can catch it.
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
