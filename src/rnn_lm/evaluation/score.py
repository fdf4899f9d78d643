"""What is written of a text, and of a perplexity on it: in results.json, in other files of figures, and from Python."""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

Policy: TypeAlias = Literal["stream", "sentence"]
"""What a model has read when it predicts a token: see ``perplexity.py``."""


class SplitSizes(TypedDict):
    """Size of one split; ``oov_rate`` is the share of its tokens outside the vocabulary."""

    sentences: int
    tokens: int
    types: int
    oov_rate: float
    characters: int
    words: NotRequired[int]


class CorpusResult(TypedDict):
    """The text and how it was cut; ``tokens`` names the tokenization."""

    name: str
    source: str
    licence: str
    split: str
    tokens: str
    lowercase: bool
    vocabulary_size: int
    min_count: int
    splits: dict[str, SplitSizes]


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
