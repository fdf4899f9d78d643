"""The one form and case that text is brought into before it is cut: a corpus, a prompt, a text to score."""

from __future__ import annotations

import unicodedata
from typing import Literal, TypeAlias

Normalize: TypeAlias = Literal["nfc", "none"]


def prepared(text: str, lowercase: bool, normalize: Normalize) -> str:
    """Return ``text``, a line or several, in one form of Unicode and one case.

    Args:
        text: as it was written.
        lowercase: whether to lower-case it.
        normalize: the form to bring it into before that; "none": leave it as it is.
    """
    if normalize == "nfc" and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text.lower() if lowercase else text
