"""What a model answers to every question of a suite: each distinct text is scored once, from the initial state; or, as
the suite asks, after all sentences before it (``carried.py``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int8

from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import score_text
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.stream import EncodedText
from rnn_lm.suites.carried import carried_scores
from rnn_lm.suites.cutting import Cut, Cutter, is_covered
from rnn_lm.suites.opening import Suite


@dataclass(frozen=True)
class Answers:
    """One model's answers, a question each, in the suite's order.

    Attributes:
        right_q: 1 right, 0 wrong, -1 no answer.
        covered_q: whether the model knows the words that decide.
        good_q: log-probability, in nats, of what is right; nan where several were compared.
        bad_q: the same of what is wrong.
    """

    right_q: Int8[np.ndarray, "Q"]
    covered_q: Bool[np.ndarray, "Q"]
    good_q: Float64[np.ndarray, "Q"]
    bad_q: Float64[np.ndarray, "Q"]


@dataclass(frozen=True)
class Prepared:
    """A suite as one model reads it."""

    cuts: tuple[tuple[Cut, ...], ...]
    covered_q: Bool[np.ndarray, "Q"]


def prepare(stored: StoredModel, suite: Suite) -> Prepared:
    """Return a suite's texts cut as a model's corpus was.

    Raises:
        UserError: of no question the model knows the words that decide.
    """
    cutter = Cutter(stored)
    cuts = tuple(tuple(cutter.cut(question)) for question in suite.questions)
    covered = [
        is_covered(question, found, cutter.unk_id) for question, found in zip(suite.questions, cuts, strict=True)
    ]
    if not any(covered):
        raise UserError(
            f"{suite.source}: {stored.name} knows the deciding words of none of its {len(cuts):,} items; "
            "give a suite in the words of the model's corpus"
        )
    return Prepared(cuts, np.array(covered))


def answer(
    stored: StoredModel,
    suite: Suite,
    prepared: Prepared | None = None,
    *,
    batch_tokens: int = 4096,
    progress: Progress | None = None,
) -> Answers:
    """Return a model's answers to a suite.

    Args:
        stored: the model.
        suite: what is asked.
        prepared: what ``prepare`` gave, where it was called already.
        batch_tokens: most positions scored at once. Changes no answer.
        progress: told how far the scoring is.

    Raises:
        UserError: see ``prepare``.
    """
    prepared = prepared or prepare(stored, suite)
    by_question = (
        carried_scores(stored, suite.questions, prepared.cuts, progress)
        if suite.policy == "stream"
        else _from_initial_state(stored, prepared.cuts, batch_tokens, progress)
    )
    right, good, bad = [], [], []
    for question, scores in zip(suite.questions, by_question, strict=True):
        found = question.judge(scores)
        right.append(-1 if found.right is None else int(found.right))
        good.append(np.nan if found.good is None else found.good)
        bad.append(np.nan if found.bad is None else found.bad)
    return Answers(np.array(right, np.int8), prepared.covered_q, np.array(good, float), np.array(bad, float))


def _from_initial_state(
    stored: StoredModel, cuts: Sequence[tuple[Cut, ...]], batch_tokens: int, progress: Progress | None
) -> Iterator[list[np.ndarray]]:
    """Each question's texts by their parts."""
    texts = dict.fromkeys(cut.ids for several in cuts for cut in several)
    distinct = {ids: index for index, ids in enumerate(texts)}
    scores = _log_probs(stored, list(distinct), batch_tokens, progress)
    for several in cuts:
        yield [_by_part(scores[distinct[cut.ids]], cut) for cut in several]


def _log_probs(
    stored: StoredModel, texts: Sequence[tuple[int, ...]], batch_tokens: int, progress: Progress | None
) -> list[np.ndarray]:
    """Log-probabilities of each text's tokens and its ``<eos>``, in nats."""
    eos_id = stored.vocabulary.eos_id
    ids_n = torch.tensor([index for text in texts for index in (*text, eos_id)])
    whole = EncodedText(ids_n, eos_id, characters=0)
    scores = score_text(stored.model, whole, "sentence", batch_tokens=batch_tokens, progress=progress)
    return np.split(-scores.nll_n, scores.sentence_ends_s[:-1])


def _by_part(log_probs: np.ndarray, cut: Cut) -> np.ndarray:
    """Summed over each part; ``<eos>`` stands last."""
    starts = (0, *cut.ends[:-1])
    sums = [log_probs[start:end].sum() for start, end in zip(starts, cut.ends, strict=True)]
    return np.array([*sums, log_probs[-1]])
