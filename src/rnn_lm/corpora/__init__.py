"""Text in: named corpora, folders with their own split, and any text files, as train, valid and test sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import web_bible as web_bible  # importing a corpus registers its name
from rnn_lm.corpora.base import CORPORA, SPLITS, Corpus, RawCorpus, Split, SplitStatistics
from rnn_lm.corpora.files import read_files
from rnn_lm.corpora.folder import read_folder, sentences_in
from rnn_lm.corpora.reading import refusals
from rnn_lm.corpora.tokenize import TOKENIZERS, join_tokens
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.vocabulary import EOS, UNK, Vocabulary

__all__ = [
    "CORPORA",
    "SPLITS",
    "TOKENIZERS",
    "Corpus",
    "RawCorpus",
    "Split",
    "SplitStatistics",
    "build_vocabulary",
    "join_tokens",
    "load_corpus",
    "minimum_count",
    "read_split",
    "tokenize_line",
]


def load_corpus(config: CorpusConfig) -> Corpus:
    """Read, lower-case and tokenize the corpus that ``config`` names.

    Raises:
        UserError: it is not there, cannot be read, is not text, or is too small to be split.
    """
    raw = _read(config)
    splits = {name: _cut(getattr(raw, name), config, f"{raw.source}: {name}") for name in SPLITS}
    holds_unk = any(UNK in sentence for sentence in splits["train"].sentences)
    return Corpus(
        name=raw.name,
        **splits,
        source=raw.source,
        licence=raw.licence,
        split_description=raw.split_description,
        tokens=config.tokens,
        lowercase=config.lowercase,
        holds_unk=holds_unk,
        notes=_notes(config, holds_unk),
    )


def read_split(path: Path, config: CorpusConfig) -> Split:
    """Any text file as a split to score: a sentence per line, cut as the corpus of ``config`` was.

    Raises:
        UserError: the file cannot be read, is not text, or holds no sentence.
    """
    return _cut(sentences_in(path), config, str(path))


def tokenize_line(line: str, config: CorpusConfig) -> list[str]:
    """One line of text cut into tokens as the corpus of ``config`` was."""
    return TOKENIZERS[config.tokens](line.lower() if config.lowercase else line)


def minimum_count(corpus: Corpus, config: CorpusConfig) -> int:
    """The count at which the vocabulary keeps a token: as configured, or 2, or 1 where the text holds ``<unk>``."""
    return config.min_count or (1 if corpus.holds_unk else 2)


def build_vocabulary(corpus: Corpus, config: CorpusConfig) -> Vocabulary:
    """The vocabulary of the train split; raises ``UserError`` where it would hold no token."""
    return Vocabulary.build(corpus.train.sentences, minimum_count(corpus, config), config.max_vocabulary)


def _read(config: CorpusConfig) -> RawCorpus:
    """A registered name; or else a folder; or else files."""
    names = list(config.corpus)
    if len(names) > 1:
        for name in names:
            if name in CORPORA or Path(name).is_dir():
                raise UserError(f"--corpus {name}: a named corpus or a folder stands alone; only files can be several")
        return read_files([Path(name) for name in names], config.split)
    name = names[0]
    path = Path(name)
    if name in CORPORA:
        return CORPORA[name]()
    with refusals(path):
        is_folder, is_there = bool(name) and path.is_dir(), path.exists()
    if is_folder:
        return read_folder(path)
    if not name or (not is_there and not path.suffix and path.name == name):
        raise UserError(f"{unknown_name('corpus', name, CORPORA)}; nor is there a file or folder of that name")
    return read_files([path], config.split)


def _cut(lines: Sequence[str], config: CorpusConfig, where: str) -> Split:
    """Lower-case and tokenize; a literal <eos> would cut a sentence in two, so that counts and scores were wrong."""
    split = Split.of([line.lower() for line in lines] if config.lowercase else lines, TOKENIZERS[config.tokens])
    for number, sentence in enumerate(split.sentences, start=1):
        if EOS in sentence:
            raise UserError(f"{where}: sentence {number} holds {EOS}, which rnn-lm adds itself; take it out")
    return split


def _notes(config: CorpusConfig, holds_unk: bool) -> tuple[str, ...]:
    if holds_unk and config.tokens == "words":
        return (f"the text holds {UNK}, so it looks tokenized already: consider --tokens whitespace",)
    return ()
