"""Generated tokens as text that a person can read, while they are being produced."""

from __future__ import annotations

from collections.abc import Iterable

from rnn_lm.text.tokenize import join_tokens
from rnn_lm.vocabulary import EOS


class TextWriter:
    """Turns tokens into the text to print for each, one by one; a sentence's end begins a new line.

    Args:
        tokenisation: how the model's corpus was cut.
    """

    def __init__(self, tokenisation: str) -> None:
        self.tokenisation = tokenisation
        self._sentence: list[str] = []
        self._written = 0

    def add(self, token: str) -> str:
        """What this token adds to what is on the screen."""
        if token == EOS:
            self._sentence, self._written = [], 0
            return "\n"
        self._sentence.append(token)
        text = join_tokens(self._sentence, self.tokenisation)
        added, self._written = text[self._written :], len(text)
        return added


def readable(tokens: Iterable[str], tokenisation: str) -> str:
    """All of ``tokens`` as text, a sentence per line."""
    writer = TextWriter(tokenisation)
    return "".join(writer.add(token) for token in tokens).rstrip()
