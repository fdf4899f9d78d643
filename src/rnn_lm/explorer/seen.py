"""What an n-gram model had seen of the words before a token: the contexts that it knows, and what followed them.

    ... and the king of | Israel        of the king of    seen 3 times, then: israel 2, babylon 1
                                        the king of       seen 71 times, then 19 different words: judah 20, ...
                                        king of           ...

Which contexts there are, how many words followed and how probable the model holds each stands in its back-off table;
how often they stood in the training text is counted there, since smoothing has no use for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray

from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.ngram_table import NOTHING


@dataclass(frozen=True)
class Continuation:
    """A token that followed a context in training.

    Attributes:
        id: of the token.
        probability: that the model gives it after this context.
        count: how often it followed; None where the training text is not at hand.
    """

    id: int
    probability: float
    count: int | None


@dataclass(frozen=True)
class SeenContext:
    """Tokens before a place that also stood in the training text with something after them.

    Attributes:
        ids: the tokens, in the order of the text; a first ``<eos>`` is the beginning of a sentence.
        followers: how many different tokens followed.
        count: how often it was followed by any; None where the training text is not at hand.
        top: the most probable followers.
        came: the token that came in the text, if it was among the followers.
    """

    ids: tuple[int, ...]
    followers: int
    count: int | None
    top: tuple[Continuation, ...]
    came: Continuation | None


class TrainingText:
    """The training text, asked for what followed a few words.

    Args:
        ids_n: its ids.
        eos_id: what stands before its first sentence.
    """

    def __init__(self, ids_n: Int[ndarray, "N"], eos_id: int) -> None:
        self._ids_n = np.concatenate([[eos_id], ids_n]).astype(np.int32)
        self._by_id_n = np.argsort(self._ids_n, kind="stable").astype(np.int32)
        self._sorted_n = self._ids_n[self._by_id_n]

    def after(self, context: Sequence[int]) -> dict[int, int]:
        """Return how often each token followed ``context``."""
        first, last = np.searchsorted(self._sorted_n, [context[-1], context[-1] + 1])
        ends_m = self._by_id_n[first:last]
        ends_m = ends_m[(ends_m >= len(context) - 1) & (ends_m + 1 < len(self._ids_n))]
        for back, index in enumerate(reversed(context)):
            ends_m = ends_m[self._ids_n[ends_m - back] == index]
        followers, counts = np.unique(self._ids_n[ends_m + 1], return_counts=True)
        return dict(zip(followers.tolist(), counts.tolist(), strict=True))


def seen_before(
    model: NgramLanguageModel, ids: Sequence[int], text: TrainingText | None = None, top: int = 5
) -> list[list[SeenContext]]:
    """Return, for each token of a text and for what comes after it, the contexts seen in training, the longest first.

    Args:
        model: the n-gram.
        ids: the text; ``<eos>`` stands before it.
        text: what the model was trained on.
        top: how many followers are listed.
    """
    state, places = model.initial_state(1), []
    coming: list[int | None] = [*ids, None]
    for index, came in zip([model.eos_id, *ids], coming, strict=True):
        _, state = model.step(torch.tensor([index]), state)
        history = [each for each in state[0][:, 0].tolist() if each != NOTHING]
        places.append(_contexts(model, history, came, text, top))
    return places


def _contexts(
    model: NgramLanguageModel, history: list[int], came: int | None, text: TrainingText | None, top: int
) -> list[SeenContext]:
    """Those that end the history, the longest first."""
    table, found = model.table, []
    for length in range(1, len(history) + 1):
        ids = tuple(history[-length:])
        node = np.zeros(1, np.int64)
        for depth, index in enumerate(ids, start=1):
            node = table.find(depth, node, np.array([index]))
        if node[0] == NOTHING or not table.is_context(length)[node[0]]:
            break
        found.append(_seen(model, ids, int(node[0]), came, text, top))
    return found[::-1]


def _seen(
    model: NgramLanguageModel, ids: tuple[int, ...], node: int, came: int | None, text: TrainingText | None, top: int
) -> SeenContext:
    table, level = model.table, model.table.levels[len(ids)]
    first, last = np.searchsorted(level.keys_g, [node * table.vocabulary_size, (node + 1) * table.vocabulary_size])
    words_c = (level.keys_g[first:last] % table.vocabulary_size).tolist()
    probabilities_c = np.exp(level.log_prob_g[first:last])
    counts = None if text is None else text.after(ids)
    order = np.argsort(-probabilities_c, kind="stable").tolist()
    made = [
        Continuation(
            words_c[place], float(probabilities_c[place]), None if counts is None else counts.get(words_c[place], 0)
        )
        for place in order
    ]
    total = None if counts is None else sum(counts.values())
    return SeenContext(ids, len(made), total, tuple(made[:top]), next((one for one in made if one.id == came), None))
