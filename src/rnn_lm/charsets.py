"""Names of encodings that a text file may be written in."""

from __future__ import annotations

import codecs

from rnn_lm.errors import UserError

_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})
"""What Python calls encodings of text and no file is written in."""


def require_encoding(name: str) -> None:
    """Raise ``UserError`` where ``name`` is no encoding that a text file may have."""
    try:
        found = codecs.lookup(name)
        usable = found._is_text_encoding and found.name not in _NO_CHARSETS  # pyright: ignore[reportAttributeAccessIssue]
        usable = usable and "a\n".encode(name).decode(name) == "a\n"
    except (LookupError, ValueError, TypeError):
        usable = False
    if not usable:
        raise UserError(
            f"--encoding {name[:80]}: no such encoding of text; e.g. utf-8, cp1252, cp850, koi8-r, shift-jis, utf-16-le"
        )
