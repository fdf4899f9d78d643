"""A reading study: how well models' surprisals predict how long words are read, against how well they predict words.

Decided before any result was seen, and the same for all models of a study:

- times are logarithms; a word's time is predicted by it and the two words before, also of the sentence before;
- left out are the first and last word of a sentence; words with a mark at an edge; words that any of the models reads
  as ``<unk>``, and the two words after such a one; the first two words of a story;
- length is in characters as written; frequency is ``unigram_bits`` of the first model, and the same for all;
- perplexity is that of the very words whose times are predicted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from rnn_lm.errors import UserError
from rnn_lm.evaluation.intervals import Effect
from rnn_lm.evaluation.perplexity import Policy
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.reading.regression import SPILL_OVER, least_squares, log_likelihoods, over_stories, with_spill_over
from rnn_lm.reading.surprisal import Reader, Space, WordRow, of_lines
from rnn_lm.reading.times import Story, read_times

FEWEST_WORDS = 50
"""That a regression with fourteen predictors is fitted to."""


@dataclass(frozen=True)
class ModelPower:
    """One model of a study.

    Attributes:
        name: of the model.
        perplexity: per word, of the words whose times are predicted.
        gain: in log-likelihood, nats per word, that surprisal adds to the baseline on stories left out.
        milliseconds_per_bit: that a word and each of the words after it takes longer, at the mean time, for a bit more
            surprisal; fitted to all stories.
        by_story: the gain of each story.
        beside_first: the gain less the first model's; None of the first.
    """

    name: str
    perplexity: float
    gain: Effect
    milliseconds_per_bit: tuple[float, ...]
    by_story: dict[str, float]
    beside_first: Effect | None = None


@dataclass(frozen=True)
class Study:
    """What a study found.

    Attributes:
        source: of the reading times.
        policy: what the models had read before a word.
        words: whose times are predicted.
        left_out: why the others were not, and how many; each counts once, for the first reason.
        baseline: log-likelihood of the baseline, nats per word.
        models: in the order given.
    """

    source: str
    policy: Policy
    words: int
    left_out: dict[str, int]
    baseline: float
    models: tuple[ModelPower, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the study as it is written to a file."""
        return {"format": "rnn_lm reading times", "version": 1, **asdict(self)}


def run_study(
    models: Sequence[StoredModel],
    path: Path,
    progress: Progress,
    policy: Policy = "stream",
    space: Space = "before",
    set_apart: bool = True,
) -> Study:
    """Return how well models' surprisals predict reading times.

    Args:
        models: at least one.
        path: of the times; see ``read_times``.
        progress: told how far reading is.
        policy: "stream": a story is read from its beginning; "sentence": each sentence by itself.
        space, set_apart: see ``Reader``.

    Raises:
        UserError: the times cannot be read; or too few words are left, since the models know too few of them.
    """
    stories = read_times(path)
    names = [one.name for one in models]
    if len(set(names)) < len(names):
        raise UserError(f"two models are called {max(names, key=names.count)}; give folders with different names")
    readers = [Reader(one, policy, space, set_apart=set_apart, distributions=False) for one in models]
    rows = [read_stories(reader, stories, progress) for reader in readers]
    data = _Data.of(stories, rows)
    base_nk = data.base_nk[data.kept_n]
    y_n, story_n = data.log_time_n[data.kept_n], data.story_n[data.kept_n]
    base_n = log_likelihoods(base_nk, y_n, story_n)
    found: list[ModelPower] = []
    first_n = None
    for name, bits_nk in zip(names, data.bits_mnk, strict=True):
        full_nk = np.hstack([base_nk, bits_nk[data.kept_n]])
        gain_n = log_likelihoods(full_nk, y_n, story_n) - base_n
        coefficients_k, _ = least_squares(full_nk, y_n)
        slowed = coefficients_k[base_nk.shape[1] :] * math.exp(float(y_n.mean()))
        by_story = {one.name: float(gain_n[story_n == at].mean()) for at, one in enumerate(stories) if at in story_n}
        beside = None if first_n is None else over_stories(gain_n - first_n, story_n)
        first_n = gain_n if first_n is None else first_n
        perplexity = float(np.exp2(bits_nk[data.kept_n, 0].mean()))
        found.append(
            ModelPower(name, perplexity, over_stories(gain_n, story_n), tuple(slowed.tolist()), by_story, beside)
        )
    return Study(str(path), policy, len(y_n), data.left_out, float(base_n.mean()), tuple(found))


def read_stories(reader: Reader, stories: Sequence[Story], progress: Progress) -> list[list[WordRow]]:
    """Return the rows of each story's words, each story read from the initial state."""
    found = []
    with progress.task(f"read: {reader.stored.name}", float(len(stories))) as task:
        for number, story in enumerate(stories, start=1):
            rows = [row for _, rows in reader.rows(of_lines(story.lines)) for row in rows]
            if [row.word for row in rows] != [word.word for sentence in story.sentences for word in sentence]:
                raise UserError(f"story {story.name}: begins or ends a sentence with a marker such as <s>; take it out")
            found.append(rows)
            task.update(float(number))
    return found


@dataclass(frozen=True)
class _Data:
    """All words of all stories, one after the other."""

    log_time_n: Float64[np.ndarray, "N"]
    story_n: np.ndarray
    base_nk: Float64[np.ndarray, "N K"]
    bits_mnk: list[Float64[np.ndarray, "N J"]]
    kept_n: Bool[np.ndarray, "N"]
    left_out: dict[str, int]

    @classmethod
    def of(cls, stories: Sequence[Story], rows: Sequence[Sequence[Sequence[WordRow]]]) -> _Data:
        log_time_n = np.array([word.log_time for story in stories for one in story.sentences for word in one])
        story_n = np.repeat(np.arange(len(stories)), [sum(map(len, story.sentences)) for story in stories])
        base_nk = np.concatenate([_baseline(of_story) for of_story in rows[0]])
        bits_mnk = [
            np.concatenate([with_spill_over([_column(of_story, "surprisal_bits")]) for of_story in model])
            for model in rows
        ]
        unknown_n = np.any([np.concatenate([_unknown(of_story) for of_story in model]) for model in rows], axis=0)
        left_n, counts = np.zeros(len(log_time_n), bool), {}
        for reason, found_n in (
            ("first or last of a sentence", _at_edge(stories)),
            ("with a mark at an edge", np.array([_has_mark(row.word) for one in rows[0] for row in one])),
            ("<unk>, or after one", unknown_n),
            ("not enough before it", ~np.isfinite(np.hstack([base_nk, *bits_mnk])).all(axis=1)),
        ):
            counts[reason] = int((found_n & ~left_n).sum())
            left_n |= found_n
        if (~left_n).sum() < FEWEST_WORDS or len(np.unique(story_n[~left_n])) < 2:
            raise UserError(
                f"{(~left_n).sum()} of {len(left_n)} words are left to predict the times of "
                f"({', '.join(f'{count} {reason}' for reason, count in counts.items())}); "
                f"{FEWEST_WORDS} in 2 stories are needed"
            )
        return cls(log_time_n, story_n, base_nk, bits_mnk, ~left_n, counts)


def _column(rows: Sequence[WordRow], name: str) -> Float64[np.ndarray, "N"]:
    return np.array([math.nan if (value := getattr(row, name)) is None else value for row in rows], dtype=np.float64)


def _baseline(rows: Sequence[WordRow]) -> Float64[np.ndarray, "N K"]:
    """Intercept, length and frequency with spill-over, and how the word's own two work together."""
    length_n, frequency_n = _column(rows, "length"), _column(rows, "unigram_bits")
    together_n = (length_n - length_n.mean()) * (frequency_n - np.nanmean(frequency_n))
    return np.hstack([np.ones((len(rows), 1)), with_spill_over([length_n, frequency_n]), together_n[:, None]])


def _unknown(rows: Sequence[WordRow]) -> Bool[np.ndarray, "N"]:
    """Words that are ``<unk>``, and those that the times of which spill over to."""
    unknown_n = np.array([row.is_unk for row in rows])
    found_n = unknown_n.copy()
    for back in range(1, SPILL_OVER + 1):
        found_n[back:] |= unknown_n[:-back]
    return found_n


def _at_edge(stories: Sequence[Story]) -> Bool[np.ndarray, "N"]:
    return np.array(
        [place in (0, len(one) - 1) for story in stories for one in story.sentences for place in range(len(one))]
    )


def _has_mark(word: str) -> bool:
    return not (word[0].isalnum() and word[-1].isalnum())
