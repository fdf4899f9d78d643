"""Text in: named corpora, folders with their own split, and any text files, as train, valid and test sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
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
from rnn_lm.corpora.folder import corpus_of_splits, read_folder
from rnn_lm.corpora.hugging_face import PREFIX, read_hugging_face
from rnn_lm.corpora.line_sentences import TextFile
from rnn_lm.corpora.lines import NumberedLines, Part
from rnn_lm.corpora.opening import as_file, refusals, shown
from rnn_lm.corpora.split_names import splits_by_name
from rnn_lm.corpora.tokenized import STORED_FROM, NamedCutter, Source, tokenized_splits
from rnn_lm.errors import UserError, unknown_name
from rnn_lm.progress import SilentProgress
from rnn_lm.text import TOKENIZERS, TextSettings, Tokenization, tokens_of
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
    "load_corpus",
    "minimum_count",
    "read_split",
    "resolve",
    "text_settings",
    "tokenize_line",
    "tokenizer_for",
]


def resolve(config: CorpusConfig) -> ResolvedCorpusConfig:
    """``config`` with the defaults of the corpus it names where a setting was left to it; nothing is read for that."""
    if isinstance(config, ResolvedCorpusConfig):
        return config
    name = config.corpus[0]
    usual = CORPORA[name].defaults if name in CORPORA else Defaults()
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    tokens = config.tokens or usual.tokens
    tokenization = TOKENIZERS[tokens]
    if config.min_count is None:
        settings["min_count"] = (usual.min_count if tokens == usual.tokens else None) or tokenization.min_count
    if config.subwords is None:
        settings["subwords"] = tokenization.usual_size
    usually = usual.lowercase if tokenization.lowercase is None else tokenization.lowercase
    lowercase = usually if config.lowercase is None else config.lowercase
    normalize = config.normalize or usual.normalize
    return ResolvedCorpusConfig(**{**settings, "tokens": tokens, "lowercase": lowercase, "normalize": normalize})


def text_settings(config: CorpusConfig) -> TextSettings:
    """How text is read that is to be like the corpus of ``config``."""
    config = resolve(config)
    name = config.corpus[0]
    blank_lines = name in CORPORA and CORPORA[name].blank_lines
    return TextSettings(config.tokens, config.lowercase, config.normalize, blank_lines)


def load_corpus(
    config: CorpusConfig,
    downloads: Downloads | None = None,
    tokenizer: Tokenization | None = None,
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
    return tokenized_corpus(_read(config, downloads), config, downloads, tokenizer, stored_from)


def tokenized_corpus(
    raw: RawCorpus,
    config: ResolvedCorpusConfig,
    downloads: Downloads,
    tokenizer: Tokenization | None = None,
    stored_from: int = STORED_FROM,
) -> Corpus:
    """What ``raw``, which has been found already, becomes under ``config``: see ``load_corpus``."""
    tokenizer = tokenizer or tokenizer_for(config, raw.train)
    source = Source(
        {name: getattr(raw, name) for name in SPLITS},
        raw.name,
        {name: f"{raw.source}: {name}" for name in SPLITS},
        raw.content,
    )
    splits = tokenized_splits(source, _cutter(config, tokenizer), downloads, stored_from)
    splits = {name: _numbered(split, source.splits[name]) for name, split in splits.items()}
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


def tokenizer_for(config: CorpusConfig, train_lines: Iterable[str]) -> Tokenization:
    """The tokenization that ``config`` names, trained on the train split alone where it is one that must be.

    Raises:
        UserError: the library that trains it is not installed.
    """
    config = resolve(config)
    kind = TOKENIZERS[config.tokens]
    if not kind.is_learned:
        return kind
    return kind.train(map(text_settings(config).prepared, train_lines), config.subwords or kind.usual_size or 0)


def read_split(
    path: Path,
    config: CorpusConfig,
    tokenizer: Tokenization,
    downloads: Downloads | None = None,
    stored_from: int = STORED_FROM,
    encoding: str | None = None,
) -> Split:
    """Any text file as a split to score: a sentence per line, cut as the corpus of ``config`` was.

    Args:
        path: the file.
        config: that of the corpus.
        tokenizer: that which cut its text.
        downloads, stored_from: see ``load_corpus``.
        encoding: of the file; default: UTF-8, or what a byte order mark says.

    Raises:
        UserError: the file cannot be read, is not text, or holds no sentence.
    """
    config = resolve(config)
    file = TextFile(as_file(path, "--text"), encoding, "--text", called=path)
    content = content_of_files([file.path], "text", encoding, flag="--text")
    downloads = downloads or Downloads.from_environment(SilentProgress())
    for note in file.notes:
        downloads.progress.say(f"note        {note}")
    source = Source({"text": file.sentences()}, path.name, {"text": shown(path)}, content)
    split = tokenized_splits(source, _cutter(config, tokenizer), downloads, stored_from)["text"]
    return _numbered(split, source.splits["text"])


def _numbered(split: Split, sentences: Iterable[str]) -> Split:
    """``split`` knowing in which line of a file each of its sentences begins, where ``sentences`` do."""
    return replace(split, line_numbers=sentences.numbers) if isinstance(sentences, NumberedLines | Part) else split


def _cutter(config: ResolvedCorpusConfig, tokenizer: Tokenization) -> NamedCutter:
    """What cuts the text, named so that another version of somebody's package has another name."""
    learned = "" if tokenizer.text is None else f" {digest_of(tokenizer.text)[:16]}"
    origin = TOKENIZERS.origin(config.tokens)
    name = f"{config.tokens}{learned}{origin and f' of {origin}'}"
    return NamedCutter(Cutter(tokenizer.cut, config.lowercase, config.normalize), name)


def tokenize_line(line: str, config: CorpusConfig, tokenizer: Tokenization) -> list[str]:
    """One line of text cut into tokens as the corpus of ``config`` was; a marker at its end is ``<eos>``."""
    return tokens_of(line, tokenizer, text_settings(config))


def minimum_count(corpus: Corpus, config: CorpusConfig) -> int:
    """The count at which the vocabulary keeps a token: as configured, or 2, or 1 where the text holds ``<unk>``."""
    return resolve(config).min_count or (1 if corpus.holds_unk else 2)


def build_vocabulary(corpus: Corpus, config: CorpusConfig) -> Vocabulary:
    """The vocabulary of the train split; raises ``UserError`` where it would hold no token."""
    return corpus.train.vocabulary(minimum_count(corpus, config), config.max_vocabulary, corpus.tokenizer.pieces)


def _read(config: CorpusConfig, downloads: Downloads) -> RawCorpus:
    """A registered name or a Hugging Face data set; or else a folder; or else files."""
    names = list(config.corpus)
    if len(names) > 1:
        for name in names:
            with refusals(Path(name)):
                is_folder = Path(name).is_dir()
            if name in CORPORA or name.startswith(PREFIX) or is_folder:
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
    return _read_paths(names, config)


def _read_paths(names: list[str], config: CorpusConfig) -> RawCorpus:
    """A folder, or one or several files."""
    if len(names) > 1:
        paths = [Path(name) for name in names]
        splits = splits_by_name(paths)
        if splits is None:
            return read_files(paths, config.split, config.encoding)
        name = splits["train"].resolve().parent.name or splits["train"].name
        return corpus_of_splits(name, splits, config.split, config.encoding)
    name = names[0]
    path = Path(name)
    with refusals(path):
        is_folder, is_there = bool(name) and path.is_dir(), path.exists()
    if is_folder:
        return read_folder(path, config.encoding)
    if not name or (not is_there and not path.suffix and path.name == name):
        raise UserError(f"{unknown_name('corpus', name, CORPORA)}; nor is there a file or folder of that name")
    return read_files([path], config.split, config.encoding)


def _notes(config: ResolvedCorpusConfig, holds_unk: bool) -> tuple[str, ...]:
    if holds_unk and TOKENIZERS[config.tokens].for_raw_text:
        return (f"the text holds {UNK}, so it looks tokenized already: consider --tokens whitespace",)
    return ()
