"""How often intervals of figures about texts hold the truth: perplexities, gains, differences of gains."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_lm.evaluation.breakdown import by_context_match
from rnn_lm.evaluation.perplexity import TokenScores
from rnn_lm.evaluation.significance import gain, gain_concentration, perplexity_interval
from simulate import autoregressive, differences, held, lengths, scores, summary


def perplexity(random: np.random.Generator, sentences: int, trials: int) -> dict[str, Any]:
    """One model's perplexity: NLL per token with skewed noise and topics."""
    found = []
    for _ in range(trials):
        tokens = lengths(random, (1, sentences))
        noise = (random.gamma(4, size=tokens.shape) - 4) / 2 * 2.0 / tokens**0.5
        topic = 0.3 * autoregressive(random, tokens.shape, 0.93)
        sums_s = ((4.5 + noise + topic) * tokens)[0]
        found.append(held(perplexity_interval([scores(sums_s, tokens[0])]), float(np.exp(4.5))))
    return summary(f"perplexity, {sentences} sentences", found)


def seeds(random: np.random.Generator, count: int, spread: float, trials: int, sentences: int = 400) -> dict[str, Any]:
    """The gain between two systems of ``count`` seeds that differ by nothing but their seeds."""
    found = []
    for _ in range(trials):
        sums, tokens = differences(random, 2 * count, sentences, "topics")
        tokens_s = tokens[0]
        each = (sums / tokens + spread * random.normal(size=(2 * count, 1))) * tokens_s + 5.0 * tokens_s
        first, second = ([scores(one, tokens_s) for one in half] for half in (each[:count], each[count:]))
        found.append(held(gain(first, second), 0.0))
    return summary(f"difference, {count} seeds each, seeds vary by {spread:g} nats", found)


def token_scores(
    random: np.random.Generator, sentences: int, rare: float
) -> tuple[TokenScores, TokenScores, np.ndarray]:
    """Two equally good models by the token, sentences sharing topics, and which tokens are rare."""
    tokens_s = lengths(random, (sentences,))
    sentence_n = np.repeat(np.arange(sentences), tokens_s)
    topic_s = 0.3 * autoregressive(random, (1, sentences), 0.93)[0]
    base_n = 5 + topic_s[sentence_n] + random.gamma(1.0, 2.0, len(sentence_n)) - 2.0
    other_n = base_n + 0.2 * random.standard_t(3, len(base_n)) + 0.05 * random.normal(size=sentences)[sentence_n]
    rare_n = (random.random(len(base_n)) < rare).astype(np.int64)
    pair = [
        TokenScores(nll_n, tokens_s.cumsum(), characters=5 * len(nll_n), policy="stream") for nll_n in (base_n, other_n)
    ]
    return pair[0], pair[1], rare_n


def kinds_of_token(random: np.random.Generator, sentences: int, trials: int) -> list[dict[str, Any]]:
    """Perplexity of rare tokens, and the difference between the gains on rare and on other tokens."""
    rare, concentrated = [], []
    for _ in range(trials):
        first, second, rare_n = token_scores(random, sentences, 0.02)
        buckets = by_context_match([first], rare_n * 4)
        rare.append(held(buckets[-1].perplexity, float(np.exp(5.0))) if len(buckets) > 1 else None)
        concentrated.append(held(gain_concentration([second], [first], rare_n * 4), 0.0))
    return [
        summary(f"perplexity of one token in fifty, {sentences} sentences", rare),
        summary(f"difference of gains, {sentences} sentences", concentrated),
    ]


def adapting(random: np.random.Generator, sentences: int, trials: int) -> dict[str, Any]:
    """The gain of a model that adapts to the text, and gains more the more it has read (``evaluate --adapt``)."""
    sums, tokens = differences(random, trials, sentences, "topics")
    gained_s = 0.1 * (1 - np.exp(-np.arange(sentences) / 100))
    found = []
    for sums_s, tokens_s in zip(sums, tokens, strict=True):
        static = tokens_s * 5.0
        effect = gain([scores(static - sums_s - gained_s * tokens_s, tokens_s)], [scores(static, tokens_s)])
        found.append(held(effect, float((gained_s * tokens_s).sum() / tokens_s.sum())))
    return summary(f"gain that grows along the text, {sentences} sentences", found)


def by_sentence(random: np.random.Generator, sentences: int, trials: int) -> dict[str, Any]:
    """The difference per word or character of two models with different tokens: a sentence's NLL is what they share."""
    sums, tokens = differences(random, trials, sentences, "topics")
    found = []
    for sums_s, tokens_s in zip(sums, tokens, strict=True):
        pair = (scores(tokens_s * 5.0 - sums_s, tokens_s), scores(tokens_s * 5.0, tokens_s))
        found.append(held(gain([pair[0].by_sentence], [pair[1].by_sentence]), 0.0))
    return summary(f"difference per word or character, {sentences} sentences", found)
