"""From a corpus config to what every experiment starts with: tokenised splits, vocabulary, ids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.config import CorpusConfig, ResolvedCorpusConfig
from rnn_lm.corpora import Corpus, Downloads, build_vocabulary, load_corpus, minimum_count, resolve, text_settings
from rnn_lm.corpora.split import SplitStatistics, ids_of_types
from rnn_lm.errors import UserError
from rnn_lm.evaluation.score import CorpusResult, SplitSizes
from rnn_lm.evaluation.unknown import Reading, reading_of
from rnn_lm.models.storage import VOCABULARY
from rnn_lm.models.usual_unk import write_usual_share
from rnn_lm.progress import Progress
from rnn_lm.stream import EncodedText
from rnn_lm.text import TOKENIZER, TOKENIZERS, TextCodec
from rnn_lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus ready for models: the same ids for all of them.

    Attributes:
        config: how it was read, what the corpus decides by default included.
        corpus: the tokens.
        vocabulary: from train alone; or that of a model, whatever the corpus.
        texts: ids of "train", "valid" and "test".
        statistics: sizes of the same.
    """

    config: ResolvedCorpusConfig
    corpus: Corpus
    vocabulary: Vocabulary
    texts: dict[str, EncodedText]
    statistics: dict[str, SplitStatistics]

    @property
    def counts_v(self) -> Int[Tensor, "V"]:
        """Train counts by id, of the corpus that the vocabulary was made from."""
        return torch.tensor(self.vocabulary.counts_v)

    @property
    def digests(self) -> dict[str, str]:
        """Of everything that a model's figures depend on besides its settings, for the manifest of a run."""
        texts = {f"{name} text": split.digest for name, split in self.corpus.splits.items()}
        learned = self.corpus.tokenizer.digest
        return {**texts, "vocabulary": self.vocabulary.digest, **({} if learned is None else {"tokenizer": learned})}

    @property
    def codec(self) -> TextCodec:
        """Text to the ids of models that are made with this corpus, and back."""
        return TextCodec(self.vocabulary, self.corpus.tokenizer, text_settings(self.config))

    def save_tokens(self, folder: Path) -> None:
        """Keep in a model's folder what turns text into its ids: the vocabulary, and a trained tokenizer.

        Raises:
            UserError: the folder holds others, which its model, if there is one, was trained with.
        """
        path = folder / VOCABULARY
        if not path.exists():
            self.vocabulary.save(path)
        elif Vocabulary.load(path) != self.vocabulary:
            raise UserError(
                f"{path}: is not the vocabulary of this corpus, which has changed since, or the file was exchanged; "
                "put back what there was, or choose another --out"
            )
        write_usual_share(folder, self.statistics["valid"].oov_rate)
        self.save_tokenizer(folder)

    def save_tokenizer(self, folder: Path) -> None:
        """Keep a trained tokenizer in a run's folder; others need no file."""
        self.corpus.tokenizer.save(folder)

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """How models with this vocabulary read each split: how much is ``<unk>``, against valid."""
        usual = self.statistics["valid"].oov_rate
        return {name: reading_of(split, self.vocabulary, usual) for name, split in self.corpus.splits.items()}

    def describe(self) -> CorpusResult:
        """The corpus part of a results file."""
        return {
            "name": self.corpus.name,
            "source": self.corpus.source,
            "licence": self.corpus.licence,
            "split": self.corpus.split_description,
            "tokens": self.config.tokens,
            "lowercase": self.config.lowercase,
            "vocabulary_size": len(self.vocabulary),
            "min_count": minimum_count(self.corpus, self.config),
            "splits": {name: _sizes(statistics) for name, statistics in self.statistics.items()},
        }


def _sizes(statistics: SplitStatistics) -> SplitSizes:
    return {
        "sentences": statistics.sentences,
        "tokens": statistics.tokens,
        "types": statistics.types,
        "oov_rate": statistics.oov_rate,
        "characters": statistics.characters,
        "words": statistics.words,
    }


def prepare(
    config: CorpusConfig, progress: Progress, folder: Path | None = None, codec: TextCodec | None = None
) -> PreparedCorpus:
    """Read the corpus, build its vocabulary, encode its splits, and say what came of it.

    Args:
        config: which corpus.
        progress: told what came of it.
        folder: of the run; a tokenizer that it holds is used again, since training one need not give the same twice.
        codec: of a model that is to read the corpus; its vocabulary and its tokenizer are then taken as they are.

    Raises:
        UserError: see ``load_corpus`` and ``Vocabulary.build``.
    """
    config = resolve(config)
    kind = TOKENIZERS[config.tokens]
    kept = folder is not None and kind.is_learned and (folder / TOKENIZER).exists()
    tokenizer = kind.load(folder) if folder is not None and kept else None
    tokenizer = tokenizer if codec is None else codec.tokenization
    corpus = load_corpus(config, Downloads.from_environment(progress), tokenizer)
    vocabulary = build_vocabulary(corpus, config) if codec is None else codec.vocabulary
    ids_t = ids_of_types(corpus.train.types, vocabulary)
    texts = {name: split.encoded(vocabulary, ids_t) for name, split in corpus.splits.items()}
    statistics = {name: split.statistics(vocabulary, ids_t) for name, split in corpus.splits.items()}
    prepared = PreparedCorpus(config, corpus, vocabulary, texts, statistics)
    _say(prepared, progress, built=codec is None)
    return prepared


def _say(prepared: PreparedCorpus, progress: Progress, *, built: bool) -> None:
    corpus = prepared.corpus
    progress.say(f"corpus      {corpus.name} ({corpus.licence}); {corpus.source}")
    progress.say(f"split       {corpus.split_description}")
    for name, split in prepared.statistics.items():
        progress.say(
            f"  {name:<6}  {split.tokens:>9,} tokens  {split.sentences:>7,} sentences  {split.types:>7,} types"
            f"  {split.oov_rate:6.2%} out of vocabulary"
        )
    origin = "of the model that training starts from"
    if built:
        origin = f"from train alone, seen at least {minimum_count(corpus, prepared.config)}x"
    progress.say(f"vocabulary  {len(prepared.vocabulary):,} {corpus.tokenizer.label} {origin}")
    for note in corpus.notes:
        progress.say(f"note        {note}")
