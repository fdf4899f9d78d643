"""From tokens to the text of one choice: where each begins, what may be sent already, and where a stop string cuts.

    prompt "the sea "    tokens     saw      the     boat    .
                         text       "saw"   " the"  " boat"  "."
                         offset      8       11      15       20      characters, from the prompt's first

Text that could be the beginning of a stop string is held until it is known not to be; a token goes out with the text
that it adds. So what is streamed, joined, is what is answered whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rnn_lm.serve.alignment import offsets_of
from rnn_lm.text import StreamDecoder, TextCodec
from rnn_lm.vocabulary import EOS

LONGEST_TAIL = 512
"""Tokens since the last ``<eos>`` that are looked at to know how the next is joined to them."""


@dataclass
class Token:
    """One token of an answer.

    Attributes:
        id: its number.
        offset: where its text begins, in characters from the beginning of the prompt.
        log_prob: log P of it in nats, of the model as it is; None where nothing stands before it.
        top: the most probable tokens in its place with the same; None where they were not asked for.
    """

    id: int
    offset: int
    log_prob: float | None = None
    top: list[tuple[int, float]] | None = None


@dataclass
class Piece:
    """What is known at once of an answer: text, and the tokens whose text it is.

    Attributes:
        text: it adds.
        tokens: that belong to it.
        finish: "stop" or "length" with the last piece; else None.
    """

    text: str
    tokens: list[Token] = field(default_factory=list)
    finish: str | None = None


@dataclass(frozen=True)
class Prompt:
    """What a choice goes on from.

    Attributes:
        ids: the tokens to be read, without the ``<eos>`` before them.
        text: what they were written as.
        offsets: where each begins in it.
    """

    ids: list[int]
    text: str
    offsets: list[int]

    @classmethod
    def of_text(cls, text: str, codec: TextCodec) -> Prompt:
        """Cut a text."""
        tokens = codec.tokens(text)
        return cls(codec.vocabulary.encode(tokens), text, offsets_of(text, tokens, codec))

    @classmethod
    def of_ids(cls, ids: Sequence[int], codec: TextCodec) -> Prompt:
        """Write ids as text."""
        decoder, text, offsets = codec.decoder(), "", []
        for index in ids:
            offsets.append(len(text))
            text += decoder.add(index)
        return cls(list(ids), text + decoder.finish(), offsets)


class Writer:
    """Writes what is drawn behind a prompt.

    Args:
        codec: the model's.
        before: ids since the last ``<eos>`` before what is to be written.
        text: that they end with; where it ends with a space, none is written again.
        length: in characters, of all text before.
        stop: strings that end the answer and are not part of it; ``<eos>`` is the end of a sentence.
    """

    def __init__(self, codec: TextCodec, before: Sequence[int], text: str, length: int, stop: Sequence[str]) -> None:
        self._decoder = decoder_after(codec, before)
        self._held = decoder_after(codec, before).finish().strip()
        self._spaced = codec.tokenization.restores != "line" and (not text or text[-1:].isspace())
        self._eos_id = codec.vocabulary.eos_id
        self._start = length
        self._stops_at_eos = EOS in stop
        self._stop = [one for one in stop if one and one != EOS]
        self._reach = max(map(len, self._stop), default=0)
        self._text, self._sent = "", 0
        self._tokens: list[Token] = []

    @property
    def written(self) -> int:
        """Characters of text so far."""
        return len(self._text)

    def add(self, token: Token) -> Piece | None:
        """Take a drawn token; return what can be sent now, or None."""
        token.offset = self._start + len(self._text)
        self._tokens.append(token)
        if token.id == self._eos_id and self._stops_at_eos:
            self._text += self._decoder.finish()
            return self._finished("stop")
        return self._grow(self._first(self._decoder.add(token.id)))

    def end(self, reason: str) -> Piece:
        """Return the last piece."""
        piece = self._grow(self._decoder.finish())
        return piece if piece is not None and piece.finish else self._finished(reason, piece)

    def _first(self, piece: str) -> str:
        """The first text behind a prompt: without what the prompt has already."""
        if piece and not self._text:
            if self._held and piece.lstrip().startswith(self._held):
                piece = piece.lstrip()[len(self._held) :]
            if self._spaced:
                piece = piece.removeprefix(" ")
            self._held = ""
        return piece

    def _grow(self, piece: str) -> Piece | None:
        begin = max(0, len(self._text) - self._reach + 1)
        self._text += piece
        found = [at for one in self._stop if (at := self._text.find(one, begin)) >= 0]
        if found:
            self._text = self._text[: min(found)]
            self._sent = min(self._sent, len(self._text))
            return self._finished("stop")
        return self._send(len(self._text) - self._may_begin_stop())

    def _may_begin_stop(self) -> int:
        """How much of the end of the text could be the beginning of a stop string."""
        for length in range(min(self._reach - 1, len(self._text)), 0, -1):
            end = self._text[-length:]
            if any(one.startswith(end) for one in self._stop):
                return length
        return 0

    def _send(self, upto: int) -> Piece | None:
        if upto < self._sent:
            return None
        text, self._sent = self._text[self._sent : upto], upto
        known = [token for token in self._tokens if token.offset < self._start + upto or upto == len(self._text)]
        self._tokens = self._tokens[len(known) :]
        return Piece(text, known) if text or known else None

    def _finished(self, reason: str, before: Piece | None = None) -> Piece:
        """All that is left; of what a stop string cut off, no token."""
        end = self._start + len(self._text)
        whole = reason != "stop" or self._stops_at_eos
        known = [token for token in self._tokens if whole or token.offset < end]
        text = self._text[self._sent :]
        self._sent, self._tokens = len(self._text), []
        if before is not None:
            text, known = before.text + text, [*before.tokens, *known]
        return Piece(text, known, reason)


def decoder_after(codec: TextCodec, ids: Sequence[int]) -> StreamDecoder:
    """Return what writes tokens behind ``ids``, of which those since the last ``<eos>`` matter."""
    decoder = codec.decoder()
    for index in since_eos(ids, codec.vocabulary.eos_id)[-LONGEST_TAIL:]:
        decoder.add(index)
    return decoder


def since_eos(ids: Sequence[int], eos_id: int) -> Sequence[int]:
    """Return the end of ``ids`` that begins with its last ``<eos>``; all of it where there is none."""
    for at in range(len(ids) - 1, max(-1, len(ids) - 1 - LONGEST_TAIL), -1):
        if ids[at] == eos_id:
            return ids[at:]
    return ids[-LONGEST_TAIL:]
