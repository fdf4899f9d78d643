"""The contract of a named corpus: three splits that read the same each time, and a vocabulary from train alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path

from rnn_lm.config import ResolvedCorpusConfig
from rnn_lm.corpora import CORPORA, Downloads, build_vocabulary, tokenized_corpus
from rnn_lm.corpora.access import SPLITS, Access
from rnn_lm.corpora.base import NamedCorpus, RawCorpus
from rnn_lm.corpora.lines import labelled
from rnn_lm.progress import SilentProgress
from rnn_lm.testing.claims import claim
from rnn_lm.text import TOKENIZERS
from rnn_lm.text.white_space import normalize
from rnn_lm.vocabulary import EOS

SOME = 200
"""Sentences of each split that are tokenized."""
_ABSENT = "qzxvjkqzxvjk"


def check_corpus(corpus: NamedCorpus | str, data_dir: Path | None = None, downloads: Downloads | None = None) -> None:
    """Check that a corpus is one. It is read twice from beginning to end.

    Args:
        corpus: an entry, or its name in ``CORPORA``.
        data_dir: a folder with its files, where they are not to be downloaded.
        downloads: brings them; default: as the environment says, silently.

    Raises:
        AssertionError: says what does not hold.
        UserError: its files cannot be had.
    """
    name = corpus if isinstance(corpus, str) else "corpus"
    entry = CORPORA[corpus] if isinstance(corpus, str) else corpus
    downloads = downloads or Downloads.from_environment(SilentProgress())
    raw, again = (entry.read(Access(name, downloads, data_dir)) for _ in range(2))
    for attribute in ("name", "source", "licence", "split_description"):
        value = getattr(raw, attribute)
        claim(bool(value) and len(value.splitlines()) == 1, f"{attribute} is {value!r}, not a line of text")
    if raw.content is not None and again.content is not None:
        claim(raw.content.digest() == again.content.digest(), "content.digest differs from one reading to the next")
    _check_sentences(raw, again, entry)
    claim(entry.defaults.tokens in TOKENIZERS, f"defaults.tokens {entry.defaults.tokens!r} is no tokenization")
    _check_vocabulary(raw, entry, downloads)


def _check_sentences(raw: RawCorpus, again: RawCorpus, entry: NamedCorpus) -> None:
    counts: dict[str, int] = dict.fromkeys(SPLITS, 0)
    both = (labelled({name: getattr(one, name) for name in SPLITS}) for one in (raw, again))
    for found, other in zip_longest(*both):
        name, line = found or other
        counts[name] += 1
        where = f"{name}, sentence {counts[name]}"
        claim(found == other, f"{where} is another when the corpus is read again")
        claim("\n" not in line, f"{where} holds a line break")
        claim(bool(line.strip()) or entry.blank_lines, f"{where} is blank")
        claim(EOS not in line.split(" "), f"{where} holds {EOS}, which rnn-lm adds itself")
        if entry.defaults.tokens == "words":
            claim(line == normalize(line), f"{where}: white space is not normalized")
    for name, count in counts.items():
        claim(count > 0, f"{name} has no sentence")


def _check_vocabulary(raw: RawCorpus, entry: NamedCorpus, downloads: Downloads) -> None:
    """A part of the corpus, tokenized: what stands in test alone is unknown, and the text has one digest."""
    usual = entry.defaults
    config = ResolvedCorpusConfig(
        tokens=usual.tokens,
        lowercase=usual.lowercase,
        min_count=usual.min_count,
        normalize=usual.normalize,
        subwords=TOKENIZERS[usual.tokens].usual_size,
    )
    parts = {name: list(islice(getattr(raw, name), SOME)) for name in SPLITS}
    some = replace(raw, **parts, content=None)
    other = replace(some, test=[*parts["test"], f"{_ABSENT} ☿"])
    first, second, changed = (tokenized_corpus(one, config, downloads) for one in (some, some, other))
    for name in SPLITS:
        claim(first.splits[name].digest == second.splits[name].digest, f"the digest of {name} differs when read again")
    claim(first.test.digest != changed.test.digest, "test has the same digest with a sentence more")
    vocabulary = build_vocabulary(first, config)
    claim(build_vocabulary(changed, config) == vocabulary, "a word of test alone changes the vocabulary")
    claim(_ABSENT not in vocabulary, "a word of test alone is in the vocabulary")
