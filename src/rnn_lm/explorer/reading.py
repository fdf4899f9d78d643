"""What a model thought at each token of a text: how surprised it was, how unsure, what it had expected.

text        the  king  said  .            as the model's corpus is cut; a line break is <eos>
read   <eos>  the  king  said             from the initial state, the state carried through the whole text
for each   -log2 P(token),  entropy of P(next),  rank of the token in P(next),  the most probable tokens
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.storage import StoredModel
from rnn_lm.vocabulary import UNK

MOST_TOKENS = 2000
"""Tokens of a text that is read: a page shows no more, and distributions over the vocabulary are held for them."""
_AT_ONCE = 64


@dataclass(frozen=True)
class Cut:
    """A text as a model cuts it.

    Attributes:
        tokens: as they stand in the text, also where the model reads ``<unk>``; ``<eos>`` for each line break.
        ids: what it reads.
        unknown: whether a token is not in the vocabulary.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    unknown: tuple[bool, ...]


@dataclass(frozen=True)
class Reading:
    """One model's reading of a text of T tokens.

    Attributes:
        cut: the text.
        surprisal_t: -log2 P(token | tokens before it).
        entropy_t: of P(next) before each token, in bits.
        rank_t: tokens that were more probable than the one that came, plus one.
        top_ids_tk, top_probabilities_tk: the most probable tokens before each, and after the last (T + 1 rows).
    """

    cut: Cut
    surprisal_t: Float64[Tensor, "T"]
    entropy_t: Float64[Tensor, "T"]
    rank_t: Int64[Tensor, "T"]
    top_ids_tk: Int64[Tensor, "T1 K"]
    top_probabilities_tk: Float64[Tensor, "T1 K"]


def cut_text(stored: StoredModel, text: str) -> Cut:
    """Return a text cut as the model's corpus was.

    Raises:
        UserError: there is no word in it, or more than ``MOST_TOKENS``.
    """
    tokens = stored.codec.tokens(text.rstrip("\n"))
    if not tokens:
        raise UserError("there is no word in the text: type some")
    if len(tokens) > MOST_TOKENS:
        raise UserError(f"the text has {len(tokens):,} tokens for {stored.name}: {MOST_TOKENS:,} are the most, cut it")
    ids = stored.vocabulary.encode(tokens)
    unk = stored.vocabulary.unk_id
    unknown = tuple(index == unk and token != UNK for token, index in zip(tokens, ids, strict=True))
    return Cut(tuple(tokens), tuple(ids), unknown)


def read(stored: StoredModel, text: str, top: int = 10) -> Reading:
    """Return what a model thought at each token of ``text``.

    Raises:
        UserError: see ``cut_text``.
    """
    cut = cut_text(stored, text)
    return reading_of(cut, log_probabilities(stored.model, [stored.vocabulary.eos_id, *cut.ids]), top)


def reading_of(cut: Cut, log_probs_tv: Float[Tensor, "T1 V"], top: int = 10) -> Reading:
    """Return the reading that distributions amount to: one before each token, and one after the last."""
    log_probs_tv = log_probs_tv.double()
    ids_t = torch.tensor(cut.ids)
    chosen_t = log_probs_tv[:-1].gather(1, ids_t.unsqueeze(1)).squeeze(1)
    found = log_probs_tv.topk(min(top, log_probs_tv.shape[1]), dim=1)
    return Reading(
        cut,
        surprisal_t=-chosen_t / math.log(2),
        entropy_t=torch.special.entr(log_probs_tv[:-1].exp()).sum(1) / math.log(2),
        rank_t=(log_probs_tv[:-1] > chosen_t.unsqueeze(1)).sum(1) + 1,
        top_ids_tk=found.indices,
        top_probabilities_tk=found.values.exp(),
    )


@torch.no_grad()
def log_probabilities(model: LanguageModel, ids: Sequence[int]) -> Float[Tensor, "T V"]:
    """Return log P(next token) after each of ``ids``, read from the initial state, on the CPU."""
    with evaluating(model):
        return _log_probabilities(model, list(ids))


@singledispatch
def _log_probabilities(model: LanguageModel, ids: list[int]) -> Tensor:
    state, rows = model.initial_state(1), []
    for index in ids:
        log_probs_bv, state = model.step(torch.tensor([index], device=model.device), state)
        rows.append(log_probs_bv[0].cpu())
    return torch.stack(rows)


@_log_probabilities.register
def _(model: NeuralLanguageModel, ids: list[int]) -> Tensor:
    state, rows = model.initial_state(1), []
    for start in range(0, len(ids), _AT_ONCE):
        ids_tb = torch.tensor(ids[start : start + _AT_ONCE], device=model.device).unsqueeze(1)
        log_probs_tbv, state = model(ids_tb, state)
        rows.append(log_probs_tbv[:, 0].cpu())
    return torch.cat(rows)


def same_cut(first: Reading, second: Reading) -> bool:
    """Whether two models cut a text into the same tokens, so that they can be compared token by token.

    Case and the form of Unicode are the corpus' own: they may differ.
    """
    return [token.casefold() for token in first.cut.tokens] == [token.casefold() for token in second.cut.tokens]


def difference(first: Reading, second: Reading) -> list[float | None]:
    """Return by how many bits each token surprised the first model more than the second; None where one does not know
    the token, since P(<unk>) is not the probability of that word.

    Raises:
        UserError: the two cut the text differently.
    """
    if not same_cut(first, second):
        raise UserError("the two models cut the text into different tokens: token by token they cannot be compared")
    pairs = zip(first.surprisal_t.tolist(), second.surprisal_t.tolist(), strict=True)
    unknown = zip(first.cut.unknown, second.cut.unknown, strict=True)
    return [None if any(either) else one - other for (one, other), either in zip(pairs, unknown, strict=True)]
