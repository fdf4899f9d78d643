"""Text in: named corpora, folders with their own split, and any text files, as train, valid and test sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from rnn_lm.config import CorpusConfig, ResolvedCorpusConfig
from rnn_lm.corpora import enwik8 as enwik8  # importing a corpus registers its name
from rnn_lm.corpora import ptb as ptb
from rnn_lm.corpora import text8 as text8
from rnn_lm.corpora import tiny_shakespeare as tiny_shakespeare
from rnn_lm.corpora import web_bible as web_bible
from rnn_lm.corpora import wikitext as wikitext
from rnn_lm.corpora.access import Access
from rnn_lm.corpora.base import CORPORA, SPLITS, Corpus, Defaults, NamedCorpus, RawCorpus, Split, SplitStatistics
from rnn_lm.corpora.content import content_of_files, digest_of
from rnn_lm.corpora.download import Downloads
from rnn_lm.corpora.encode import Cutter
from rnn_lm.corpora.files import read_files
from rnn_lm.corpora.folder import read_folder, sentences_in
from rnn_lm.corpora.hugging_face import PREFIX, read_hugging_face
from rnn_lm.corpora.reading import refusals
from rnn_lm.corpora.subwords import SUBWORDS, SubwordTokenizer, train_subwords
from rnn_lm.corpora.tokenize import TOKENIZERS, Tokenizer, join_tokens
from rnn_lm.corpora.tokenized import STORED_FROM, Source, Tokenization, tokenized_splits
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.progress import SilentProgress
from rnn_lm.vocabulary import UNK, Vocabulary

__all__ = [
    "CORPORA",
    "SPLITS",
    "TOKENIZERS",
    "Corpus",
    "Defaults",
    "Downloads",
    "NamedCorpus",
    "RawCorpus",
    "Split",
    "SplitStatistics",
    "build_vocabulary",
    "join_tokens",
    "load_corpus",
    "minimum_count",
    "read_split",
    "resolve",
    "tokenize_line",
    "tokenizer_for",
]


DEFAULT_SUBWORDS = 8000


def resolve(config: CorpusConfig) -> ResolvedCorpusConfig:
    """``config`` with the defaults of the corpus it names where a setting was left to it; nothing is read for that."""
    if isinstance(config, ResolvedCorpusConfig):
        return config
    name = config.corpus[0]
    usual = CORPORA[name].defaults if name in CORPORA else Defaults()
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    tokens = config.tokens or usual.tokens
    if config.min_count is None and tokens == usual.tokens:
        settings["min_count"] = usual.min_count
    if tokens in SUBWORDS:
        settings["min_count"] = config.min_count or 1
        settings["subwords"] = config.subwords or DEFAULT_SUBWORDS
    lowercase = usual.lowercase if config.lowercase is None else config.lowercase
    return ResolvedCorpusConfig(**{**settings, "tokens": tokens, "lowercase": lowercase})


def load_corpus(
    config: CorpusConfig,
    downloads: Downloads | None = None,
    tokenizer: Tokenizer | None = None,
    stored_from: int = STORED_FROM,
) -> Corpus:
    """Read, lower-case and tokenize the corpus that ``config`` names.

    Args:
        config: what to read, and how.
        downloads: fetches the files of a named corpus, and says where the cache is; default: as the environment says,
            silently.
        tokenizer: a run's own; default: that of ``config``, trained on the train split where it must be.
        stored_from: characters from which the tokens are kept in the cache, and not in memory.

    Raises:
        UserError: it is not there, cannot be fetched or read, is not text, or is too small to be split.
    """
    config = resolve(config)
    downloads = downloads or Downloads.from_environment(SilentProgress())
    raw = _read(config, downloads)
    tokenizer = tokenizer or tokenizer_for(config, raw.train)
    source = Source(
        {name: getattr(raw, name) for name in SPLITS},
        raw.name,
        {name: f"{raw.source}: {name}" for name in SPLITS},
        raw.content,
    )
    splits = tokenized_splits(source, _tokenization(config, tokenizer), downloads, stored_from)
    holds_unk = splits["train"].holds_unk
    return Corpus(
        name=raw.name,
        **splits,
        source=raw.source,
        licence=raw.licence,
        split_description=raw.split_description,
        tokens=config.tokens,
        lowercase=config.lowercase,
        holds_unk=holds_unk,
        tokenizer=tokenizer,
        notes=(*raw.notes, *_notes(config, holds_unk)),
    )


def tokenizer_for(config: CorpusConfig, train_lines: Iterable[str]) -> Tokenizer:
    """The tokenizer that ``config`` names, trained on the train split alone where it is one that must be.

    Raises:
        UserError: the library that trains it is not installed.
    """
    config = resolve(config)
    if config.tokens not in SUBWORDS:
        return TOKENIZERS[config.tokens]
    lines = (line.lower() for line in train_lines) if config.lowercase else train_lines
    return train_subwords(config.tokens, config.subwords or DEFAULT_SUBWORDS, lines)


def read_split(
    path: Path,
    config: CorpusConfig,
    tokenizer: Tokenizer,
    downloads: Downloads | None = None,
    stored_from: int = STORED_FROM,
) -> Split:
    """Any text file as a split to score: a sentence per line, cut as the corpus of ``config`` was.

    Args:
        path: the file.
        config: that of the corpus.
        tokenizer: that which cut its text.
        downloads, stored_from: see ``load_corpus``.

    Raises:
        UserError: the file cannot be read, is not text, or holds no sentence.
    """
    config = resolve(config)
    source = Source({"text": sentences_in(path)}, path.name, {"text": str(path)}, content_of_files([path], "text"))
    downloads = downloads or Downloads.from_environment(SilentProgress())
    return tokenized_splits(source, _tokenization(config, tokenizer), downloads, stored_from)["text"]


def _tokenization(config: ResolvedCorpusConfig, tokenizer: Tokenizer) -> Tokenization:
    trained = f" {digest_of(tokenizer.text)[:16]}" if isinstance(tokenizer, SubwordTokenizer) else ""
    return Tokenization(Cutter(tokenizer, config.lowercase), f"{config.tokens}{trained}")


def tokenize_line(line: str, config: CorpusConfig, tokenizer: Tokenizer) -> list[str]:
    """One line of text cut into tokens as the corpus of ``config`` was."""
    return tokenizer(line.lower() if resolve(config).lowercase else line)


def minimum_count(corpus: Corpus, config: CorpusConfig) -> int:
    """The count at which the vocabulary keeps a token: as configured, or 2, or 1 where the text holds ``<unk>``."""
    return resolve(config).min_count or (1 if corpus.holds_unk else 2)


def build_vocabulary(corpus: Corpus, config: CorpusConfig) -> Vocabulary:
    """The vocabulary of the train split; raises ``UserError`` where it would hold no token."""
    pieces = corpus.tokenizer.pieces if isinstance(corpus.tokenizer, SubwordTokenizer) else ()
    return corpus.train.vocabulary(minimum_count(corpus, config), config.max_vocabulary, pieces)


def _read(config: CorpusConfig, downloads: Downloads) -> RawCorpus:
    """A registered name or a Hugging Face data set; or else a folder; or else files."""
    names = list(config.corpus)
    if len(names) > 1:
        for name in names:
            if name in CORPORA or name.startswith(PREFIX) or Path(name).is_dir():
                raise UserError(f"--corpus {name}: a named corpus or a folder stands alone; only files can be several")
    name = names[0]
    if config.data_dir is not None and not (name in CORPORA and CORPORA[name].files):
        downloaded = ", ".join(known for known in CORPORA if CORPORA[known].files)
        raise UserError(f"--data-dir is for the corpora that are downloaded ({downloaded}), not for --corpus {name}")
    if name in CORPORA:
        data_dir = None if config.data_dir is None else Path(config.data_dir)
        return CORPORA[name].read(Access(name, downloads, data_dir))
    if name.startswith(PREFIX):
        return read_hugging_face(name, config.split)
    return _read_paths(names, config.split)


def _read_paths(names: list[str], split: tuple[float, float, float]) -> RawCorpus:
    """A folder, or one or several files."""
    if len(names) > 1:
        return read_files([Path(name) for name in names], split)
    name = names[0]
    path = Path(name)
    with refusals(path):
        is_folder, is_there = bool(name) and path.is_dir(), path.exists()
    if is_folder:
        return read_folder(path)
    if not name or (not is_there and not path.suffix and path.name == name):
        raise UserError(f"{unknown_name('corpus', name, CORPORA)}; nor is there a file or folder of that name")
    return read_files([path], split)


def _notes(config: ResolvedCorpusConfig, holds_unk: bool) -> tuple[str, ...]:
    if holds_unk and config.tokens == "words":
        return (f"the text holds {UNK}, so it looks tokenized already: consider --tokens whitespace",)
    return ()
