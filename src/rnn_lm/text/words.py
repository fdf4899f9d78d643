"""Words: punctuation and clitics split off as the Penn Treebank does, and put back for a person to read.

Clitics stand alone (``do n't``, ``god 's``), as with the tokenizers behind most language-model corpora and published
word vectors: it spares the vocabulary a second entry for every possessive. Words joined by hyphens, other words with an
apostrophe in them (``o'clock``) and numbers such as ``1,000`` stay whole.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rnn_lm.text.base import TOKENIZERS, Joiner, Tokenization

_CLITIC = "(?:[sS]|[dD]|[mM]|[lL][lL]|[rR][eE]|[vV][eE])"
_JOINERS = "\u200c\u200d"  # zero-width non-joiner and joiner: they stand inside Persian and Indic words


def words(text: str) -> list[str]:
    """Words, numbers, clitics and punctuation marks; ``<unk>`` stays one token, and nothing but white space is lost."""
    if "n't" in text or "n’t" in text or "N'T" in text:
        text = _negation().sub(r" \1", text)
    return _word_pattern(_marks(text)).findall(text)


@lru_cache(maxsize=32)
def _word_pattern(marks: str) -> re.Pattern[str]:
    """The tokens of ``words`` where the text's combining marks are ``marks``: Python's ``\\w`` leaves them out."""
    letter = rf"(?:[^\W_]|[{re.escape(marks)}])" if marks else r"[^\W_]"
    alternatives = (
        "<unk>",
        rf"[nN]['’][tT](?!{letter})",
        r"\d+(?:[.,]\d+)+",
        rf"{letter}+(?:(?:-|['’](?!{_CLITIC}(?!{letter}))){letter}+)*",
        rf"['’]{_CLITIC}(?!{letter})",
        r"\.{2,}|-{2,}",
        r"\S",
    )
    return re.compile("|".join(alternatives))


@lru_cache(maxsize=1)
def _negation() -> re.Pattern[str]:
    return re.compile(r"(?<=[^\W_])([nN]['’][tT])(?![^\W_])")


def _marks(text: str) -> str:
    """The combining marks and joiners in ``text``, which belong to the word that they stand in."""
    if text.isascii():
        return ""
    return "".join(sorted(c for c in set(text) if unicodedata.category(c).startswith("M") or c in _JOINERS))


_OPENING = frozenset("([{“‘«¿¡$£€")
_CLOSING = frozenset(".,;:!?)]}”’»%…")
_STRAIGHT_QUOTES = frozenset("\"'")


class WordJoiner(Joiner):
    """Writes words as English spelling asks for: where spaces stood around punctuation, words do not tell.

    ``do n't`` becomes ``don't``, and straight quotation marks are taken to open and close in turn within a sentence.
    One that would open is held until the next token comes: the last of a sentence closes, whatever it looks like.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before = ""
        self._held = False
        self._open: set[str] = set()
        self._after_opening = True

    def add(self, token: str) -> str:
        text = self._write(self._before, opens=True) if self._held else ""
        before, self._before, self._held = self._before, token, False
        if token not in _STRAIGHT_QUOTES:
            return text + self._write(token, opens=token in _OPENING, closes=_stands_close(token))
        possessive = token == "'" and before.endswith("s")
        if token in self._open or possessive:
            self._open.discard(token)
            return text + self._write(token, closes=True)
        self._held = before != ""
        return text if self._held else text + self._write(token, opens=True)

    def finish(self) -> str:
        return self._write(self._before, closes=True) if self._held else ""

    def _write(self, token: str, *, opens: bool = False, closes: bool = False) -> str:
        if opens and token in _STRAIGHT_QUOTES:
            self._open.add(token)
        text = token if self._after_opening or closes else f" {token}"
        self._after_opening = opens
        return text


def _stands_close(token: str) -> bool:
    """Whether no space stands before a token."""
    return token in _CLOSING or not token.strip(".") or _is_clitic(token)


def _is_clitic(token: str) -> bool:
    return re.fullmatch(rf"[nN]['’][tT]|['’]{_CLITIC}", token) is not None


class Words(Tokenization):
    """Words, numbers, clitics and punctuation marks."""

    label, restores, for_raw_text = "words", "characters", True

    def cut(self, line: str) -> list[str]:
        return words(line)

    def joiner(self) -> Joiner:
        return WordJoiner()


TOKENIZERS.register("words")(Words())
