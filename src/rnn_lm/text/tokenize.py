"""A line of text into tokens, and tokens back into text for a person to read.

``words`` follows the Penn Treebank in splitting clitics off (``do n't``, ``god 's``), as the tokenizers behind most
language-model corpora and published word vectors do: it spares the vocabulary a second entry for every possessive.
Words joined by hyphens, other words with an apostrophe in them (``o'clock``) and numbers such as ``1,000`` stay whole.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache

from rnn_lm.registry import Registry
from rnn_lm.text.subwords import join_pieces
from rnn_lm.text.white_space import words_of
from rnn_lm.vocabulary import EOS

Tokenizer = Callable[[str], list[str]]

TOKENIZERS: Registry[Tokenizer] = Registry("tokenization")
"""Tokenizations by name: a line of text to its tokens."""

_BYTES = tuple(chr(byte) if byte < 0x80 else f"<0x{byte:02X}>" for byte in range(256))
"""The token of each byte: ASCII as it is written, the bytes of other characters by their number."""
_CLITIC = "(?:[sS]|[dD]|[mM]|[lL][lL]|[rR][eE]|[vV][eE])"
_JOINERS = "\u200c\u200d"  # zero-width non-joiner and joiner: they stand inside Persian and Indic words


@TOKENIZERS.register("words")
def words(text: str) -> list[str]:
    """Words, numbers, clitics and punctuation marks; ``<unk>`` stays one token, and nothing but white space is lost."""
    if "n't" in text or "n’t" in text or "N'T" in text:
        text = _negation().sub(r" \1", text)
    return _word_pattern(_marks(text)).findall(text)


@TOKENIZERS.register("whitespace")
def whitespace(text: str) -> list[str]:
    """What stands between ASCII white space, as it stands: for text that has been tokenized already; KenLM's tokens."""
    return words_of(text)


@TOKENIZERS.register("characters")
def characters(text: str) -> list[str]:
    """Every character a token, the space among them; ``<unk>`` stays one token."""
    return re.findall("<unk>|.", text, re.DOTALL)


@TOKENIZERS.register("bytes")
def utf8_bytes(text: str) -> list[str]:
    """Every byte of the text in UTF-8 a token; bytes that ``surrogateescape`` carried through come out as they were."""
    return [_BYTES[byte] for byte in text.encode("utf-8", "surrogateescape")]


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


def join_tokens(tokens: Iterable[str], tokenization: str) -> str:
    """Text for a person to read, ``<eos>`` as a line break: tokenizing undone, as far as the tokens tell.

    Words lose where spaces stood around punctuation, so for them this restores what English spelling asks for:
    ``do n't`` becomes ``don't``, and straight quotation marks are taken to open and close in turn within a sentence.

    Args:
        tokens: of one or several sentences.
        tokenization: the name of the tokenization they come from.
    """
    lines: list[list[str]] = [[]]
    for token in tokens:
        if token == EOS:
            lines.append([])
        else:
            lines[-1].append(token)
    join = {"words": _join_words, "whitespace": " ".join, "characters": "".join, "bytes": _join_bytes,
            "bpe": join_pieces, "unigram": join_pieces}[tokenization]  # fmt: skip
    return "\n".join(join(line) for line in lines)


def _join_bytes(tokens: list[str]) -> str:
    """Bytes as text; a character whose last byte has not come yet is left out, so that text only ever grows."""
    numbers = {token: byte for byte, token in enumerate(_BYTES)}
    # <unk> is the one token that stands for no byte.
    data = b"".join(bytes([numbers[token]]) if token in numbers else token.encode() for token in tokens)
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data)


def _join_words(tokens: list[str]) -> str:
    pieces: list[str] = []
    open_quotes: set[str] = set()
    after_opening = True
    for index, token in enumerate(tokens):
        closes = token in _CLOSING or not token.strip(".") or _is_clitic(token)
        opens = token in _OPENING
        if token in _STRAIGHT_QUOTES:
            possessive = token == "'" and token not in open_quotes and index > 0 and tokens[index - 1].endswith("s")
            last = index > 0 and index == len(tokens) - 1
            closes = token in open_quotes or possessive or last
            opens = not closes
            open_quotes = open_quotes - {token} if closes else open_quotes | {token}
        pieces.append(token if after_opening or closes else f" {token}")
        after_opening = opens
    return "".join(pieces)


def _is_clitic(token: str) -> bool:
    return re.fullmatch(rf"[nN]['’][tT]|['’]{_CLITIC}", token) is not None
