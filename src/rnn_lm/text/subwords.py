"""Tokenizations that are learned from the train split: byte pairs and the unigram model, over bytes.

Text is its UTF-8 bytes, each written as one printable character (Radford et al. 2019), and a space belongs to the word
after it. Every byte is a piece, so that no text is out of vocabulary; ``<unk>``, written in a text, stays one token.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rnn_lm.errors import UserError
from rnn_lm.files import read_text, write_atomically
from rnn_lm.vocabulary import UNK

SUBWORDS = ("bpe", "unigram")
"""Names of the tokenizations that are trained."""
LONGEST_WORD = 1 << 15
"""Characters that a word may have: to learn pairs takes time that grows with the square of a word's length, 20 seconds
for 65,536, in a library that no Ctrl-C interrupts."""
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\s\w]+")
"""What the library learns and cuts as one, about: letters, digits, or other marks."""
TOKENIZER = "tokenizer.json"
"""The file of a trained tokenizer in a run's folder, in the format of Hugging Face ``tokenizers``."""


class SubwordTokenizer:
    """A trained tokenizer: a line of text to its pieces. It can be pickled, for worker processes.

    Args:
        text: the tokenizer as the JSON of ``tokenizers``.

    Raises:
        UserError: ``tokenizers`` is not installed.
        ValueError: ``text`` is no tokenizer.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        tokenizers = _library()
        try:
            self._tokenizer = tokenizers.Tokenizer.from_str(text)
            self.pieces  # noqa: B018 (what cannot be listed is no tokenizer, either)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # the library raises bare Exception; and its panics are not even that
            raise ValueError((str(error).splitlines() or ["?"])[0][:200]) from error

    def __call__(self, line: str) -> list[str]:
        """The pieces of ``line``; bytes that are no UTF-8 are read as the replacement character.

        Raises:
            UserError: a word is too long to be cut while anybody waits.
        """
        tokens = self._tokenizer.encode(" " + _valid(line)).tokens if line else []
        # The library gives <unk> with the white space that went with it.
        return [UNK if token.endswith(UNK) else token for token in tokens] if UNK in line else tokens

    def __reduce__(self) -> tuple[type[SubwordTokenizer], tuple[str]]:
        return SubwordTokenizer, (self.text,)

    @property
    def pieces(self) -> list[str]:
        """All pieces, whether or not train holds them, in alphabetical order; ``<unk>`` is not among them."""
        return sorted(self._tokenizer.get_vocab().keys() - {UNK})

    @property
    def digest(self) -> str:
        """SHA-256 of the tokenizer as it is kept."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Keep the tokenizer in a run's folder.

        Raises:
            UserError: the folder holds another one: the train text is no longer what it was.
        """
        path = folder / TOKENIZER
        if path.exists() and read_text(path) != self.text:
            raise UserError(f"{path}: was trained on another text; choose another --out")
        write_atomically(path, self.text)

    @classmethod
    def load(cls, folder: Path) -> SubwordTokenizer:
        """Read what ``save`` wrote; raises ``UserError`` where it is missing or damaged."""
        path = folder / TOKENIZER
        try:
            return cls(read_text(path))
        except ValueError as error:
            raise UserError(f"{path}: not a tokenizer ({error}); the file is damaged") from error


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
        "initial_alphabet": sorted(_BYTE_OF),
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


def join_pieces(tokens: Sequence[str]) -> str:
    """Pieces as text; a character whose last byte has not come yet is left out, so that text only ever grows."""
    data = b"".join(
        f" {UNK}".encode() if token == UNK else bytes(_BYTE_OF[character] for character in token) for token in tokens
    )
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data).removeprefix(" ")


def _byte_characters() -> dict[str, int]:
    """The byte of each character that stands for one: Latin-1 as it is where it can be seen, the others from 256 on."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_BYTE_OF = _byte_characters()


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
