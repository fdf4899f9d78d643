"""What a tokenization is: one object that cuts a line into tokens, joins tokens into text, and says what goes with it.

    tokenization = TOKENIZERS["words"]
    tokenization.cut("Let there be light.")            ["Let", "there", "be", "light", "."]
    tokenization.join(["Let", "there", "be"])          "Let there be"
    joiner = tokenization.joiner()                     the same while tokens come, one by one:
    joiner.add("Let"), joiner.add("there"), joiner.finish()      "Let", " there", ""

Where tokens are learned from a text, the entry of the registry is what learns them::

    tokenization = TOKENIZERS["bpe"].train(lines, 8000)

A tokenization of one's own is a subclass with a ``cut``; where spaces between tokens make the text again, a function
from a line to its tokens will do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from rnn_lm.errors import UserError
from rnn_lm.files import read_text, write_atomically
from rnn_lm.registry import Registry

TOKENIZER = "tokenizer.json"
"""The file that a tokenization which was learned is kept in, in a run's folder."""


class Joiner:
    """Writes the tokens of one sentence, as they come, with a separator between them.

    What has been written is never taken back: a joiner that cannot know yet how a token is to be written holds it.

    Args:
        separator: what stands between two tokens.
    """

    def __init__(self, separator: str = " ") -> None:
        self._separator, self._next = separator, ""

    def add(self, token: str) -> str:
        """Return what this token adds to the text."""
        text, self._next = self._next + token, self._separator
        return text

    def finish(self) -> str:
        """Return what was held, at the end of the sentence."""
        return ""


class Tokenization:
    """How a line of text is cut into tokens. It must be possible to pickle it, for worker processes.

    Attributes:
        label: what its tokens are called, in the plural.
        restores: what ``join`` gives back of a line that was cut: the "line"; its "characters", white space apart; or
            text that is cut into the same "tokens" again.
        separator: what ``joiner`` writes between two tokens.
        min_count, lowercase: what the settings of that name are where neither a person nor the corpus says; None leaves
            it to what is usual.
        for_raw_text: whether it is made for text that nobody has tokenized yet.
        usual_size: how many pieces are learned where a person does not say; None where nothing is learned.
        least_size: the fewest that can be.
        repeatable: whether the same text gives the same pieces in every process.
    """

    label: str = "tokens"
    restores: Literal["line", "characters", "tokens"] = "tokens"
    separator: ClassVar[str] = " "
    min_count: int | None = None
    lowercase: bool | None = None
    for_raw_text: ClassVar[bool] = False
    usual_size: int | None = None
    least_size: int = 1
    repeatable: bool = True

    def cut(self, line: str) -> list[str]:
        """Return the tokens of a line; none of them is empty, and an empty line has none."""
        raise NotImplementedError(f"{type(self).__name__} defines no cut")

    def joiner(self) -> Joiner:
        """Return what writes the tokens of one sentence as they come."""
        return Joiner(self.separator)

    def join(self, tokens: Iterable[str]) -> str:
        """Return the tokens of one sentence as text."""
        joiner = self.joiner()
        return "".join([*map(joiner.add, tokens), joiner.finish()])

    @property
    def is_learned(self) -> bool:
        """Whether tokens are learned from a text, by ``train``."""
        return self.usual_size is not None

    def train(self, lines: Iterable[str], size: int) -> Tokenization:  # noqa: ARG002 (for subclasses)
        """Return the tokenization that is learned from ``lines``, with ``size`` pieces at most; itself without that."""
        return self

    @property
    def text(self) -> str | None:
        """What was learned, as the text of a file; None where nothing was."""
        return None

    def from_text(self, text: str) -> Tokenization:
        """Return the tokenization of which ``text`` is what was learned.

        Raises:
            ValueError: it is not.
        """
        raise ValueError(f"nothing is learned for {self.label}: {text[:20]!r}")

    @property
    def pieces(self) -> Sequence[str]:
        """The tokens that were learned, whether or not the text holds them; ``<unk>`` is not among them."""
        return ()

    @property
    def digest(self) -> str | None:
        """Return the SHA-256 of what was learned; None where nothing was."""
        return None if self.text is None else hashlib.sha256(self.text.encode()).hexdigest()

    def save(self, folder: Path) -> None:
        """Keep what was learned in a folder, as ``tokenizer.json``; where nothing was, no file is needed.

        Raises:
            UserError: the folder holds another one: the train text is no longer what it was.
        """
        if self.text is None:
            return
        path = folder / TOKENIZER
        if path.exists() and read_text(path) != self.text:
            raise UserError(f"{path}: was trained on another text; choose another --out")
        write_atomically(path, self.text)

    def load(self, folder: Path) -> Tokenization:
        """Return the tokenization that ``save`` kept; itself where nothing is learned.

        Raises:
            UserError: its file is missing or damaged.
        """
        if not self.is_learned:
            return self
        path = folder / TOKENIZER
        try:
            return self.from_text(read_text(path))
        except ValueError as error:
            raise UserError(f"{path}: not a tokenizer ({error}); the file is damaged") from error


@dataclass(frozen=True)
class FunctionTokenization(Tokenization):
    """A tokenization that is a function alone; spaces join its tokens.

    Attributes:
        function: a line to its tokens.
    """

    function: Callable[[str], Iterable[str]]

    def cut(self, line: str) -> list[str]:
        return list(self.function(line))


class TokenizationRegistry(Registry[Tokenization]):
    """Tokenizations by name; what a package offers may be one, a class of one, or a function from a line to tokens."""

    def __getitem__(self, name: str) -> Tokenization:
        entry: Any = super().__getitem__(name)
        if isinstance(entry, Tokenization):
            return entry
        if isinstance(entry, type) and issubclass(entry, Tokenization):
            return entry()
        if callable(entry) and not isinstance(entry, type):
            return FunctionTokenization(cast(Callable[[str], Iterable[str]], entry))
        raise UserError(
            f"{self.kind} {name}: {self.origin(name)} offers {type(entry).__name__} {str(entry)[:40]!r}, which is "
            "neither a Tokenization nor a function from a line to its tokens"
        )


TOKENIZERS = TokenizationRegistry("tokenization", "rnn_lm.tokenizers")
"""Tokenizations by name."""
