"""Token to id and back, from the train split alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, compress
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from jaxtyping import Int64

from rnn_lm.errors import UserError
from rnn_lm.files import read_json, write_json
from rnn_lm.schema import first_fault
from rnn_lm.stream import EncodedText

UNK = "<unk>"
"""The entry of every token outside the vocabulary; written in a text, it is that same entry."""
EOS = "<eos>"
"""The end of a sentence: predicted and counted, never written in a text."""

_FORMAT = "rnn_lm vocabulary"
_VERSION = 1


class Vocabulary:
    """The tokens a model knows, ``<unk>`` first, ``<eos>`` second, the others by falling train count.

    Tokens of equal count stand in alphabetical order, so that the same train text gives the same ids everywhere.

    Args:
        tokens: all of them; a token's index is its id.
        counts_v: how often each stands in train; ``<unk>`` counts every token it replaces.

    Raises:
        ValueError: the two differ in length, a token stands twice, or the first two are not ``<unk>`` and ``<eos>``.
    """

    unk_id = 0
    eos_id = 1

    def __init__(self, tokens: Sequence[str], counts_v: Sequence[int]) -> None:
        self.tokens = tuple(tokens)
        self.counts_v = tuple(counts_v)
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if self.tokens[:2] != (UNK, EOS):
            raise ValueError(f"a vocabulary starts with {UNK} and {EOS}")
        if len(self.counts_v) != len(self.tokens):
            raise ValueError(f"{len(self.tokens)} tokens but {len(self.counts_v)} counts")
        if len(self._ids) != len(self.tokens):
            raise ValueError("a token stands twice")

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sequence[str]],
        min_count: int = 1,
        max_size: int | None = None,
        pieces: Iterable[str] = (),
    ) -> Vocabulary:
        """The vocabulary of a train split.

        Args:
            sentences: the train split.
            min_count: the least count at which a token is kept.
            max_size: the most tokens kept, ``<unk>`` and ``<eos>`` not among them.
            pieces: tokens that a ``min_count`` of 1 keeps even where train does not hold them (subwords).

        Raises:
            UserError: nothing would be kept.
        """
        sentences = list(sentences)
        counts = Counter(chain.from_iterable(sentences))
        counts_t = np.array(list(counts.values()), np.int64)
        return cls.from_counts(list(counts), counts_t, len(sentences), min_count, max_size, pieces)

    @classmethod
    def from_counts(
        cls,
        types: Iterable[str],
        counts_t: Int64[np.ndarray, "types"],
        sentences: int,
        min_count: int = 1,
        max_size: int | None = None,
        pieces: Iterable[str] = (),
    ) -> Vocabulary:
        """The vocabulary of a train split of which only the counts are there.

        Args:
            types: the different tokens; a count of 0 says that one does not occur.
            counts_t: how often each of them stands there.
            sentences: how many end there.
            min_count, max_size, pieces: see ``build``.

        Raises:
            UserError: nothing would be kept.
        """
        kept_t = counts_t >= min_count
        if max_size is not None and max_size + 1 < len(counts_t):
            # Of millions of types few are kept: spare the others the sorting. One more, for one may be <unk>.
            kept_t &= counts_t >= np.partition(counts_t, -(max_size + 1))[-(max_size + 1)]
        counts = dict(zip(compress(types, kept_t.tolist()), counts_t[kept_t].tolist(), strict=True))
        counts.pop(UNK, None)
        if min_count == 1:
            counts = {**dict.fromkeys(pieces, 0), **counts}
        kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:max_size]
        total = int(counts_t.sum())
        if not kept:
            raise UserError(
                f"no token stands {min_count} times or more in the train split ({total} tokens): "
                "lower --min-count or give a longer text"
            )
        unknown = total - sum(count for _, count in kept)
        return cls([UNK, EOS, *(token for token, _ in kept)], [unknown, sentences, *(count for _, count in kept)])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.tokens, self.counts_v) == (other.tokens, other.counts_v)

    def __hash__(self) -> int:
        return hash(self.tokens)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Ids of ``tokens``; ``<unk>``'s for those outside the vocabulary."""
        find, unknown = self._ids.get, self.unk_id
        return [find(token, unknown) for token in tokens]

    def encode_each(self, tokens: Iterable[str]) -> Iterator[int]:
        """The same one by one, for tokens that need not be in memory."""
        return (self._ids.get(token, self.unk_id) for token in tokens)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Tokens of ``ids``; raises ``IndexError`` for an id that is none."""
        return [self.tokens[index] for index in ids]

    def encode_text(self, sentences: Iterable[Sequence[str]], characters: int, words: int = 0) -> EncodedText:
        """Sentences end to end, each closed by ``<eos>``.

        Args:
            sentences: one split of a corpus.
            characters: length of its text in characters (``Split.characters``).
            words: its length in words (``Split.words``); 0 where that is not known.
        """
        closed = chain.from_iterable(chain(sentence, (EOS,)) for sentence in sentences)
        ids_n = torch.from_numpy(np.array(self.encode(closed), dtype=np.int64))
        return EncodedText(ids_n, self.eos_id, characters, words, self.unk_id)

    def save(self, path: Path) -> None:
        """Write the vocabulary as JSON."""
        value = {"format": _FORMAT, "version": _VERSION, "tokens": self.tokens, "counts": self.counts_v}
        write_json(path, value)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what ``save`` wrote; raises ``UserError`` where the file is anything else."""
        value = read_json(path)
        fault = _fault(value)
        if fault is None:
            try:
                return cls(value["tokens"], value["counts"])
            except ValueError as error:
                fault = str(error)
        raise UserError(f"{path}: not a vocabulary written by rnn-lm: {fault}")

    @property
    def digest(self) -> str:
        """SHA-256 of tokens and counts: equal where two vocabularies are."""
        return hashlib.sha256(json.dumps([self.tokens, self.counts_v]).encode()).hexdigest()


class _File(TypedDict):
    """What the file holds."""

    tokens: list[str]
    counts: list[int]


def _fault(value: Any) -> str | None:
    """What is wrong with a vocabulary read from JSON, if its parts have the wrong types."""
    problem = first_fault(value, _File, _FORMAT, _VERSION)
    if problem is None and not all(0 <= count < 2**63 for count in value["counts"]):
        problem = "counts holds what is no count"
    return problem
