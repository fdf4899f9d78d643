"""The surprisal of every word as it was written (Hale 2001; Levy 2008), and what else reading studies ask of a model.

Sentences are read a few at a time, and rows come out as soon as they are read: memory does not grow with the text. A
word of several tokens costs their sum, log P being additive; its entropy and rank are those before its first token.

Where tokens say where spaces are (pieces of words, characters, bytes), a choice decides what a word's probability is
of (Oh and Schuler 2024; Pimentel and Meister 2024). With "before", a word is " word": it pays for the space before it,
and need not end where it ends. With "after", it is "word ": it pays for its end, and not for that of the word before::

    before   -log P(pieces)
    after    -log P(pieces) - log P(a word ends | up to its last piece) + log P(a word ends | before its first)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import Policy, evaluating
from rnn_lm.layers.state import State
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.reading.words import WordCutter, Words
from rnn_lm.vocabulary import EOS

Space: TypeAlias = Literal["before", "after"]
"""To which word a space belongs: to the one that it stands before, or to the one that it stands after."""

_LOGITS = 1 << 22
"""Numbers of a distribution's table that are in memory at a time."""
_SENTENCES = 32
"""Read side by side where each begins afresh."""
_BITS = 1 / math.log(2)


class WordRow(NamedTuple):
    """One word of a text.

    >>> import rnn_lm
    >>> row = rnn_lm.load("runs/tiny").word_surprisal("the cat sees fish .")[1]
    >>> row.word, row.word_position, row.length, row.is_unk
    ('cat', 2, 3, False)

    Attributes:
        line: of the file, counted from 1.
        sentence: counted from 1; a line is a sentence, and a blank line is none.
        word_position: in its sentence, counted from 1.
        word: as it was written.
        tokens: of the model, that it consists of.
        is_unk: whether one of them is ``<unk>`` to the model.
        surprisal_bits: -log2 P(word | what the policy lets the model see before it).
        entropy_bits: of the distribution over tokens before the word's first.
        rank: of its first token in that distribution; 1 is the most probable.
        unigram_bits: -log2 of its tokens' relative frequencies in the model's train text; None where that is not known.
        length: in characters, as it was written.
        policy: "stream" or "sentence".
        model: its name.
    """

    line: int
    sentence: int
    word_position: int
    word: str
    tokens: int
    is_unk: bool
    surprisal_bits: float | None
    entropy_bits: float | None
    rank: int | None
    unigram_bits: float | None
    length: int
    policy: str
    model: str


class Sentence(NamedTuple):
    """A sentence to be read: its line, its text, where that stands, and what is to go along with its rows."""

    line: int
    text: str
    where: str
    carried: tuple[Any, ...] = ()


class Scored(NamedTuple):
    """What a model thought of a sentence's tokens and its ``<eos>``, one by one."""

    nats_n: Float64[Tensor, "N"]
    entropy_n: Float64[Tensor, "N"]
    rank_n: Int64[Tensor, "N"]
    end_n: Float64[Tensor, "N"]
    """-log P that a word ends before the token."""


@dataclass(frozen=True)
class Reader:
    """One model, as it reads words.

    Attributes:
        stored: the model.
        policy: "stream": the state is carried through the text; "sentence": each begins afresh.
        space: to which word a space belongs; does nothing where tokens are whole words.
        eos: whether each sentence's ``<eos>``, which stands in no text, has a row, too.
        set_apart: see ``WordCutter``.
        distributions: whether entropies and ranks are wanted, which takes many times as long as surprisal alone;
            without, they are None.
    """

    stored: StoredModel
    policy: Policy = "sentence"
    space: Space = "before"
    eos: bool = False
    set_apart: bool = True
    distributions: bool = True

    def rows(self, sentences: Iterable[Sentence]) -> Iterator[tuple[Sentence, list[WordRow]]]:
        """Yield each sentence that has words with their rows, as soon as they are known.

        Raises:
            UserError: a text holds ``<eos>``.
        """
        cutter = WordCutter(self.stored, self.set_apart)
        ends_v = self._ends(cutter)
        unigram_bits = _unigram_bits(self.stored)
        number = 0
        with evaluating(self.stored.model):
            for sentence, words, ids, scored in self._scored(sentences, cutter, ends_v):
                number += 1
                rows = self._rows(sentence.line, number, words, ids, scored, unigram_bits)
                yield sentence, list(rows)

    def _scored(
        self, sentences: Iterable[Sentence], cutter: WordCutter, ends_v: Bool[Tensor, "V"] | None
    ) -> Iterator[tuple[Sentence, Words, list[int], Scored]]:
        model, vocabulary = self.stored.model, self.stored.vocabulary
        cut = ((one, cutter.cut(one.text, one.where)) for one in sentences)
        encoded = ((one, words, vocabulary.encode(words.tokens)) for one, words in cut if words.written)
        state, eos_id = model.initial_state(1), vocabulary.eos_id
        for some in _batches(encoded, 1 if self.policy == "stream" else _SENTENCES):
            targets = [[*ids, eos_id] for _, _, ids in some]
            if self.policy == "sentence":
                state = model.initial_state(len(targets))
            # Every sentence before this one ended with <eos>, and so does what stands before the first.
            full = self.distributions or ends_v is not None
            found, state = score_all(model, targets, eos_id, state, ends_v, full=full)
            for (sentence, words, ids), scored in zip(some, found, strict=True):
                yield sentence, words, ids, scored

    def _ends(self, cutter: WordCutter) -> Bool[Tensor, "V"] | None:
        if self.space == "before" or not cutter.has_pieces:
            return None
        return torch.tensor([cutter.ends_word(token) for token in self.stored.vocabulary.tokens])

    def _rows(
        self,
        line: int,
        number: int,
        words: Words,
        ids: Sequence[int],
        scored: Scored,
        unigram_bits: Sequence[float] | None,
    ) -> Iterator[WordRow]:
        nats, entropy, rank, end = (part.tolist() for part in scored)
        for position, word in enumerate(words.written):
            first, last = words.span(position)
            if first == last:  # all of it is in a token that reaches over its end
                figures = (None, None, None, None)
            else:
                cost = sum(nats[first:last])
                if self.space == "after":
                    # A word that begins without a space (the first of a line of characters) has none to give back.
                    cost += end[last] - (end[first] if words.spaced[first] else 0.0)
                frequency = None if unigram_bits is None else sum(unigram_bits[index] for index in ids[first:last])
                shape = (entropy[first] * _BITS, rank[first]) if self.distributions else (None, None)
                figures = (cost * _BITS, *shape, frequency)
            unknown = self.stored.vocabulary.unk_id in ids[first:last]
            shown = (line, number, position + 1, word, last - first, unknown)
            yield WordRow._make((*shown, *figures, len(word), self.policy, self.stored.name))
        if self.eos:
            frequency = None if unigram_bits is None else unigram_bits[self.stored.vocabulary.eos_id]
            shape = (entropy[-1] * _BITS, rank[-1]) if self.distributions else (None, None)
            shown = (line, number, len(words.written) + 1, EOS, 1, False)
            figures = (nats[-1] * _BITS, *shape, frequency)
            yield WordRow._make((*shown, *figures, 0, self.policy, self.stored.name))


def of_lines(lines: Sequence[str]) -> Iterator[Sentence]:
    """Yield lines that are in memory as sentences."""
    for number, line in enumerate(lines, start=1):
        yield Sentence(number, line, f"sentence {number}")


def score_all(
    model: LanguageModel,
    targets: Sequence[Sequence[int]],
    eos_id: int,
    state: State,
    ends_v: Bool[Tensor, "V"] | None = None,
    *,
    full: bool = True,
) -> tuple[list[Scored], State]:
    """Return what a model thinks of each token of some sentences, read side by side, and the state after them.

    Args:
        model: any language model.
        targets: ids, each sentence's ``<eos>`` included; ``<eos>`` is read before its first.
        eos_id: of ``<eos>``.
        state: before them, for as many columns.
        ends_v: which tokens end the word before them.
        full: whether entropies and ranks are wanted; else they are 0.
    """
    longest = max(map(len, targets))
    target_tb = torch.full((longest, len(targets)), eos_id)
    for column, ids in enumerate(targets):
        target_tb[: len(ids), column] = torch.tensor(ids)
    input_tb = torch.cat([torch.full((1, len(targets)), eos_id), target_tb[:-1]])
    rows = max(1, _LOGITS // (model.vocabulary_size * len(targets)))
    parts: list[Scored] = []
    with torch.inference_mode():
        for first in range(0, longest, rows):
            part = slice(first, first + rows)
            if not full:
                nats_tb, state = model.score(input_tb[part].to(model.device), target_tb[part].to(model.device), state)
                nothing_tb = torch.zeros(nats_tb.shape, dtype=torch.float64)
                parts.append(Scored(nats_tb.double().cpu(), nothing_tb, nothing_tb.long(), nothing_tb))
                continue
            log_prob_tbv, state = distributions(model, input_tb[part].to(model.device), state)
            parts.append(_measured(log_prob_tbv, target_tb[part].to(model.device), ends_v))
    whole = Scored(*(torch.cat(columns) for columns in zip(*parts, strict=True)))
    return [Scored(*(part[: len(ids), column] for part in whole)) for column, ids in enumerate(targets)], state


def _measured(log_prob_tbv: Tensor, target_tb: Tensor, ends_v: Tensor | None) -> Scored:
    own_tb1 = log_prob_tbv.gather(2, target_tb[..., None])
    rank_tb = (log_prob_tbv > own_tb1).sum(2) + 1
    own_tb = -own_tb1.squeeze(2)
    end_tb = torch.zeros_like(own_tb) if ends_v is None else -log_prob_tbv[..., ends_v].logsumexp(2)
    entropy_tb = torch.special.entr(log_prob_tbv.exp()).sum(2)
    return Scored(own_tb.double().cpu(), entropy_tb.double().cpu(), rank_tb.cpu(), end_tb.double().cpu())


@singledispatch
def distributions(model: LanguageModel, input_tb: Int64[Tensor, "T B"], state: State) -> tuple[Tensor, State]:
    """Return log P(next token), (T, B, V) in nats, after each token of ``input_tb``, and the state after them."""
    found = []
    for token_b in input_tb:
        log_prob_bv, state = model.step(token_b, state)
        found.append(log_prob_bv)
    return torch.stack(found), state


@distributions.register
def _(model: NeuralLanguageModel, input_tb: Tensor, state: State) -> tuple[Tensor, State]:
    return model(input_tb, state)


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Some at a time, no more of them read than are given out."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def _unigram_bits(stored: StoredModel) -> list[float] | None:
    """-log2 of each token's relative frequency in train, one occurrence added to each; of an ARPA file, which has no
    counts, its 1-grams."""
    counts_v = stored.vocabulary.counts_v
    total = sum(counts_v) + len(counts_v)
    if sum(counts_v):
        return [math.log2(total / (count + 1)) for count in counts_v]
    if isinstance(stored.model, NgramLanguageModel):
        return (-stored.model.table.levels[0].log_prob_g * _BITS).tolist()
    return None


def require_space(models: Sequence[StoredModel], space: Space) -> None:
    """Raise ``UserError`` where it makes no difference to any of the models to which word a space belongs."""
    if not any(WordCutter(one).has_pieces for one in models):
        raise UserError(
            f"--space {space} changes nothing for {models[0].name}, whose tokens are whole words; leave it out"
        )
