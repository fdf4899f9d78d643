"""Scoring stored models side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnn_lm.corpora import Downloads, Split, load_corpus, read_split
from rnn_lm.errors import UserError
from rnn_lm.evaluation.intervals import Effect, Interval, number_text
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores, score_sentences
from rnn_lm.evaluation.significance import gain, perplexity_interval, perplexity_ratio, word_perplexity_ratio
from rnn_lm.evaluation.unknown import Reading, reading_of
from rnn_lm.experiments.arpa_models import has_no_text
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
                raise UserError(
                    f"{stored.name}: an ARPA file brings no text to score: add --text FILE, tokenized as its is"
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
        if chosen[-1].digest != chosen[0].digest:
            raise UserError(
                f"{stored.name} and {first.name} read different texts: their perplexities cannot be compared; "
                "evaluate them one at a time, or on one --text with the same --lowercase"
            )
    return chosen


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


def evaluate_models(models: Sequence[StoredModel], chosen: Sequence[Split], progress: Progress) -> Iterator[str]:
    """Lines to print: each model's figures under both policies, and each later model's gain on the first.

    Models with one vocabulary are compared by the token, others by the word, each sentence's NLL as one observation.

    Args:
        models: at least one.
        chosen: one text, as each model's tokenizer cuts it.
        progress: told how far the scoring is.
    """
    texts = [split.encoded(stored.vocabulary) for stored, split in zip(models, chosen, strict=True)]
    readings = [reading_by(stored, split) for stored, split in zip(models, chosen, strict=True)]
    for policy in POLICIES:
        counts = " / ".join(f"{count:,}" for count in dict.fromkeys(len(text) for text in texts))
        yield f"context policy {policy} ({counts} tokens, {chosen[0].words:,} words, <eos> counted)"
        scored: list[_Scored] = []
        for stored, text, reading in zip(models, texts, readings, strict=True):
            scores = score_sentences(stored.model, text, policy, progress=progress)
            scored.append(_Scored(stored, len(text), scores, reading))
            yield f"  {stored.name:<20} {figures(scores, reading)}"
            if len(scored) > 1:
                yield f"  {'':<20} {_difference(scored[-1], scored[0])}"
    yield from _caveats(models, readings)


@dataclass(frozen=True)
class _Scored:
    """One model's scores of the text, and how it reads it, in so many tokens."""

    stored: StoredModel
    tokens: int
    scores: SentenceScores
    reading: Reading


def _difference(system: _Scored, baseline: _Scored) -> str:
    """How one model's figures compare with another's: by the token where they have the same, else by the word, or by
    the character where words are not set apart; not at all where ``<unk>`` leaves nothing to compare by."""
    pair = (system.scores, baseline.scores)
    if not all(math.isfinite(scores.total.nll_sum) for scores in pair):
        return f"not compared with {baseline.stored.name}: a perplexity is infinite"
    by_token = system.stored.vocabulary == baseline.stored.vocabulary and system.tokens == baseline.tokens
    if by_token:
        effect = gain([pair[0]], [pair[1]], BLOCKS)
        ratio, unit = perplexity_ratio(effect), ""
    else:
        if not (system.reading.spelled_out and baseline.reading.spelled_out):
            return f"not compared with {baseline.stored.name}: the vocabularies differ, and too much is <unk>"
        effect = gain([pair[0].by_sentence], [pair[1].by_sentence], BLOCKS)
        if not system.reading.spaced:
            bits = _bits_per_character(effect, system.scores)
            shown = f"{bits.value:+.3f} bits/character {bits.text('+.3f')}"
            return f"{shown} beside {baseline.stored.name}{p_value_text(effect.p_value)}"
        ratio, unit = word_perplexity_ratio(effect, system.scores), " per word"
    return (
        f"perplexity{unit} x {number_text(ratio.value)} {ratio.text('.3f')} of {baseline.stored.name}'s"
        f"{p_value_text(effect.p_value)}"
    )


def _bits_per_character(effect: Effect, scores: SentenceScores) -> Interval:
    """A gain in nats per sentence as bits per character; below zero where the system needs fewer."""
    share = len(scores.sentence_ends_s) / scores.total.characters / math.log(2)
    low, high = (None if nats is None else -nats * share for nats in (effect.high, effect.low))
    return Interval(-effect.effect * share, low, high, effect.units, effect.note)


def reading_by(stored: StoredModel, split: Split) -> Reading:
    """How a stored model reads a text, against its own valid text where it is known how it reads that."""
    return reading_of(split, stored.vocabulary, stored.usual_unk)


def _caveats(models: Sequence[StoredModel], readings: Sequence[Reading]) -> Iterator[str]:
    """A line for each model whose figures ``<unk>`` makes too low: for the text, or beside another model's."""
    alike = all(stored.vocabulary == models[0].vocabulary for stored in models)
    for stored, reading in zip(models, readings, strict=True):
        if note := reading.note(stored.name):
            yield f"note: {note}"
        elif reading.unk_share and not alike:
            yield (
                f"note: {reading.unk_share:.2%} of the tokens are <unk> to {stored.name}, which is easier to predict "
                "than what it stands for: its figures per word and per character are too low beside those without <unk>"
            )


def p_value_text(p_value: float | None) -> str:
    """To stand after a difference: nothing where there is no p-value."""
    return "" if p_value is None else f", p = {p_value:.2g}"


def figures(scores: SentenceScores | TokenScores, reading: Reading) -> str:
    """Perplexity with its interval, and bits, in a line; per word where that is not what a token is.

    What is ``<unk>`` stands behind them; figures that it leaves without meaning do not stand there at all.
    """
    total = scores.total
    if not math.isfinite(total.nll_sum):
        return f"perplexity inf (a token has the probability 0){reading.beside(total)}"
    interval = perplexity_interval([scores], BLOCKS)
    parts = [
        f"perplexity {number_text(interval.value, '8.2f')} {interval.text()}",
        f"{total.bits_per_token:.3f} bits/token",
    ]
    if (bits := reading.bits_per_character(total)) is not None:
        parts.append(f"{bits:.3f} bits/character")
    per_word = reading.perplexity_per_word(total)
    if per_word is not None and total.words != total.token_count:
        parts.append(f"{per_word:.2f} per word")
    return "  ".join(parts) + reading.beside(total)
