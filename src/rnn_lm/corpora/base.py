"""What a corpus is: three splits of tokenized sentences, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rnn_lm.config import Normalize
from rnn_lm.corpora.access import SPLITS as SPLITS  # also for those who import this module
from rnn_lm.corpora.access import Access, RemoteFile
from rnn_lm.corpora.content import Content
from rnn_lm.corpora.split import Split as Split
from rnn_lm.corpora.split import SplitStatistics as SplitStatistics
from rnn_lm.registry import Registry
from rnn_lm.text import Tokenization


@dataclass(frozen=True)
class RawCorpus:
    """Text before tokenization: what each family of corpora reads.

    Attributes:
        name: for titles.
        train, valid, test: sentences, to be read as often as needed: lists, or ``Lines``. White space is normalized and
            none is empty, but in benchmarks that count blank lines or every character: those stand here as the
            benchmark counts them.
        source: where the text comes from.
        licence: under which terms.
        split_description: how train, valid and test were divided.
        notes: what a person should know before using it, a line each.
        content: what the sentences depend on, where that can be told without reading them.
    """

    name: str
    train: Iterable[str]
    valid: Iterable[str]
    test: Iterable[str]
    source: str
    licence: str
    split_description: str
    notes: Sequence[str] = ()
    content: Content | None = None


@dataclass(frozen=True)
class Defaults:
    """How a corpus is read where the person does not say.

    Attributes:
        tokens, lowercase, normalize: see ``CorpusConfig``.
        min_count: see ``CorpusConfig``; it goes with ``tokens`` and is left aside where another tokenization is chosen.
    """

    tokens: str = "words"
    lowercase: bool = True
    min_count: int | None = None
    normalize: Normalize = "nfc"


@dataclass(frozen=True)
class NamedCorpus:
    """A corpus that has a name.

    Attributes:
        read: reads it, through an ``Access`` to its files.
        defaults: how it is usually cut into tokens.
        files: what is downloaded for it; none where a Python package holds the text.
        blank_lines: whether blank lines are sentences of it: see ``RawCorpus``.
    """

    read: Callable[[Access], RawCorpus]
    defaults: Defaults = Defaults()
    files: tuple[RemoteFile, ...] = ()
    blank_lines: bool = False


CORPORA: Registry[NamedCorpus] = Registry("corpus", "rnn_lm.corpora")
"""Corpora that have a name. Each is a file in this package and one registration."""


@dataclass(frozen=True)
class Corpus:
    """Three splits of tokenized sentences.

    Attributes:
        name, source, licence, split_description: see ``RawCorpus``.
        tokens: the tokenization: a name in ``TOKENIZERS``.
        lowercase: whether the text was lower-cased.
        holds_unk: whether train holds a literal ``<unk>``, that is, whether someone has closed its vocabulary already.
        tokenizer: what cut the text; where tokens are learned, the one that was.
        notes: what a person should know before using it, a line each.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    source: str
    licence: str
    split_description: str
    tokens: str
    lowercase: bool
    holds_unk: bool
    tokenizer: Tokenization
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name, in order."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def in_order(parts: Mapping[str, Iterable[str]]) -> tuple[Iterable[str], Iterable[str], Iterable[str]]:
    """Train, valid and test of ``parts``."""
    return parts["train"], parts["valid"], parts["test"]
