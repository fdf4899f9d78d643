"""What is written of a perplexity: in results.json, in what ``rnn-lm evaluate --json`` writes, and from Python."""

from __future__ import annotations

from typing import TypedDict


class _Score(TypedDict):
    perplexity: float
    low: float | None
    high: float | None
    per_seed: list[float]
    bits_per_token: float
    bits_per_character: float | None
    token_count: int


class Score(_Score, total=False):
    """Perplexity of one text under one policy, with a 95% interval, over ``token_count`` predicted tokens.

    Where there is no interval its ends are None, and ``note`` says why.
    """

    perplexity_per_word: float | None
    unk_share: float | None
    perplexity_without_unk: float | None
    note: str
