"""One split of a corpus, tokenized: each token as the number of its type, in memory or on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
import torch
from jaxtyping import Int32, Int64

from rnn_lm.corpora.encode import EOS_TYPE, UNK_TYPE, Cutter, EncodedBlock, Measure, TypeNumbers, encoded_blocks
from rnn_lm.mapped import MappedArray, blocks_of, positions_of
from rnn_lm.stream import EncodedText, StoredText
from rnn_lm.vocabulary import Vocabulary


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split.

    Attributes:
        sentences: sentences.
        tokens: tokens, with one ``<eos>`` per sentence.
        types: different tokens, ``<eos>`` not among them.
        oov_rate: share of the tokens, ``<eos>`` not among them, that the vocabulary reads as ``<unk>``, a literal
            ``<unk>`` in the text among them.
        characters, words: see ``Split``.
    """

    sentences: int
    tokens: int
    types: int
    oov_rate: float
    characters: int
    words: int


@dataclass(frozen=True, eq=False)
class Split:
    """One split, tokenized.

    Attributes:
        types: the different tokens of the corpus, ``<eos>`` first, ``<unk>`` second; the splits share them.
        types_n: the type of each token, sentences end to end, each closed by ``<eos>``.
        counts_t: how often each type stands in this split.
        characters: characters of the text after lower-casing, with every run of white space as one space and a line
            break after each sentence. The same for every tokenization, so that bits per character can be compared.
        words: what stands between white space, and one end for each sentence: the denominator of perplexity per word.
            The same for every tokenization.
        digest: of the same text: equal where the texts are.
        line_numbers: the line of its file in which each sentence begins, counted from 1; None where that is not known.
    """

    types: Sequence[str]
    types_n: np.ndarray | MappedArray
    counts_t: Int64[np.ndarray, "types"]
    characters: int
    words: int
    digest: str
    line_numbers: Callable[[], Iterator[int]] | None = None

    @classmethod
    def of(cls, lines: Iterable[str], tokenize: Callable[[str], list[str]]) -> Split:
        """Tokenize ``lines``, each a sentence, into memory."""
        blocks = encoded_blocks((("", line) for line in lines), Cutter(tokenize))
        return splits_in_memory(blocks, [""])[""]

    @property
    def sentences(self) -> Sentences:
        """The tokens of each sentence, without ``<eos>``: looked up as they are asked for."""
        return Sentences(self.types, self.types_n, int(self.counts_t[EOS_TYPE]))

    @property
    def holds_unk(self) -> bool:
        """Whether ``<unk>`` is written in it."""
        return bool(self.counts_t[UNK_TYPE])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Split) and (self.digest, self.sentences) == (other.digest, other.sentences)

    __hash__ = object.__hash__

    @property
    def words_t(self) -> Int64[np.ndarray, "types"]:
        """How often each type stands in it, ``<eos>`` not counted."""
        words_t = self.counts_t.copy()
        words_t[EOS_TYPE] = 0
        return words_t

    def vocabulary(self, min_count: int = 1, max_size: int | None = None, pieces: Iterable[str] = ()) -> Vocabulary:
        """The vocabulary of this split, which must be train: see ``Vocabulary.build``."""
        sentences = int(self.counts_t[EOS_TYPE])
        return Vocabulary.from_counts(self.types, self.words_t, sentences, min_count, max_size, pieces)

    def encoded(self, vocabulary: Vocabulary, ids_t: Int32[np.ndarray, "types"] | None = None) -> EncodedText:
        """The split as ``vocabulary``'s ids: on the disk if its types are there.

        Args:
            vocabulary: that of a train split, this one's or another.
            ids_t: ``ids_of_types`` of both, where it is known already.
        """
        ids_t = ids_of_types(self.types, vocabulary) if ids_t is None else ids_t
        if isinstance(self.types_n, MappedArray):
            facts = (vocabulary.eos_id, self.characters, self.words, vocabulary.unk_id)
            return StoredText(self.types_n, ids_t, EOS_TYPE, *facts)
        ids_n = torch.from_numpy(ids_t.astype(np.int64)[self.types_n])
        return EncodedText(ids_n, vocabulary.eos_id, self.characters, self.words, vocabulary.unk_id)

    def statistics(self, vocabulary: Vocabulary, ids_t: Int32[np.ndarray, "types"] | None = None) -> SplitStatistics:
        """Counts of this split, and the share that ``vocabulary`` does not cover; arguments as for ``encoded``."""
        ids_t = ids_of_types(self.types, vocabulary) if ids_t is None else ids_t
        sentences, words_t = int(self.counts_t[EOS_TYPE]), self.words_t
        words = int(words_t.sum())
        return SplitStatistics(
            sentences=sentences,
            tokens=words + sentences,
            types=int((words_t > 0).sum()),
            oov_rate=int(words_t[ids_t == vocabulary.unk_id].sum()) / words,
            characters=self.characters,
            words=self.words,
        )


class Sentences(Sequence[list[str]]):
    """The sentences of a split as lists of tokens, each made when it is asked for.

    Args:
        types: the different tokens.
        types_n: the type of each token, every sentence closed by ``EOS_TYPE``.
        count: sentences.
    """

    def __init__(self, types: Sequence[str], types_n: np.ndarray | MappedArray, count: int) -> None:
        self._types, self._types_n, self._count = types, types_n, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[str]]:
        types = list(self._types)
        begun: list[str] = []
        for block_n in blocks_of(self._types_n):
            start = 0
            tokens = [types[number] for number in block_n.tolist()]
            for end in np.flatnonzero(block_n == EOS_TYPE).tolist():
                yield begun + tokens[start:end]
                begun, start = [], end + 1
            begun += tokens[start:]

    @overload
    def __getitem__(self, index: int) -> list[str]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[str]]: ...
    def __getitem__(self, index: int | slice) -> list[str] | list[list[str]]:
        if isinstance(index, slice):
            return [self._sentence(one) for one in range(*index.indices(len(self)))]
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError("there are not so many sentences")
        return self._sentence(index)

    def _sentence(self, index: int) -> list[str]:
        start = self._ends_s[index - 1] + 1 if index else 0
        return [self._types[int(number)] for number in self._types_n[start : self._ends_s[index]].tolist()]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = object.__hash__

    @cached_property
    def _ends_s(self) -> list[int]:
        return positions_of(self._types_n, EOS_TYPE).tolist()


def ids_of_types(types: Sequence[str], vocabulary: Vocabulary) -> Int32[np.ndarray, "types"]:
    """The id that ``vocabulary`` has for each of ``types``."""
    return np.fromiter(vocabulary.encode_each(types), np.int32, len(types))


def splits_in_memory(blocks: Iterable[EncodedBlock], names: Iterable[str]) -> dict[str, Split]:
    """The splits called ``names`` from what they were tokenized to."""
    numbers = TypeNumbers()
    parts: dict[str, list[np.ndarray]] = {name: [np.empty(0, np.uint32)] for name in names}
    measures = {name: Measure() for name in parts}
    for block in blocks:
        parts[block.split].append(numbers.add(block))
        measures[block.split].add(block)
    types = numbers.types
    return {
        name: Split(types, np.concatenate(part), numbers.counts(name), *measures[name].totals)
        for name, part in parts.items()
    }
