"""Word vectors from the train split: skip-gram and CBOW with negative sampling (Mikolov et al. 2013), by gensim."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import MAX_WORDS_IN_BATCH
from jaxtyping import Float32

from rnn_lm.config import EmbeddingConfig
from rnn_lm.progress import Progress, Task, quiet_logger
from rnn_lm.vocabulary import EOS, Vocabulary


def train_word2vec(
    config: EmbeddingConfig,
    vocabulary: Vocabulary,
    sentences: Iterable[Sequence[str]],
    generator: torch.Generator,
    progress: Progress,
) -> dict[int, Float32[np.ndarray, "E"]]:
    """Train on ``sentences`` as a model reads them: ``<unk>`` for what is outside the vocabulary, ``<eos>`` at the end.

    In one worker thread, because with several gensim's result depends on which of them is faster; so the same seed
    gives the same bits. Of a sentence gensim reads the first 10,000 tokens, so longer ones are cut into such pieces.

    Returns:
        The vector of each entry that stands in the text, by id.
    """
    seed = int(torch.randint(2**31, (), generator=generator))
    with quiet_logger("gensim"), progress.task("word2vec", float(config.embedding_epochs)) as task:
        model = Word2Vec(
            _AsRead(sentences, vocabulary),
            vector_size=config.embedding_size,
            sg=int(config.algorithm == "skip-gram"),
            window=config.window,
            negative=config.negatives,
            epochs=config.embedding_epochs,
            min_count=1,
            workers=1,
            seed=seed,
            callbacks=[_EpochReport(task)],
        )
    return {index: model.wv[token] for index, token in enumerate(vocabulary.tokens) if token in model.wv}


class _AsRead:
    """``sentences`` as a model reads them, made anew for each epoch: the text need not fit into memory."""

    def __init__(self, sentences: Iterable[Sequence[str]], vocabulary: Vocabulary) -> None:
        self._sentences, self._vocabulary = sentences, vocabulary

    def __iter__(self) -> Iterator[list[str]]:
        vocabulary = self._vocabulary
        for sentence in self._sentences:
            tokens = vocabulary.decode(vocabulary.encode([*sentence, EOS]))
            for start in range(0, len(tokens), MAX_WORDS_IN_BATCH):
                yield tokens[start : start + MAX_WORDS_IN_BATCH]


class _EpochReport(CallbackAny2Vec):
    """Tells ``task`` of each epoch."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._epochs = 0.0

    def on_epoch_end(self, model: Word2Vec) -> None:  # noqa: ARG002 (gensim's signature)
        self._epochs += 1.0
        self._task.update(self._epochs)
