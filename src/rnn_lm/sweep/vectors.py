"""The input vectors of a sweep's trials: made once for each way of making them, as far as memory goes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from rnn_lm.config import EmbeddingConfig
from rnn_lm.experiments.vectors import InputVectors, input_vectors
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress

MOST_KEPT = 4
"""Vectors kept in memory; a search over --embedding-size could ask for hundreds."""


class TrialVectors:
    """Input vectors by config and seed.

    Args:
        prepared: the corpus.
        shared: the folder where vectors are kept for other processes and later ones; None where trials differ in their
            vectors, which are then kept in memory alone.
    """

    def __init__(self, prepared: PreparedCorpus, shared: Path | None) -> None:
        self._prepared, self._shared = prepared, shared
        self._kept: OrderedDict[tuple[EmbeddingConfig, int], InputVectors] = OrderedDict()

    def get(self, config: EmbeddingConfig, seed: int, progress: Progress) -> InputVectors:
        """The vectors that ``rnn-lm train`` would make with this config and seed."""
        key = (replace(config, freeze_embedding=False), seed)  # freezing is the model's affair
        if key not in self._kept:
            self._kept[key] = input_vectors(config, self._prepared, self._shared, seed, progress)
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]
