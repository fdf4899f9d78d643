"""What a corpus is: three splits of tokenized sentences, and where they come from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from rnn_lm.config import Tokens
from rnn_lm.corpora.access import SPLITS as SPLITS  # also for those who import this module
from rnn_lm.corpora.access import Access, RemoteFile
from rnn_lm.registry import Registry
from rnn_lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class RawCorpus:
    """Text before tokenization: what each family of corpora reads.

    Attributes:
        name: for titles.
        train, valid, test: sentences. White space is normalized and none is empty, but in benchmarks that count blank
            lines or every character: those stand here as the benchmark counts them.
        source: where the text comes from.
        licence: under which terms.
        split_description: how train, valid and test were divided.
        notes: what a person should know before using it, a line each.
    """

    name: str
    train: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]
    source: str
    licence: str
    split_description: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Defaults:
    """How a corpus is read where the person does not say.

    Attributes:
        tokens, lowercase: see ``CorpusConfig``.
        min_count: see ``CorpusConfig``; it goes with ``tokens`` and is left aside where another tokenization is chosen.
    """

    tokens: Tokens = "words"
    lowercase: bool = True
    min_count: int | None = None


@dataclass(frozen=True)
class NamedCorpus:
    """A corpus that has a name.

    Attributes:
        read: reads it, through an ``Access`` to its files.
        defaults: how it is usually cut into tokens.
        files: what is downloaded for it; none where a Python package holds the text.
    """

    read: Callable[[Access], RawCorpus]
    defaults: Defaults = Defaults()
    files: tuple[RemoteFile, ...] = ()


CORPORA: Registry[NamedCorpus] = Registry("corpus")
"""Corpora that have a name. Each is a file in this package and one registration."""


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split.

    Attributes:
        sentences: sentences.
        tokens: tokens, with one ``<eos>`` per sentence.
        types: different tokens, ``<eos>`` not among them.
        oov_rate: share of the tokens, ``<eos>`` not among them, that the vocabulary reads as ``<unk>``, a literal
            ``<unk>`` in the text among them.
        characters, words: see ``Split``.
    """

    sentences: int
    tokens: int
    types: int
    oov_rate: float
    characters: int
    words: int


@dataclass(frozen=True)
class Split:
    """One split, tokenized.

    Attributes:
        sentences: the tokens of each sentence, without ``<eos>``.
        characters: characters of the text after lower-casing, with every run of white space as one space and a line
            break after each sentence. The same for every tokenization, so that bits per character can be compared.
        words: what stands between white space, and one end for each sentence: the denominator of perplexity per word.
            The same for every tokenization.
        digest: of the same text: equal where the texts are.
    """

    sentences: list[list[str]]
    characters: int
    words: int
    digest: str

    @classmethod
    def of(cls, lines: Sequence[str], tokenize: Callable[[str], list[str]]) -> Split:
        """Tokenize ``lines``, each a sentence."""
        # Equal tokens share one string: of a hundred million words only the references need room.
        shared: dict[str, str] = {}
        sentences = [[shared.setdefault(token, token) for token in tokenize(line)] for line in lines]
        digest = hashlib.blake2b(digest_size=16)
        for line in lines:
            digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
        words = sum(len(line.split()) for line in lines) + len(lines)
        return cls(sentences, sum(map(len, lines)) + len(lines), words, digest.hexdigest())

    def statistics(self, vocabulary: Vocabulary) -> SplitStatistics:
        """Counts of this split, and the share that ``vocabulary`` does not cover."""
        counts = Counter(chain.from_iterable(self.sentences))
        words = counts.total()
        unknown = sum(n for token, n in counts.items() if vocabulary.encode([token]) == [vocabulary.unk_id])
        return SplitStatistics(
            sentences=len(self.sentences),
            tokens=words + len(self.sentences),
            types=len(counts),
            oov_rate=unknown / words,
            characters=self.characters,
            words=self.words,
        )


@dataclass(frozen=True)
class Corpus:
    """Three splits of tokenized sentences.

    Attributes:
        name, source, licence, split_description: see ``RawCorpus``.
        tokens: the tokenization: a name in ``TOKENIZERS``, or "bpe" or "unigram".
        lowercase: whether the text was lower-cased.
        holds_unk: whether train holds a literal ``<unk>``, that is, whether someone has closed its vocabulary already.
        tokenizer: what cut the text.
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
    tokenizer: Callable[[str], list[str]]
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The three splits by name, in order."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def normalize(line: str) -> str:
    """``line`` with each run of white space as one space, and none at its ends."""
    return " ".join(line.split())
