"""Scoring stored models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rnn_lm.corpora import Downloads, Split, load_corpus, read_split
from rnn_lm.errors import UserError
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores, score_sentences
from rnn_lm.evaluation.significance import gain, perplexity_interval, perplexity_ratio, word_perplexity_ratio
from rnn_lm.evaluation.unknown import Reading, reading_of
from rnn_lm.experiments.arpa_models import has_no_text
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.model_runs import POLICIES
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress
from rnn_lm.seeding import numpy_generator


def splits_for(models: Sequence[StoredModel], split: str, path: Path | None, progress: Progress) -> list[Split]:
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
            chosen.append(read_split(path, stored.corpus, stored.tokenizer, downloads))
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
            beginning = file.read(64).lstrip()
    except OSError as error:
        raise UserError(f"--text {path}: cannot be read ({error.strerror}); check who may read it") from error
    if beginning.startswith((b"\\data\\", b"mmap lm http://kheafield.com/code")):
        raise UserError(
            f"--text {path}: is a language model, not a text; to score with it: rnn-lm evaluate {path} --text FILE"
        )


def evaluate_models(
    models: Sequence[StoredModel], chosen: Sequence[Split], seed: int, progress: Progress
) -> Iterator[str]:
    """Lines to print: each model's figures under both policies, and each later model's gain on the first.

    Models with one vocabulary are compared by the token, others by the word, each sentence's NLL as one observation.

    Args:
        models: at least one.
        chosen: one text, as each model's tokenizer cuts it.
        seed: of the resampling.
        progress: told how far the scoring is.
    """
    texts = [split.encoded(stored.vocabulary) for stored, split in zip(models, chosen, strict=True)]
    readings = [reading_by(stored, split) for stored, split in zip(models, chosen, strict=True)]
    for policy in POLICIES:
        counts = " / ".join(f"{count:,}" for count in dict.fromkeys(len(text) for text in texts))
        yield f"context policy {policy} ({counts} tokens, {chosen[0].words:,} words, <eos> counted)"
        first: SentenceScores | None = None
        for stored, text, reading in zip(models, texts, readings, strict=True):
            scores = score_sentences(stored.model, text, policy, progress=progress)
            yield f"  {stored.name:<20} {figures(scores, seed, reading)}"
            if first is None:
                first = scores
                continue
            by_token = stored.vocabulary == models[0].vocabulary and len(text) == len(texts[0])
            pair = (scores, first) if by_token else (scores.by_sentence, first.by_sentence)
            effect = gain([pair[0]], [pair[1]], numpy_generator(seed, "gain"), BLOCKS)
            ratio = perplexity_ratio(effect) if by_token else word_perplexity_ratio(effect, scores)
            unit = "" if by_token else " per word"
            yield (
                f"  {'':<20} perplexity{unit} x {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] "
                f"of {models[0].name}'s, p = {effect.p_value:.2g}"
            )
    yield from _caveats(models, readings)


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


def figures(scores: SentenceScores | TokenScores, seed: int, reading: Reading) -> str:
    """Perplexity with its interval, and bits, in a line; per word where that is not what a token is.

    What is ``<unk>`` stands behind them; figures that it leaves without meaning do not stand there at all.
    """
    interval = perplexity_interval([scores], numpy_generator(seed, "perplexity"), BLOCKS)
    total = scores.total
    parts = [
        f"perplexity {interval.value:8.2f} [{interval.low:.2f}, {interval.high:.2f}]",
        f"{total.bits_per_token:.3f} bits/token",
    ]
    if (bits := reading.bits_per_character(total)) is not None:
        parts.append(f"{bits:.3f} bits/character")
    per_word = reading.perplexity_per_word(total)
    if per_word is not None and total.words != total.token_count:
        parts.append(f"{per_word:.2f} per word")
    return "  ".join(parts) + reading.beside(total)
