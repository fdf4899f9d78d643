"""Tokenizations that are learned from the train split: byte pairs and the unigram model, over bytes.

Text is its UTF-8 bytes, each written as one printable character (Radford et al. 2019), and a space belongs to the word
after it. Every byte is a piece, so that no text is out of vocabulary; ``<unk>``, written in a text, stays one token.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

from rnn_lm.errors import UserError
from rnn_lm.text.base import TOKENIZERS, Joiner, Tokenization
from rnn_lm.vocabulary import UNK

LONGEST_WORD = 1 << 15
"""Characters that a word may have: to learn pairs takes time that grows with the square of a word's length, 20 seconds
for 65,536, in a library that no Ctrl-C interrupts."""
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\s\w]+")
"""What the library learns and cuts as one, about: letters, digits, or other marks."""


class Pieces(Tokenization):
    """What pieces of words have in common, whether they are learned yet or not."""

    label, restores = "pieces of words", "line"
    min_count, usual_size, least_size = 1, 8000, 257  # 256 bytes and <unk>

    def from_text(self, text: str) -> Tokenization:
        return SubwordTokenizer(text)

    def joiner(self) -> Joiner:
        return PieceJoiner()


class Subwords(Pieces):
    """Pieces that are still to be learned.

    Args:
        kind: "bpe" (Sennrich et al. 2016) or "unigram" (Kudo 2018).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.repeatable = kind == "bpe"

    def train(self, lines: Iterable[str], size: int) -> Tokenization:
        return train_subwords(self.kind, size, lines)

    def cut(self, line: str) -> list[str]:  # noqa: ARG002
        raise ValueError(f"{self.kind} cuts nothing before it is trained: see train")  # never by what a person types


class SubwordTokenizer(Pieces):
    """A trained tokenizer: a line of text to its pieces. It can be pickled, for worker processes.

    Args:
        text: the tokenizer as the JSON of ``tokenizers``.

    Raises:
        UserError: ``tokenizers`` is not installed.
        ValueError: ``text`` is no tokenizer.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        tokenizers = _library()
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(text)
            self.pieces  # noqa: B018 (what cannot be listed is no tokenizer, either)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # the library raises bare Exception; and its panics are not even that
            raise ValueError((str(error).splitlines() or ["?"])[0][:200]) from error

    def cut(self, line: str) -> list[str]:
        """The pieces of ``line``; bytes that are no UTF-8 are read as the replacement character.

        Raises:
            UserError: a word is too long to be cut while anybody waits.
        """
        tokens = self._tokenizer.encode(" " + _valid(line)).tokens if line else []
        # The library gives <unk> with the white space that went with it.
        return [UNK if token.endswith(UNK) else token for token in tokens] if UNK in line else tokens

    def __reduce__(self) -> tuple[type[SubwordTokenizer], tuple[str]]:
        return SubwordTokenizer, (self._text,)

    @property
    def text(self) -> str:
        return self._text

    @property
    def pieces(self) -> list[str]:
        """All pieces, whether or not train holds them, in alphabetical order; ``<unk>`` is not among them."""
        return sorted(self._tokenizer.get_vocab().keys() - {UNK})


def train_subwords(kind: str, size: int, lines: Iterable[str]) -> SubwordTokenizer:
    """Train a tokenizer. The same lines give the same one with "bpe"; "unigram" sums in an order that the library draws
    anew in each process, so that its scores, and in principle its pieces, differ: a run keeps its tokenizer.

    Args:
        kind: "bpe" (Sennrich et al. 2016) or "unigram" (Kudo 2018).
        size: most pieces, the 256 bytes and ``<unk>`` among them.
        lines: the train split, lower-cased if the text is to be.

    Raises:
        UserError: ``tokenizers`` is not installed.
    """
    tokenizers = _library()
    model = tokenizers.models.BPE() if kind == "bpe" else tokenizers.models.Unigram()
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    options: dict[str, Any] = {
        "vocab_size": size,
        "initial_alphabet": sorted(BYTE_OF),
        # The space before <unk> goes with it, as it goes with any other word.
        "special_tokens": [tokenizers.AddedToken(UNK, lstrip=True, normalized=False, special=True)],
        "show_progress": False,
    }
    if kind == "bpe":
        trainer = tokenizers.trainers.BpeTrainer(**options)
    else:
        trainer = tokenizers.trainers.UnigramTrainer(unk_token=UNK, **options)
    with _one_thread():
        tokenizer.train_from_iterator((" " + _valid(line) for line in lines), trainer)
    return SubwordTokenizer(tokenizer.to_str())


class PieceJoiner(Joiner):
    """Writes pieces as text, each character as soon as its last byte has come; one never completed is left out."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False

    def add(self, token: str) -> str:
        data = f" {UNK}".encode() if token == UNK else bytes(BYTE_OF[character] for character in token)
        text = self._decoder.decode(data)
        if text and not self._begun:  # the first word has a space before it like any other
            self._begun, text = True, text.removeprefix(" ")
        return text


def _byte_characters() -> dict[str, int]:
    """The byte of each character that stands for one: Latin-1 as it is where it can be seen, the others from 256 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


BYTE_OF = _byte_characters()
"""The byte of each character that is written for one, as ``tokenizers`` has it (``ByteLevel``)."""


def _valid(line: str) -> str:
    """``line`` without the lone surrogates that stand for bytes outside UTF-8, which ``tokenizers`` does not take."""
    longest = max(map(len, _WORD.findall(line)), default=0) if len(line) > LONGEST_WORD else 0
    if longest > LONGEST_WORD:
        raise UserError(
            f"--tokens bpe and unigram: a word of {longest:,} characters would take "
            f"hours to cut, {LONGEST_WORD:,} are the most; put spaces into the text, or use --tokens characters"
        )
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread, so that at least the number of cores does not change the unigram model's sums."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _library() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        raise UserError(
            "--tokens bpe and unigram need Hugging Face tokenizers: pip install 'rnn-lm[subwords]'"
        ) from error
    return tokenizers


TOKENIZERS.register("bpe")(Subwords("bpe"))
TOKENIZERS.register("unigram")(Subwords("unigram"))
