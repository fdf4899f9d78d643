"""What may come next: the most probable tokens after a text, with their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from rnn_lm.api.tables import Rows
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.vocabulary import Vocabulary


class NextToken(NamedTuple):
    """A token that may come next, with its probability.

    >>> import rnn_lm
    >>> following = rnn_lm.load("runs/tiny").next("the cat", top=3)
    >>> [type(row).__name__ for row in following], following.columns
    (['NextToken', 'NextToken', 'NextToken'], ('token', 'id', 'probability'))
    """

    token: str
    id: int
    probability: float


@torch.inference_mode()
def next_tokens(model: LanguageModel, ids: Sequence[int], vocabulary: Vocabulary, top: int) -> Rows[NextToken]:
    """Return the ``top`` tokens that are most probable after ``ids``, the most probable first.

    Args:
        model: reads ``ids`` from its initial state.
        ids: at least one.
        vocabulary: the model's.
        top: how many.
    """
    state, log_probs_v = model.initial_state(1), torch.empty(0)
    with evaluating(model):
        for index in ids:
            log_probs_bv, state = model.step(torch.tensor([index], device=model.device), state)
            log_probs_v = log_probs_bv[0]
    probabilities_v = log_probs_v.cpu().double().exp()
    order_c = probabilities_v.argsort(descending=True, stable=True)[:top].tolist()
    tokens = vocabulary.tokens
    return Rows(NextToken, [NextToken(tokens[index], index, float(probabilities_v[index])) for index in order_c])
