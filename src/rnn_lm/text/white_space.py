"""What separates tokens: ASCII white space alone, as for KenLM; a no-break space or a line separator is part of a word.

KenLM's Python module splits at space, tab, line feed, vertical tab, form feed and carriage return, and so does
``wc -w`` in the C locale; in others that depends on the locale. Python's ``str.split`` also splits at U+001C to U+001F,
U+0085, U+00A0, U+2028, U+3000 and others: a text would have other tokens here than there.
"""

from __future__ import annotations

import re

_SPACES_BUT_SPACE = re.compile(r"[\t\n\v\f\r]")


def words_of(text: str) -> list[str]:
    """What stands between ASCII white space: the tokens that KenLM sees."""
    if _SPACES_BUT_SPACE.search(text):
        text = _SPACES_BUT_SPACE.sub(" ", text)
    words = text.split(" ")
    return [word for word in words if word] if "" in words else words


def normalize(line: str) -> str:
    """``line`` with each run of ASCII white space as one space, none at its ends; "" where it is blank to a reader."""
    if not line or line.isspace():
        return ""
    as_it_is = not ("  " in line or line[0] == " " or line[-1] == " " or _SPACES_BUT_SPACE.search(line))
    return line if as_it_is else " ".join(words_of(line))
