"""Scoring stored models side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnn_lm.corpora import Downloads, Split, load_corpus, read_split
from rnn_lm.errors import UserError
from rnn_lm.evaluation.figures import Difference, Evaluated, ModelFigures, PolicyFigures, TextPerplexity
from rnn_lm.evaluation.intervals import Effect, Interval
from rnn_lm.evaluation.perplexity import SentenceScores, score_sentences
from rnn_lm.evaluation.significance import gain, perplexity_ratio, word_perplexity_ratio
from rnn_lm.evaluation.unknown import Reading, reading_of
from rnn_lm.experiments.arpa_models import WEIGHTS, has_no_text
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.scores import POLICIES
from rnn_lm.models.arpa import is_model
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress


def splits_for(
    models: Sequence[StoredModel], split: str, path: Path | None, progress: Progress, encoding: str | None = None
) -> list[Split]:
    """The text to score, cut as each model's corpus was: a file, or a split of that corpus.

    Raises:
        UserError: the models' texts differ (their perplexities would not be comparable), or cannot be read.
    """
    if path is None:
        for stored in models:
            if has_no_text(stored):
                source = "a file of weights" if stored.corpus.corpus[0].startswith(WEIGHTS) else "an ARPA file"
                raise UserError(
                    f"{stored.name}: {source} brings no text to score: add --text FILE, tokenized as its is"
                )
    downloads = Downloads.from_environment(progress)
    chosen: list[Split] = []
    for stored in models:
        first = models[0]
        if chosen and (stored.corpus, stored.vocabulary) == (first.corpus, first.vocabulary):
            chosen.append(chosen[0])
        elif path is None:
            chosen.append(load_corpus(stored.corpus, downloads, stored.tokenizer).splits[split])
        else:
            chosen.append(read_split(path, stored.corpus, stored.tokenizer, downloads, encoding=encoding))
        require_one_text(models[: len(chosen)], chosen)
    return chosen


def require_one_text(models: Sequence[StoredModel], chosen: Sequence[Split]) -> None:
    """Raises ``UserError`` where the last of ``models`` reads another text than the first."""
    if chosen[-1].digest != chosen[0].digest:
        raise UserError(
            f"{models[-1].name} and {models[0].name} read different texts: their perplexities cannot be compared; "
            "evaluate them one at a time, or on one --text with the same --lowercase"
        )


def require_text(path: Path) -> None:
    """Raises ``UserError``, naming --text, where ``path`` cannot be a text to score."""
    if path.is_dir():
        raise UserError(f"--text {path}: is a folder; give one text file, a sentence per line")
    if not path.exists():
        raise UserError(f"--text {path}: there is no such file; check the path")
    if not path.is_file():
        return  # a pipe can be read once
    try:
        with path.open("rb") as file:
            beginning = file.read(64)
    except OSError as error:
        raise UserError(f"--text {path}: cannot be read ({error.strerror}); check who may read it") from error
    if is_model(beginning):
        raise UserError(
            f"--text {path}: is a language model, not a text; to score with it: rnn-lm evaluate {path} --text FILE"
        )


def evaluate_models(
    models: Sequence[StoredModel],
    chosen: Sequence[Split],
    progress: Progress,
    told: Callable[[PolicyFigures], None] | None = None,
) -> Evaluated:
    """Each model's figures under both policies, and how each later model compares with the first.

    Models with one vocabulary are compared by the token, others by the word, each sentence's NLL as one observation.

    Args:
        models: at least one.
        chosen: one text, as each model's tokenizer cuts it.
        progress: told how far the scoring is.
        told: given, as soon as a model is scored, the figures of the policy up to it.
    """
    texts = [split.encoded(stored.vocabulary) for stored, split in zip(models, chosen, strict=True)]
    readings = [reading_by(stored, split) for stored, split in zip(models, chosen, strict=True)]
    tokens, policies = tuple(len(text) for text in texts), {}
    for policy in POLICIES:
        scored: list[_Scored] = []
        figures = PolicyFigures(policy, chosen[0].words, tokens, ())
        for stored, text, reading in zip(models, texts, readings, strict=True):
            scores = score_sentences(stored.model, text, policy, progress=progress)
            scored.append(_Scored(stored, len(text), scores, reading))
            difference = _difference(scored[-1], scored[0]) if len(scored) > 1 else None
            perplexity = TextPerplexity.of([scores], reading, BLOCKS)
            figures = replace(figures, models=(*figures.models, ModelFigures(stored.name, perplexity, difference)))
            if told is not None:
                told(figures)
        policies[policy] = figures
    return Evaluated(policies, tuple(_caveats(models, readings)))


@dataclass(frozen=True)
class _Scored:
    """One model's scores of the text, and how it reads it, in so many tokens."""

    stored: StoredModel
    tokens: int
    scores: SentenceScores
    reading: Reading


def _difference(system: _Scored, baseline: _Scored) -> Difference:
    """How one model's figures compare with another's: by the token where they have the same, else by the word, or by
    the character where words are not set apart; not at all where ``<unk>`` leaves nothing to compare by."""
    name, pair = baseline.stored.name, (system.scores, baseline.scores)
    if not all(math.isfinite(scores.total.nll_sum) for scores in pair):
        return Difference.untested(name, "a perplexity is infinite")
    if system.stored.vocabulary == baseline.stored.vocabulary and system.tokens == baseline.tokens:
        effect = gain([pair[0]], [pair[1]], BLOCKS)
        return Difference.tested(name, "token", perplexity_ratio(effect), effect)
    if not (system.reading.spelled_out and baseline.reading.spelled_out):
        return Difference.untested(name, "the vocabularies differ, and too much is <unk>")
    effect = gain([pair[0].by_sentence], [pair[1].by_sentence], BLOCKS)
    if not system.reading.spaced:
        return Difference.tested(name, "character", _bits_per_character(effect, system.scores), effect)
    return Difference.tested(name, "word", word_perplexity_ratio(effect, system.scores), effect)


def _bits_per_character(effect: Effect, scores: SentenceScores) -> Interval:
    """A gain in nats per sentence as bits per character; below zero where the system needs fewer."""
    share = len(scores.sentence_ends_s) / scores.total.characters / math.log(2)
    low, high = (None if nats is None else -nats * share for nats in (effect.high, effect.low))
    return Interval(-effect.effect * share, low, high, effect.units, effect.note)


def reading_by(stored: StoredModel, split: Split) -> Reading:
    """How a stored model reads a text, against its own valid text where it is known how it reads that."""
    return reading_of(split, stored.vocabulary, stored.usual_unk)


def _caveats(models: Sequence[StoredModel], readings: Sequence[Reading]) -> Iterator[str]:
    """A note for each model whose figures ``<unk>`` makes too low: for the text, or beside another model's."""
    alike = all(stored.vocabulary == models[0].vocabulary for stored in models)
    for stored, reading in zip(models, readings, strict=True):
        if note := reading.note(stored.name):
            yield note
        elif reading.unk_share and not alike:
            yield (
                f"{reading.unk_share:.2%} of the tokens are <unk> to {stored.name}, which is easier to predict "
                "than what it stands for: its figures per word and per character are too low beside those without <unk>"
            )
