"""Text to ids and back: the vocabulary, how text is cut, and how it was read, in one object.

    codec.encode("The sea saw it.\nAnd")      the sea saw it . <eos> and          as ids
    codec.decode(ids)                         "the sea saw it.\nand"

A line of text is a sentence, and its line break is ``<eos>``, so that a text which ends with a line break ends with
``<eos>``, and one that does not can be gone on with: it is a prompt. What other programs mark sentences with (``<s>``,
``</s>``) is taken off at the edges of a line, and at its end stands for its break. Blank lines are left out, unless the
corpus counts them. The ``<eos>`` that every model reads before the first token is not among the ids: whoever gives the
model its first input gives it that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from rnn_lm.checksums import is_intact, with_checksum
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.files import make_folder, read_json, write_json
from rnn_lm.schema import first_fault
from rnn_lm.text.base import TOKENIZER, TOKENIZERS, Joiner, Tokenization
from rnn_lm.text.forms import Normalize, prepared
from rnn_lm.text.markers import ENDS, without_markers
from rnn_lm.vocabulary import EOS, Vocabulary

VOCABULARY = "vocabulary.json"
CODEC = "codec.json"
_FORMAT, _VERSION = "rnn_lm codec", 1


@dataclass(frozen=True)
class TextSettings:
    """How text is read: as the corpus was that the vocabulary comes from.

    Attributes:
        tokens: the tokenization: a name in ``TOKENIZERS``.
        lowercase: whether it is lower-cased.
        normalize: the form of Unicode that it is brought into before; "none": as it stands.
        blank_lines: whether a blank line is a sentence without words.
    """

    tokens: str = "words"
    lowercase: bool = True
    normalize: Normalize = "nfc"
    blank_lines: bool = False

    def prepared(self, text: str) -> str:
        """Return ``text`` in one form and one case."""
        return prepared(text, self.lowercase, self.normalize)


@dataclass(frozen=True)
class TextCodec:
    """Text to ids and back, as one model does it.

    Attributes:
        vocabulary: token to id.
        tokenization: cuts and joins; where tokens are learned, the one that was learned.
        settings: how text is read.
    """

    vocabulary: Vocabulary
    tokenization: Tokenization
    settings: TextSettings = TextSettings()

    @classmethod
    def learn(
        cls, text: Iterable[str], settings: TextSettings | None = None, size: int | None = None, min_count: int = 1
    ) -> TextCodec:
        """Return the codec of a train text: what its tokenization learns, and the vocabulary.

        Args:
            text: its lines, read twice where tokens are learned.
            settings: how it is read; default: ``TextSettings()``.
            size: the most pieces, where tokens are learned; default: what is usual.
            min_count: the least count at which a token is kept.

        Raises:
            UserError: there is no such tokenization, or no token would be kept.
        """
        settings = settings or TextSettings()
        kind, lines = TOKENIZERS[settings.tokens], [settings.prepared(line) for line in text]
        tokenization = kind.train(lines, size or kind.usual_size or 0)
        vocabulary = Vocabulary.build(map(tokenization.cut, lines), min_count, pieces=tokenization.pieces)
        return cls(vocabulary, tokenization, settings)

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text of one or several lines, ``<eos>`` for each line break."""
        return tokens_of(text, self.tokenization, self.settings)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the same; a token outside the vocabulary is ``<unk>``."""
        return self.vocabulary.encode(self.tokens(text))

    def unknown(self, text: str) -> list[str]:
        """Return the tokens of a text that the vocabulary lacks, each once, in order."""
        return unknown_tokens(self.tokens(text), self.vocabulary)

    def decode(self, ids: Iterable[int]) -> str:
        """Return text for a person to read, a line break for each ``<eos>``; tokenizing undone as far as tokens tell.

        Raises:
            IndexError: an id is none of the vocabulary.
        """
        decoder = self.decoder()
        return "".join([*map(decoder.add, ids), decoder.finish()])

    def decoder(self) -> StreamDecoder:
        """Return what does the same while ids come, one by one."""
        return StreamDecoder(self.vocabulary, self.tokenization)

    def save(self, folder: Path) -> None:
        """Keep the codec in a folder: vocabulary.json, tokenizer.json where tokens are learned, and codec.json.

        Raises:
            UserError: the folder holds another tokenizer, or cannot be written.
        """
        make_folder(folder)
        self.tokenization.save(folder)
        self.vocabulary.save(folder / VOCABULARY)
        digests = {"vocabulary": self.vocabulary.digest, "tokenizer": self.tokenization.digest}
        facts = {"format": _FORMAT, "version": _VERSION, **asdict(self.settings), "digests": digests}
        write_json(folder / CODEC, with_checksum(facts))

    @classmethod
    def load(cls, folder: Path) -> TextCodec:
        """Read what ``save`` kept. (The codec of a model's folder comes with the model.)

        Raises:
            UserError: a file is missing, damaged, or another codec's; or the tokenization is not known here.
        """
        path = folder / CODEC
        facts = read_json(path)
        fault = _fault(facts)
        if fault is not None:
            raise UserError(f"{path}: not a codec written by rnn-lm: {fault}")
        settings = TextSettings(facts["tokens"], facts["lowercase"], facts["normalize"], facts["blank_lines"])
        if settings.tokens not in TOKENIZERS:
            raise UserError(f"{path}: {unknown_name(TOKENIZERS.kind, settings.tokens, TOKENIZERS)}")
        vocabulary = Vocabulary.load(folder / VOCABULARY)
        tokenization = TOKENIZERS[settings.tokens].load(folder)
        for name, found in ((VOCABULARY, vocabulary.digest), (TOKENIZER, tokenization.digest)):
            if facts["digests"].get(name.partition(".")[0]) != found:
                raise UserError(f"{folder / name}: is not the one that {CODEC} was written with; put that back")
        return cls(vocabulary, tokenization, settings)


class StreamDecoder:
    """Turns ids into the text to print for each, one by one, in time that does not grow with what came before.

    What has been given out is never taken back: a character whose bytes come in parts is given with the last of them.

    Args:
        vocabulary: id to token.
        tokenization: how tokens are joined.
    """

    def __init__(self, vocabulary: Vocabulary, tokenization: Tokenization) -> None:
        self._vocabulary, self._tokenization = vocabulary, tokenization
        self._joiner: Joiner = tokenization.joiner()

    def add(self, index: int) -> str:
        """Return what this id adds to the text; ``<eos>`` begins a new line.

        Raises:
            IndexError: it is none of the vocabulary.
        """
        (token,) = self._vocabulary.decode([index])
        return self.add_token(token)

    def add_token(self, token: str) -> str:
        """Return the same for a token, which the vocabulary need not know."""
        return f"{self.finish()}\n" if token == EOS else self._joiner.add(token)

    def finish(self) -> str:
        """Return what was held until the end of the sentence, or of the text."""
        text, self._joiner = self._joiner.finish(), self._tokenization.joiner()
        return text


def tokens_of(text: str, tokenization: Tokenization, settings: TextSettings) -> list[str]:
    """Return the tokens of a text of one or several lines, ``<eos>`` for each line break: see this module's top."""
    tokens: list[str] = []
    *whole, rest = text.replace("\r\n", "\n").split("\n")
    for line in whole:
        if line.strip() or settings.blank_lines:
            found = _tokens_of_line(line, tokenization, settings)
            tokens += found if found[-1:] == [EOS] else [*found, EOS]
    return tokens + _tokens_of_line(rest, tokenization, settings)


def _tokens_of_line(line: str, tokenization: Tokenization, settings: TextSettings) -> list[str]:
    line, after = without_markers(line)
    ended = any(marker.lower() in ENDS for marker in after)
    return (tokenization.cut(settings.prepared(line)) if line else []) + [EOS] * ended


def unknown_tokens(tokens: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Return the tokens that the vocabulary lacks, each once, in order."""
    return list(dict.fromkeys(token for token in tokens if token not in vocabulary))


class _File(TypedDict):
    """What ``codec.json`` holds; its checksum is over all the rest."""

    format: str
    version: int
    tokens: str
    lowercase: bool
    normalize: Normalize
    blank_lines: bool
    digests: dict[str, str | None]
    sha256: str


def _fault(facts: Any) -> str | None:
    problem = first_fault(facts, _File, _FORMAT, _VERSION)
    return problem if problem or is_intact(facts) else "it was changed since it was written"
