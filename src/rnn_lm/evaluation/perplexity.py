"""Perplexity that does not depend on how it was computed: every token is scored once, and the exact count divides.

A context policy says what a model has read when it predicts a token. It decides into which columns the text is cut, and
nothing else; each column is read from the initial state, whose first input is ``<eos>``::

    text       a  b  .  c  .  d  e  .            "." is <eos>: it is predicted and counted like any token

    stream     in   .  a  b  .  c  .  d  e       one column: the state is carried through the whole text
               out  a  b  .  c  .  d  e  .

    sentence   in   .  a  b | .  c | .  d  e     a column per sentence: nothing is known of earlier sentences
               out  a  b  . | c  . | d  e  .

Columns are read in batches of similar length, padded with ``IGNORE``, and long ones piece by piece with the state
carried over, so that memory is bounded whatever the text, and batch and segment sizes change nothing but the speed.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor, nn

from rnn_lm.evaluation.score import Policy
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.progress import Progress, SilentProgress
from rnn_lm.stream import EncodedText


@dataclass(frozen=True)
class Perplexity:
    """A sum of NLL and what it is to be divided by. Two of them add up; averages are only taken at the end.

    Attributes:
        nll_sum: nats, over every token.
        token_count: tokens scored, ``<eos>`` included.
        characters: of the text those tokens make up; 0 where that is not known.
        words: of the same text, by white space, and an end for each sentence; 0 where that is not known.
        unk_count: how many of the tokens are ``<unk>``.
        known_nll_sum: nats, over the others; None where they are not told apart.
    """

    nll_sum: float
    token_count: int
    characters: int
    words: int = 0
    unk_count: int = 0
    known_nll_sum: float | None = None

    def __add__(self, other: Perplexity) -> Perplexity:
        known = (self.known_nll_sum, other.known_nll_sum)
        return Perplexity(
            self.nll_sum + other.nll_sum,
            self.token_count + other.token_count,
            self.characters + other.characters,
            self.words + other.words,
            self.unk_count + other.unk_count,
            None if known[0] is None or known[1] is None else known[0] + known[1],
        )

    @property
    def nats_per_token(self) -> float:
        """Mean NLL of a token."""
        return self.nll_sum / self.token_count

    @property
    def perplexity(self) -> float:
        """exp of the mean NLL: the size of a uniform vocabulary that would be as hard to predict."""
        return _exp(self.nats_per_token)

    @property
    def perplexity_without_unk(self) -> float | None:
        """That of the tokens which are not ``<unk>``, ``<eos>`` among them; KenLM's "Perplexity excluding OOVs".

        What stands after an ``<unk>`` is still predicted from it. None: not told apart.
        """
        count = self.token_count - self.unk_count
        return None if self.known_nll_sum is None or not count else _exp(self.known_nll_sum / count)

    @property
    def perplexity_per_word(self) -> float | None:
        """exp of the sum spread over the words: comparable between tokenizations of one text. None: words unknown."""
        return _exp(self.nll_sum / self.words) if self.words else None

    @property
    def bits_per_token(self) -> float:
        """Mean NLL of a token in bits."""
        return self.nats_per_token / math.log(2)

    @property
    def bits_per_character(self) -> float:
        """The same sum spread over the characters: comparable between tokenizations of one text."""
        return self.nll_sum / self.characters / math.log(2)


def _exp(nats: float) -> float:
    try:
        return math.exp(nats)
    except OverflowError:  # more than 709 nats: beyond what a float holds
        return math.inf


@dataclass(frozen=True)
class TokenScores:
    """What one model, under one policy, thought of every token of a text.

    Attributes:
        nll_n: -log P of each token, in nats, in text order.
        sentence_ends_s: positions just past each sentence's ``<eos>``; the last is N.
        characters: length of the text in characters.
        policy: what the model had read before each token. Scores of different policies are never compared.
        words: length of the text in words (``Split.words``); 0 where that is not known.
        unk_n: which tokens are ``<unk>``; None where they are not told apart.
    """

    nll_n: Float64[np.ndarray, "N"]
    sentence_ends_s: Int64[np.ndarray, "S"]
    characters: int
    policy: Policy
    words: int = 0
    unk_n: Bool[np.ndarray, "N"] | None = None

    @classmethod
    def of(cls, text: EncodedText, nll_n: Float64[np.ndarray, "N"], policy: Policy) -> TokenScores:
        """The scores of ``text``, given the NLL of each of its tokens."""
        unk_n = None if text.unk_id is None else (text.ids_n == text.unk_id).numpy()
        return cls(nll_n, text.sentence_ends.numpy(), text.characters, policy, text.words, unk_n)

    @property
    def total(self) -> Perplexity:
        """The whole text's perplexity."""
        whole = (float(self.nll_n.sum()), len(self.nll_n), self.characters, self.words)
        if self.unk_n is None:
            return Perplexity(*whole)
        return Perplexity(*whole, int(self.unk_n.sum()), float(self.nll_n[~self.unk_n].sum()))

    @property
    def by_sentence(self) -> TokenScores:
        """The same with each sentence as one token: what models with different tokenizations of a text share."""
        nll_s = np.add.reduceat(self.nll_n, self.sentence_ends_s - np.diff(self.sentence_ends_s, prepend=0))
        ends_s = np.arange(1, len(nll_s) + 1, dtype=np.int64)
        return TokenScores(nll_s, ends_s, self.characters, self.policy, self.words)

    @property
    def sentence_of_n(self) -> Int64[np.ndarray, "N"]:
        """Which sentence, counted from 0, each token belongs to."""
        lengths_s = np.diff(self.sentence_ends_s, prepend=0)
        return np.repeat(np.arange(len(lengths_s)), lengths_s)


@dataclass(frozen=True)
class SentenceScores:
    """The same summed over each sentence: all that a perplexity and its interval need, for texts larger than memory.

    Attributes:
        nll_s: -log P of each sentence, ``<eos>`` included, in nats, in text order.
        sentence_ends_s, characters, policy, words: see ``TokenScores``.
        unk_count, known_nll_sum: see ``Perplexity``.
    """

    nll_s: Float64[np.ndarray, "S"]
    sentence_ends_s: Int64[np.ndarray, "S"]
    characters: int
    policy: Policy
    words: int = 0
    unk_count: int = 0
    known_nll_sum: float | None = None

    @property
    def total(self) -> Perplexity:
        """The whole text's perplexity."""
        return Perplexity(
            float(self.nll_s.sum()),
            int(self.sentence_ends_s[-1]),
            self.characters,
            self.words,
            self.unk_count,
            self.known_nll_sum,
        )

    @property
    def by_sentence(self) -> TokenScores:
        """See ``TokenScores.by_sentence``."""
        ends_s = np.arange(1, len(self.nll_s) + 1, dtype=np.int64)
        return TokenScores(self.nll_s, ends_s, self.characters, self.policy, self.words)


def score_text(
    model: LanguageModel,
    text: EncodedText,
    policy: Policy,
    *,
    segment_length: int = 1024,
    batch_tokens: int = 4096,
    progress: Progress | None = None,
) -> TokenScores:
    """-log P of every token of ``text``, each scored exactly once.

    Args:
        model: any language model; a module is put into evaluation mode meanwhile and left as it was found.
        text: what to score; its last token is ``<eos>``.
        policy: "stream" or "sentence", as drawn above.
        segment_length: most tokens of a column read in one call. Bounds memory and changes no result.
        batch_tokens: most positions, padding included, of a batch of sentences. Changes no result either.
        progress: told the tokens done and the perplexity so far.

    Raises:
        ValueError: the text is empty or its last token is not ``<eos>``.
    """
    nll_n = np.zeros(len(text), dtype=np.float64)
    for positions_k, nll_k in _scored(model, text, policy, segment_length, batch_tokens, progress):
        nll_n[positions_k] = nll_k
    return TokenScores.of(text, nll_n, policy)


def score_sentences(
    model: LanguageModel,
    text: EncodedText,
    policy: Policy,
    *,
    segment_length: int = 1024,
    batch_tokens: int = 4096,
    progress: Progress | None = None,
) -> SentenceScores:
    """-log P of every sentence of ``text``: as ``score_text``, in memory that grows with sentences alone."""
    ends_s = text.sentence_ends.numpy()
    nll_s = np.zeros(len(ends_s), dtype=np.float64)
    unk_count, known_nll_sum = 0, 0.0
    for positions_k, nll_k in _scored(model, text, policy, segment_length, batch_tokens, progress):
        np.add.at(nll_s, np.searchsorted(ends_s, positions_k, side="right"), nll_k)
        if text.unk_id is not None:
            unk_k = text.at(torch.from_numpy(positions_k)).numpy() == text.unk_id
            unk_count, known_nll_sum = unk_count + int(unk_k.sum()), known_nll_sum + float(nll_k[~unk_k].sum())
    told_apart = (unk_count, known_nll_sum if text.unk_id is not None else None)
    return SentenceScores(nll_s, ends_s, text.characters, policy, text.words, *told_apart)


def _scored(
    model: LanguageModel,
    text: EncodedText,
    policy: Policy,
    segment_length: int,
    batch_tokens: int,
    progress: Progress | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions in the text and their NLL in nats, some at a time, until each has had its turn."""
    if len(text) == 0 or int(text.at(torch.tensor([len(text) - 1]))) != text.eos_id:
        raise ValueError("a text to score must end with <eos>")
    column_ends = {"stream": lambda: torch.tensor([len(text)]), "sentence": lambda: text.sentence_ends}[policy]()
    nll_sum, done = 0.0, 0
    reporter = (progress or SilentProgress()).task("evaluate", float(len(text)))
    with evaluating(model), torch.inference_mode(), reporter as task:
        for batch in _batches(column_ends, batch_tokens):
            for positions_k, nll_k in _score_batch(model, text, batch, segment_length):
                yield positions_k.numpy(), nll_k.numpy()
                nll_sum, done = nll_sum + float(nll_k.sum()), done + len(nll_k)
                task.update(float(done), perplexity=Perplexity(nll_sum, done, 0).perplexity)


@contextlib.contextmanager
def evaluating(model: LanguageModel) -> Iterator[None]:
    """Evaluation mode (no dropout) inside; every part of the module gets its own mode back afterwards."""
    modes = [(part, part.training) for part in model.modules()] if isinstance(model, nn.Module) else []
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


class _Batch(NamedTuple):
    """Columns of the text that are read side by side: column b is ``text[start_b[b]:end_b[b]]``."""

    start_b: Tensor
    end_b: Tensor

    @property
    def rows(self) -> int:
        return int((self.end_b - self.start_b).max())


def _batches(column_ends: Tensor, batch_tokens: int) -> Iterator[_Batch]:
    """Columns in order of length, as many at a time as fit into ``batch_tokens`` once padded; at least one."""
    column_starts = torch.cat([column_ends.new_zeros(1), column_ends[:-1]])
    lengths, order = (column_ends - column_starts).sort(stable=True)
    first = 0
    for last, length in enumerate(lengths.tolist()):
        if last > first and (last - first + 1) * length > batch_tokens:
            yield _Batch(column_starts[order[first:last]], column_ends[order[first:last]])
            first = last
    yield _Batch(column_starts[order[first:]], column_ends[order[first:]])


def _score_batch(
    model: LanguageModel, text: EncodedText, batch: _Batch, segment_length: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions in the text and their NLL (float64), segment by segment, for the columns of one batch."""
    state = model.initial_state(len(batch.start_b))
    device = model.device
    for row in range(0, batch.rows, segment_length):
        row_t = torch.arange(row, min(row + segment_length, batch.rows))
        position_tb = batch.start_b[None, :] + row_t[:, None]
        inside_tb = position_tb < batch.end_b[None, :]
        position_tb = position_tb.clamp(max=len(text) - 1)
        input_tb = text.before(position_tb).masked_fill(~inside_tb, text.eos_id)
        target_tb = text.at(position_tb).masked_fill(~inside_tb, IGNORE)
        nll_tb, state = model.score(input_tb.to(device), target_tb.to(device), state)
        yield position_tb[inside_tb], nll_tb.cpu()[inside_tb].double()
