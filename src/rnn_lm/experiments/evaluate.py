"""Scoring stored models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rnn_lm.corpora import Downloads, Split, load_corpus, read_split
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import SentenceScores, score_sentences
from rnn_lm.evaluation.significance import gain, perplexity_interval, perplexity_ratio
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.model_runs import POLICIES
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.seeding import numpy_generator


def split_for(models: Sequence[StoredModel], split: str, path: Path | None, progress: Progress) -> Split:
    """The text to score: a file, tokenised as the models' corpus was, or a split of that corpus.

    Raises:
        UserError: the models' vocabularies differ (their perplexities would not be comparable), or the text cannot be
            read.
    """
    first = models[0]
    for other in models[1:]:
        if other.vocabulary != first.vocabulary:
            raise UserError(
                f"{other.name} and {first.name} have different vocabularies: their perplexities cannot be compared; "
                "evaluate them one at a time"
            )
    downloads = Downloads.from_environment(progress)
    if path is not None:
        return read_split(path, first.corpus, downloads)
    return load_corpus(first.corpus, downloads).splits[split]


def evaluate_models(models: Sequence[StoredModel], chosen: Split, seed: int, progress: Progress) -> Iterator[str]:
    """Lines to print: each model's figures under both policies, and each later model's gain on the first."""
    text = chosen.encoded(models[0].vocabulary)
    for policy in POLICIES:
        yield f"context policy {policy} ({len(text):,} tokens, <eos> counted)"
        first: SentenceScores | None = None
        for stored in models:
            scores = score_sentences(stored.model, text, policy, progress=progress)
            yield f"  {stored.name:<20} {_figures(scores, seed)}"
            if first is None:
                first = scores
                continue
            effect = gain([scores], [first], numpy_generator(seed, "gain"), BLOCKS)
            ratio = perplexity_ratio(effect)
            yield (
                f"  {'':<20} perplexity x {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] "
                f"of {models[0].name}'s, p = {effect.p_value:.2g}"
            )


def _figures(scores: SentenceScores, seed: int) -> str:
    interval = perplexity_interval([scores], numpy_generator(seed, "perplexity"), BLOCKS)
    total = scores.total
    return (
        f"perplexity {interval.value:8.2f} [{interval.low:.2f}, {interval.high:.2f}]  "
        f"{total.bits_per_token:.3f} bits/token  {total.bits_per_character:.3f} bits/character"
    )
