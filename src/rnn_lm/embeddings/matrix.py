"""Word vectors in the order of a vocabulary, and how much of it they cover."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.vocabulary import EOS, UNK, Vocabulary


@dataclass(frozen=True)
class EmbeddingMatrix:
    """One vector per vocabulary entry.

    Attributes:
        vectors_ve: float32 (V, E).
        known_v: which rows were trained or read; the others start at random.
        source: where the vectors come from, for a person to read.
        covered_types: share of the vocabulary's words, ``<unk>`` and ``<eos>`` aside, that are known.
        covered_tokens: the same, each word weighted by its count in train.
    """

    vectors_ve: Float32[Tensor, "V E"]
    known_v: Bool[Tensor, "V"]
    source: str
    covered_types: float
    covered_tokens: float


def align(
    rows: Mapping[int, Float[np.ndarray, "E"]], vocabulary: Vocabulary, source: str, generator: torch.Generator
) -> EmbeddingMatrix:
    """The matrix of ``vocabulary`` from the vectors there are.

    A word without one starts from a normal draw with the mean and the standard deviation of the known vectors, so that
    it is neither louder nor quieter than they are.

    Args:
        rows: vector by id, at least one; all of the same length E.
        vocabulary: V entries.
        source: see ``EmbeddingMatrix``.
        generator: draws the vectors of the other words.
    """
    known_ids = torch.tensor(sorted(rows))
    known_ke = torch.from_numpy(np.stack([rows[index] for index in sorted(rows)]).astype(np.float32))
    vectors_ve = torch.randn(len(vocabulary), known_ke.shape[1], generator=generator)
    # In float64, which holds the squares of all that float32 holds.
    scale, middle = known_ke.double().std(correction=0), known_ke.double().mean()
    vectors_ve = (vectors_ve.double() * scale + middle).float()
    vectors_ve[known_ids] = known_ke
    known_v = torch.zeros(len(vocabulary), dtype=torch.bool)
    known_v[known_ids] = True
    word_v = torch.tensor([token not in (UNK, EOS) for token in vocabulary.tokens])
    counts_v = torch.tensor(vocabulary.counts_v, dtype=torch.float64)
    return EmbeddingMatrix(
        vectors_ve,
        known_v,
        source,
        covered_types=float(known_v[word_v].double().mean()),
        covered_tokens=float(counts_v[word_v & known_v].sum() / counts_v[word_v].sum()),
    )


def nearest(matrix: EmbeddingMatrix, vocabulary: Vocabulary, word: str, k: int) -> list[tuple[str, float]]:
    """The ``k`` words whose known vectors have the greatest cosine with that of ``word``, best first, and the cosines.

    Raises:
        UserError: ``word`` is not in the vocabulary, or has no known vector.
    """
    require_word(vocabulary, word)
    index = vocabulary.encode([word])[0]
    if not matrix.known_v[index]:
        raise UserError(f"{word!r} has no vector in {matrix.source}; choose another word")
    unit_ve = torch.nn.functional.normalize(matrix.vectors_ve, dim=1)
    cosine_v = unit_ve @ unit_ve[index]
    candidate_v = matrix.known_v.clone()
    candidate_v[index] = False
    best = cosine_v.masked_fill(~candidate_v, -torch.inf).topk(min(k, int(candidate_v.sum())))
    return list(zip(vocabulary.decode(best.indices.tolist()), best.values.tolist(), strict=True))


def require_word(vocabulary: Vocabulary, word: str) -> None:
    """Refuse a ``word`` that is not in the vocabulary, naming one that is like it."""
    if word not in vocabulary:
        close = difflib.get_close_matches(word, vocabulary.tokens, n=1)
        hint = f": did you mean {close[0]!r}?" if close else "; choose a word that stands in the train split"
        raise UserError(f"{word!r} is not in the vocabulary{hint}")
