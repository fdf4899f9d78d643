"""The n-gram baseline: interpolated modified Kneser-Ney behind the ``LanguageModel`` protocol.

The state is the last n-1 ids. What stands before a sentence's first token is ``<eos>``, here as for every other
model; as a context it is the begin symbol that the literature writes ``<s>``. The boundary decides what it hides::

    text                 ... b  <eos>  c  d  <eos> ...         to be predicted: d

    boundary "sentence"         <eos>  c | d                   <eos> is the start of all context, and n-grams
    boundary "stream"    ... b  <eos>  c | d                   that start with it keep their plain counts
"""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.config import NgramConfig, from_json, to_json
from rnn_lm.errors import UserError
from rnn_lm.layers.state import State
from rnn_lm.models.kneser_ney import Discounts, estimate_discounts, smooth
from rnn_lm.models.ngram_counts import count_ngrams, sentence_reach, stream_reach
from rnn_lm.models.ngram_files import read_table, write_table
from rnn_lm.models.ngram_table import NOTHING, BackoffTable
from rnn_lm.padding import IGNORE
from rnn_lm.stream import EncodedText


class NgramLanguageModel:
    """P(next token | the last n-1 tokens), from a back-off table.

    Args:
        table: the smoothed n-grams.
        eos_id: the end-of-sentence token.
        config: the order and boundary that the table was made with.
        discounts: what smoothed each level, for the record; empty where it is not known (a model read from ARPA).
    """

    def __init__(
        self, table: BackoffTable, eos_id: int, config: NgramConfig, discounts: tuple[Discounts, ...] = ()
    ) -> None:
        self.table = table
        self.eos_id = eos_id
        self.config = config
        self.discounts = discounts
        self.vocabulary_size = table.vocabulary_size

    @classmethod
    def train(cls, text: EncodedText, vocabulary_size: int, config: NgramConfig) -> NgramLanguageModel:
        """Count and smooth the n-grams of ``text``. Deterministic.

        Raises:
            UserError: the text is empty.
        """
        if len(text) == 0:
            raise UserError("the training text is empty: an n-gram model needs at least one sentence")
        ids_n = text.ids_n.numpy()
        _require_ids_below(vocabulary_size, text.ids_n)
        apart = config.boundary == "sentence"
        reach_n = sentence_reach(ids_n, text.eos_id) if apart else stream_reach(ids_n)
        counted = count_ngrams(ids_n, reach_n, text.eos_id, vocabulary_size, config.order)
        discounts = tuple(estimate_discounts(level.counts_g) for level in counted)
        return cls(smooth(counted, discounts), text.eos_id, config, discounts)

    @classmethod
    def load(cls, path: Path) -> NgramLanguageModel:
        """Read what ``save`` wrote.

        Raises:
            UserError: the file is missing, damaged, of another version, or holds something else.
        """
        table, facts = read_table(path)
        config = from_json(NgramConfig, facts["config"], str(path))
        if config.order != table.order:
            raise UserError(f"{path}: of order {config.order}, with n-grams up to {table.order}; train it again")
        return cls(table, facts["eos_id"], config, tuple(Discounts(*amounts) for amounts in facts["discounts"]))

    def save(self, path: Path) -> None:
        """Write the model as one safetensors file, atomically.

        Raises:
            UserError: the file cannot be written (full disk, read-only folder).
        """
        discounts = [astuple(discount) for discount in self.discounts]
        write_table(path, self.table, {"config": to_json(self.config), "eos_id": self.eos_id, "discounts": discounts})

    @property
    def device(self) -> torch.device:
        """The CPU, where the table is."""
        return torch.device("cpu")

    @property
    def ngram_counts(self) -> tuple[int, ...]:
        """How many n-grams of each length are stored."""
        return tuple(len(level.keys_g) for level in self.table.levels)

    @property
    def parameters_count(self) -> int:
        """How many numbers the model consists of: a probability per n-gram and a back-off weight per context."""
        contexts = sum(int(self.table.is_context(length).sum()) for length in range(1, self.table.order))
        return sum(self.ngram_counts) + contexts

    def initial_state(self, batch: int) -> State:
        """Nothing read yet, in ``batch`` texts."""
        return (torch.full((self.config.order - 1, batch), NOTHING, dtype=torch.int64),)

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """Read one token; return log P(next token) in nats over the whole vocabulary, float64, and the new state."""
        sequence_tb, contexts = self._read(token_b[None], state)
        log_prob_bv = self.table.distribution([context_tb[-1] for context_tb in contexts])
        return torch.from_numpy(log_prob_bv), self._state(sequence_tb)

    def score(
        self, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], state: State
    ) -> tuple[Float[Tensor, "T B"], State]:
        """Read ``input_tb``; return -log P(target) in nats, float64, 0 where it is ``IGNORE``, and the new state."""
        _require_ids_below(self.vocabulary_size, target_tb)
        sequence_tb, contexts = self._read(input_tb, state)
        target = target_tb.numpy()
        log_prob_tb = self.table.log_prob(contexts, target)
        return torch.from_numpy(np.where(target == IGNORE, 0.0, -log_prob_tb)), self._state(sequence_tb)

    def nll(self, ids_n: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
        """-log P of every token of a text read as one stream from the initial state, in nats, float64."""
        nll_tb, _ = self.score(self._inputs(ids_n), ids_n[:, None], self.initial_state(1))
        return nll_tb[:, 0]

    def context_match(self, ids_n: Int[Tensor, "N"]) -> Int[Tensor, "N"]:
        """For every token of a text, how much of the context before it was seen as a context in training.

        Returns:
            int64, 0 to order - 1: tokens in the longest run directly before the token that was also followed by some
            token in the training text. With boundary "sentence" the begin symbol is matched but is no token and is not
            counted, so that a sentence's first token has 0; with "stream" ``<eos>`` is a token like any other.
        """
        sequence_tb, contexts = self._read(self._inputs(ids_n), self.initial_state(1))
        longest_tb = np.zeros(ids_n[:, None].shape, np.int64)
        for length, context_tb in enumerate(contexts[1:], start=1):
            first_tb = sequence_tb[self.config.order - length : len(sequence_tb) - length + 1]
            tokens_tb = length - (first_tb == self.eos_id) * (self.config.boundary == "sentence")
            longest_tb = np.where(context_tb != NOTHING, tokens_tb, longest_tb)
        return torch.from_numpy(longest_tb[:, 0])

    def _inputs(self, ids_n: Tensor) -> Int[Tensor, "N 1"]:
        return EncodedText(ids_n, self.eos_id, characters=0).inputs_and_targets()[0][:, None]

    def _read(self, input_tb: Tensor, state: State) -> tuple[np.ndarray, list[np.ndarray]]:
        """(history followed by input, the contexts that end at each input)."""
        _require_ids_below(self.vocabulary_size, input_tb)
        (history_nb,) = state
        sequence_tb = torch.cat([history_nb, input_tb]).numpy()
        contexts = self.table.contexts(sequence_tb)
        return sequence_tb, [context_tb[len(history_nb) :] for context_tb in contexts]

    def _state(self, sequence_tb: np.ndarray) -> State:
        """The last n-1 ids; with boundary "sentence", those before the last ``<eos>`` are forgotten."""
        history_nb = sequence_tb[len(sequence_tb) - (self.config.order - 1) :].copy()
        if self.config.boundary == "sentence":
            ends_after_nb = np.cumsum((history_nb == self.eos_id)[::-1], axis=0)[::-1]
            history_nb[ends_after_nb - (history_nb == self.eos_id) > 0] = NOTHING
        return (torch.from_numpy(history_nb),)


def _require_ids_below(vocabulary_size: int, ids: Tensor) -> None:
    """Ids beyond the vocabulary would silently be taken for other n-grams."""
    if ids.numel() and int(ids.max()) >= vocabulary_size:
        raise ValueError(f"id {int(ids.max())} is outside a vocabulary of {vocabulary_size}")
