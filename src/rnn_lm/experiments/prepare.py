"""From a corpus config to what every experiment starts with: tokenised splits, vocabulary, ids."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.config import CorpusConfig, ResolvedCorpusConfig
from rnn_lm.corpora import Corpus, Downloads, build_vocabulary, load_corpus, minimum_count, resolve
from rnn_lm.corpora.split import SplitStatistics, ids_of_types
from rnn_lm.progress import Progress
from rnn_lm.stream import EncodedText
from rnn_lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus ready for models: the same ids for all of them.

    Attributes:
        config: how it was read, what the corpus decides by default included.
        corpus: the tokens.
        vocabulary: from train alone.
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
        """Train counts by id."""
        return torch.tensor(self.vocabulary.counts_v)

    def describe(self) -> dict[str, Any]:
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
            "splits": {name: asdict(statistics) for name, statistics in self.statistics.items()},
        }


def prepare(config: CorpusConfig, progress: Progress) -> PreparedCorpus:
    """Read the corpus, build its vocabulary, encode its splits, and say what came of it.

    Raises:
        UserError: see ``load_corpus`` and ``Vocabulary.build``.
    """
    config = resolve(config)
    corpus = load_corpus(config, Downloads.from_environment(progress))
    vocabulary = build_vocabulary(corpus, config)
    ids_t = ids_of_types(corpus.train.types, vocabulary)
    texts = {name: split.encoded(vocabulary, ids_t) for name, split in corpus.splits.items()}
    statistics = {name: split.statistics(vocabulary, ids_t) for name, split in corpus.splits.items()}
    prepared = PreparedCorpus(config, corpus, vocabulary, texts, statistics)
    _say(prepared, progress)
    return prepared


def _say(prepared: PreparedCorpus, progress: Progress) -> None:
    corpus = prepared.corpus
    progress.say(f"corpus      {corpus.name} ({corpus.licence}); {corpus.source}")
    progress.say(f"split       {corpus.split_description}")
    for name, split in prepared.statistics.items():
        progress.say(
            f"  {name:<6}  {split.tokens:>9,} tokens  {split.sentences:>7,} sentences  {split.types:>7,} types"
            f"  {split.oov_rate:6.2%} out of vocabulary"
        )
    minimum = minimum_count(corpus, prepared.config)
    progress.say(
        f"vocabulary  {len(prepared.vocabulary):,} {prepared.config.tokens} from train alone, seen at least {minimum}x"
    )
    for note in corpus.notes:
        progress.say(f"note        {note}")
