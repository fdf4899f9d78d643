"""Where each token of a text stands in it as it was written, though the model reads it in another form and case.

    written   "It said:  Café"      the offsets of  it  said  :  café    are 0, 2, 7, 8:

the white space before a token is counted as its own, so that the text from one offset to the next is what a token
stands for. A character whose lower case is longer than itself (``İ``), or that is written as a letter and a mark, is
found where it was written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice

from rnn_lm.text import TextCodec
from rnn_lm.text.markers import without_markers
from rnn_lm.vocabulary import EOS


def offsets_of(text: str, tokens: Sequence[str], codec: TextCodec) -> list[int]:
    """Return where each token begins, in characters of ``text``; rising, from 0 to its length.

    Args:
        text: as it was written, of one or several lines.
        tokens: ``codec.tokens(text)``.
        codec: that cut it.
    """
    offsets: list[int] = []
    rest = iter(tokens)
    start, cursor = 0, 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        if not last and not line.strip() and not codec.settings.blank_lines:
            start += len(line) + 1
            continue
        count = _tokens_in(line, codec)
        found = list(islice(rest, count))
        cursor = start if number else 0
        for token, end in zip(found, _ends(line, found, codec), strict=True):
            offsets.append(cursor)
            cursor = start + end if token != EOS else start + len(line.rstrip("\r"))
        start += len(line) + 1
        if not last and (not found or found[-1] != EOS):
            next(rest, None)
            offsets.append(min(cursor if found else start - 1, len(text)))
    return offsets


def _tokens_in(line: str, codec: TextCodec) -> int:
    """How many tokens a line has, its line break not among them."""
    return len(codec.tokens(line.removesuffix("\r")))


def _ends(line: str, tokens: Sequence[str], codec: TextCodec) -> Iterator[int]:
    """Where each token ends in the line as it was written."""
    line = line.removesuffix("\r")
    inner = without_markers(line)[0]
    shift = max(0, line.find(inner)) if inner else 0
    prepared, places = _prepared(inner, codec)
    joiner, whole, at = codec.tokenization.joiner(), codec.tokenization.restores == "line", 0
    for token in tokens:
        if whole:
            at = min(at + len(joiner.add(token)), len(prepared))
        elif (found := prepared.find(token, at)) >= 0:
            at = found + len(token)
        yield shift + places[at]


def _prepared(line: str, codec: TextCodec) -> tuple[str, list[int]]:
    """A line as the model's text was read, and where in ``line`` each of its characters stands, and its end."""
    prepared = codec.settings.prepared(line)
    if line.isascii():
        return prepared, list(range(len(line) + 1))
    places: list[int] = []
    begin = 0
    for end in range(1, len(line) + 1):
        if end < len(line) and unicodedata.combining(line[end]):
            continue
        places += [begin] * len(codec.settings.prepared(line[begin:end]))
        begin = end
    places = places[: len(prepared)]  # where the parts alone come to another length, the end is as near as can be
    return prepared, [*places, *[len(line)] * (len(prepared) + 1 - len(places))]
