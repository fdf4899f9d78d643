"""The corpora that models come from, read when they are first asked for: a sample of valid, and the training text."""

from __future__ import annotations

from rnn_lm.config import CorpusConfig
from rnn_lm.corpora import Corpus, Downloads, load_corpus
from rnn_lm.errors import UserError
from rnn_lm.experiments.arpa_models import has_no_text
from rnn_lm.explorer.sample import Sample, sample_of, stretches
from rnn_lm.explorer.seen import TrainingText
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress


class Sources:
    """Reads each corpus once.

    Args:
        sample_tokens: of the valid split, whose states are searched.
        progress: told what is read.
    """

    def __init__(self, sample_tokens: int, progress: Progress) -> None:
        self.sample_tokens, self._progress = sample_tokens, progress
        self._corpora: dict[CorpusConfig, Corpus | UserError] = {}
        self._samples: dict[int, Sample] = {}
        self._training: dict[int, TrainingText] = {}

    def sample(self, stored: StoredModel) -> Sample:
        """Return what a model holds over stretches of the valid split of its corpus.

        Raises:
            UserError: the corpus is not at hand.
        """
        if id(stored) not in self._samples:
            text = self._corpus(stored).splits["valid"].encoded(stored.vocabulary)
            self._samples[id(stored)] = sample_of(stored.model, stretches(text, self.sample_tokens))
        return self._samples[id(stored)]

    def training_text(self, stored: StoredModel) -> TrainingText | None:
        """Return what an n-gram was trained on; None where that is not at hand."""
        if id(stored) not in self._training:
            try:
                text = self._corpus(stored).splits["train"].encoded(stored.vocabulary)
            except UserError:
                return None
            self._training[id(stored)] = TrainingText(text.ids_n.numpy(), stored.vocabulary.eos_id)
        return self._training[id(stored)]

    def _corpus(self, stored: StoredModel) -> Corpus:
        if stored.corpus not in self._corpora:
            self._corpora[stored.corpus] = self._read(stored)
        found = self._corpora[stored.corpus]
        if isinstance(found, UserError):
            raise found
        return found

    def _read(self, stored: StoredModel) -> Corpus | UserError:
        """The corpus; or why it cannot be had, which is told once."""
        if has_no_text(stored):
            return UserError(f"{stored.name} was made by another program: its corpus is not known here")
        try:
            return load_corpus(stored.corpus, Downloads.from_environment(self._progress), stored.tokenizer)
        except UserError as error:
            self._progress.say(f"note: without the corpus of {stored.name}: {error}")
            return UserError(f"the corpus of {stored.name} is not at hand: {error}")
