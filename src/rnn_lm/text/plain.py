"""The tokenizations that nothing has to be known for: what stands between white space, characters, bytes."""

from __future__ import annotations

import codecs
import re

from rnn_lm.text.base import TOKENIZERS, Joiner, Tokenization
from rnn_lm.text.white_space import words_of

_BYTES = tuple(chr(byte) if byte < 0x80 else f"<0x{byte:02X}>" for byte in range(256))
"""The token of each byte: ASCII as it is written, the bytes of other characters by their number."""
_NUMBERS = {token: byte for byte, token in enumerate(_BYTES)}


class WhiteSpace(Tokenization):
    """What stands between ASCII white space, as it stands: for text that has been tokenized already; KenLM's tokens."""

    label, restores = "words between white space", "characters"

    def cut(self, line: str) -> list[str]:
        return words_of(line)


class Characters(Tokenization):
    """Every character a token, the space among them; ``<unk>`` stays one token."""

    label, restores, separator = "characters", "line", ""

    def cut(self, line: str) -> list[str]:
        return re.findall("<unk>|.", line, re.DOTALL)


class Bytes(Tokenization):
    """Every byte of the text in UTF-8 a token; bytes that ``surrogateescape`` carried through come out as they were."""

    label, restores = "bytes", "line"

    def cut(self, line: str) -> list[str]:
        return [_BYTES[byte] for byte in line.encode("utf-8", "surrogateescape")]

    def joiner(self) -> Joiner:
        return Utf8Joiner()


class Utf8Joiner(Joiner):
    """Writes bytes as characters, each as soon as its last byte has come; one that is never completed is left out."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: str) -> str:
        return self._decoder.decode(self.bytes_of(token))

    @staticmethod
    def bytes_of(token: str) -> bytes:
        """Return the bytes that a token stands for; ``<unk>``, which stands for none, as it is written."""
        return bytes([_NUMBERS[token]]) if token in _NUMBERS else token.encode()


TOKENIZERS.register("whitespace")(WhiteSpace())
TOKENIZERS.register("characters")(Characters())
TOKENIZERS.register("bytes")(Bytes())
