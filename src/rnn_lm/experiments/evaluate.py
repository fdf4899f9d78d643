"""Scoring stored models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rnn_lm.corpora import Downloads, Split, load_corpus, read_split
from rnn_lm.errors import UserError
from rnn_lm.evaluation.bootstrap import number_text
from rnn_lm.evaluation.perplexity import SentenceScores, TokenScores, score_sentences
from rnn_lm.evaluation.significance import gain, perplexity_interval, perplexity_ratio, word_perplexity_ratio
from rnn_lm.experiments.claims import BLOCKS
from rnn_lm.experiments.model_runs import POLICIES
from rnn_lm.models.storage import StoredModel
from rnn_lm.progress import Progress


def splits_for(models: Sequence[StoredModel], split: str, path: Path | None, progress: Progress) -> list[Split]:
    """The text to score, cut as each model's corpus was: a file, or a split of that corpus.

    Raises:
        UserError: the models' texts differ (their perplexities would not be comparable), or cannot be read.
    """
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


def evaluate_models(models: Sequence[StoredModel], chosen: Sequence[Split], progress: Progress) -> Iterator[str]:
    """Lines to print: each model's figures under both policies, and each later model's gain on the first.

    Models with one vocabulary are compared by the token, others by the word, each sentence's NLL as one observation.

    Args:
        models: at least one.
        chosen: one text, as each model's tokenizer cuts it.
        progress: told how far the scoring is.
    """
    texts = [split.encoded(stored.vocabulary) for stored, split in zip(models, chosen, strict=True)]
    for policy in POLICIES:
        counts = " / ".join(f"{count:,}" for count in dict.fromkeys(len(text) for text in texts))
        yield f"context policy {policy} ({counts} tokens, {chosen[0].words:,} words, <eos> counted)"
        first: SentenceScores | None = None
        for stored, text in zip(models, texts, strict=True):
            scores = score_sentences(stored.model, text, policy, progress=progress)
            yield f"  {stored.name:<20} {figures(scores)}"
            if first is None:
                first = scores
                continue
            by_token = stored.vocabulary == models[0].vocabulary and len(text) == len(texts[0])
            pair = (scores, first) if by_token else (scores.by_sentence, first.by_sentence)
            effect = gain([pair[0]], [pair[1]], BLOCKS)
            ratio = perplexity_ratio(effect) if by_token else word_perplexity_ratio(effect, scores)
            unit = "" if by_token else " per word"
            yield (
                f"  {'':<20} perplexity{unit} x {number_text(ratio.value)} {ratio.text('.3f')} "
                f"of {models[0].name}'s{p_value_text(effect.p_value)}"
            )
    yield from _caveats(models, chosen)


def _caveats(models: Sequence[StoredModel], chosen: Sequence[Split]) -> Iterator[str]:
    """A line for each model to which some of the text is ``<unk>``, where models of different vocabularies meet."""
    if all(stored.vocabulary == models[0].vocabulary for stored in models):
        return
    for stored, split in zip(models, chosen, strict=True):
        rate = split.statistics(stored.vocabulary).oov_rate
        if rate > 0:
            yield (
                f"note: {rate:.2%} of the tokens are <unk> to {stored.name}, which is easier to predict than what it "
                "stands for: its figures per word and per character are too low beside a model's without <unk>"
            )


def p_value_text(p_value: float | None) -> str:
    """To stand after a difference: nothing where there is no p-value."""
    return "" if p_value is None else f", p = {p_value:.2g}"


def figures(scores: SentenceScores | TokenScores) -> str:
    """Perplexity with its interval, and bits, in a line; per word where that is not what a token is."""
    interval = perplexity_interval([scores], BLOCKS)
    total = scores.total
    per_word = ""
    if total.perplexity_per_word is not None and total.words != total.token_count:
        per_word = f"  {total.perplexity_per_word:.2f} per word"
    return (
        f"perplexity {number_text(interval.value, '8.2f')} {interval.text()}  "
        f"{total.bits_per_token:.3f} bits/token  {total.bits_per_character:.3f} bits/character"
        f"{per_word}"
    )
