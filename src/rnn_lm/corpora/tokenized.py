"""Sentences to tokenized splits: small texts into memory, larger ones into the cache, from where they are mapped."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rnn_lm.corpora.content import Content, content_of_sentences, digest_of
from rnn_lm.corpora.download import Downloads
from rnn_lm.corpora.encode import Cutter, EncodedBlock, encoded_blocks, usual_workers
from rnn_lm.corpora.lines import labelled
from rnn_lm.corpora.split import Split, splits_in_memory
from rnn_lm.corpora.store import VERSION, StoreDamagedError, TokenStore
from rnn_lm.errors import UserError
from rnn_lm.progress import Task
from rnn_lm.vocabulary import EOS

STORED_FROM = 16 << 20
"""Characters from which a text is kept in the cache. A smaller one is tokenized in the time that it takes to begin."""


READING = 2
"""Changes when the same files come to be read as other sentences or tokens; part of the key of what is kept."""


@dataclass(frozen=True)
class Source:
    """Text to be tokenized.

    Attributes:
        splits: the sentences of each split.
        name: for people.
        labels: what messages call each split.
        content: see ``RawCorpus``.
    """

    splits: Mapping[str, Iterable[str]]
    name: str
    labels: Mapping[str, str]
    content: Content | None = None


@dataclass(frozen=True)
class NamedCutter:
    """How a text is tokenized.

    Attributes:
        cutter: does it.
        name: differs where the tokens could; it is part of the key under which they are kept.
    """

    cutter: Cutter
    name: str


def tokenized_splits(
    source: Source, tokenization: NamedCutter, downloads: Downloads, stored_from: int = STORED_FROM
) -> dict[str, Split]:
    """The splits of ``source``, tokenized: in memory, or kept in the cache where there is more than ``stored_from``.

    Raises:
        UserError: a sentence holds ``<eos>``, the text cannot be read, or the cache cannot be written.
    """
    content = source.content or content_of_sentences(lambda: labelled(source.splits))
    if content.size < stored_from:
        blocks = encoded_blocks(labelled(source.splits), tokenization.cutter)
        return splits_in_memory(without_eos(blocks, source.labels), source.splits)
    return _stored(source, content, tokenization, downloads)


def _stored(source: Source, content: Content, tokenization: NamedCutter, downloads: Downloads) -> dict[str, Split]:
    store, progress = TokenStore(downloads.cache), downloads.progress
    digest = content.digest()
    settings = (READING, tokenization.name, tokenization.cutter.lowercase, tokenization.cutter.normalize)
    # What counts as a letter, and what its small form is, changes with the version of Unicode.
    key = digest_of(VERSION, digest, list(source.splits), settings, unicodedata.unidata_version)[:32]
    try:
        found = store.open(key)
    except StoreDamagedError as error:
        progress.say(f"note        {error}; the corpus is tokenized again")
        found = None
    if found is not None:
        return found
    workers = usual_workers()
    about = {"name": source.name, "tokens": tokenization.name, "lowercase": tokenization.cutter.lowercase}
    with progress.task("tokenize", float(content.size)) as task:
        blocks = encoded_blocks(labelled(source.splits), tokenization.cutter, workers)
        blocks = without_eos(_reported(blocks, task), source.labels)
        splits = store.make(key, blocks, list(source.splits), about)
    megabytes = sum(path.stat().st_size for path in (store.folder / key).iterdir()) / 1e6
    progress.say(f"tokens      kept in {store.folder / key} ({megabytes:,.0f} MB); rnn-lm cache lists and deletes them")
    if content.digest() != digest:
        store.remove(key)
        raise UserError(f"{source.name}: the text changed while it was being read; repeat the command")
    return splits


def without_eos(blocks: Iterable[EncodedBlock], labels: Mapping[str, str]) -> Iterator[EncodedBlock]:
    """``blocks``, refusing a literal <eos>: it would cut a sentence in two, so that counts and scores were wrong."""
    before = dict.fromkeys(labels, 0)
    for block in blocks:
        if block.sentence_with_eos is not None:
            number = before[block.split] + block.sentence_with_eos + 1
            raise UserError(
                f"{labels[block.split]}: sentence {number} holds {EOS}, which rnn-lm adds itself; take it out"
            )
        before[block.split] += block.sentences
        yield block


def _reported(blocks: Iterable[EncodedBlock], task: Task) -> Iterator[EncodedBlock]:
    characters = tokens = 0
    for block in blocks:
        yield block
        characters, tokens = characters + block.characters, tokens + len(block.types_n)
        task.update(float(characters), tokens=float(tokens))
