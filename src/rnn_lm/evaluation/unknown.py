"""Which figures of a text mean something: how much of it is ``<unk>`` to a model, and whether its words stand apart.

``<unk>`` is one entry for every token outside the vocabulary, and so easier to predict than any of them: a text of
random letters is nearly all ``<unk>`` to a model of words, and its perplexity is next to nothing. The share is thus
said wherever there is one, with the perplexity of the other tokens beside it. What is spread over characters or words
loses all meaning when part of the text was never spelled out, and is then not given at all:

    bits per character, perplexity per word    where <unk> replaces at most 5 % of the tokens, and is at most one
                                               percentage point more frequent than in the model's own valid text
    perplexity per word                        where, besides, words are set apart by white space: at most 15
                                               characters to a word, and less than a third of the letters of scripts
                                               that are written without spaces

A literal ``<unk>``, as in Penn Treebank, is a token of the text: it replaces nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnn_lm.corpora.encode import EOS_TYPE, UNK_TYPE
from rnn_lm.corpora.split import Split
from rnn_lm.evaluation.perplexity import Perplexity
from rnn_lm.vocabulary import Vocabulary

MOST_REPLACED = 0.05
"""Share of the tokens that ``<unk>`` may replace before nothing can be said of characters and words."""
MOST_ABOVE_USUAL = 0.01
"""How much more frequent it may be than in the model's own valid text."""
MOST_CHARACTERS_PER_WORD = 15
"""No language that sets words apart comes near it; lines of Chinese, or of letters without a space, are beyond it."""
_MOST_UNSPACED = 1 / 3
_UNSPACED = re.compile(
    "[\u0e01-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, Japanese and Chinese letters."""
_BYTE = re.compile("<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Reading:
    """How one model reads one text.

    Attributes:
        unk_share: of the tokens, ``<eos>`` not among them, those that are ``<unk>`` to the model.
        replaced: the same without those that stand as ``<unk>`` in the text.
        usual: ``unk_share`` of the model's own text; None where that is not known.
        usual_in: which text that is.
        spaced: whether words are set apart by white space.
    """

    unk_share: float
    replaced: float
    usual: float | None
    usual_in: str
    spaced: bool

    @property
    def unusual(self) -> bool:
        """Whether ``<unk>`` is more frequent than in the model's own text."""
        return self.unk_share > (self.usual or 0.0)

    @property
    def spelled_out(self) -> bool:
        """Whether so little is ``<unk>`` that figures per character and per word mean something."""
        above = self.unk_share - self.usual if self.usual is not None else 0.0
        return self.replaced == 0 or (self.replaced <= MOST_REPLACED and above <= MOST_ABOVE_USUAL)

    def bits_per_character(self, total: Perplexity) -> float | None:
        """That of ``total``, where it means something."""
        return total.bits_per_character if self.spelled_out and total.characters else None

    def perplexity_per_word(self, total: Perplexity) -> float | None:
        """That of ``total``, where it means something."""
        return total.perplexity_per_word if self.spelled_out and self.spaced else None

    def beside(self, total: Perplexity) -> str:
        """The share and the perplexity without it, to stand behind a perplexity; empty where nothing is ``<unk>``."""
        if not self.unk_share or total.perplexity_without_unk is None:
            return ""
        return f"  {self.unk_share:.2%} <unk>, perplexity without it {total.perplexity_without_unk:.2f}"

    def note(self, name: str) -> str | None:
        """What a person must know before believing the model's figures; None where there is nothing."""
        if not self.unk_share or not (self.unusual or not self.spelled_out):
            return None
        usual = "" if self.usual is None else f" ({self.usual:.2%} in its own {self.usual_in} text)"
        left_out = (
            "" if self.spelled_out else "; figures per character and per word would mean nothing and are left out"
        )
        return (
            f"{self.unk_share:.2%} of the tokens are <unk> to {name}{usual}, which is easier to predict than what it "
            f"stands for: the perplexity is too low{left_out}"
        )


def reading_of(split: Split, vocabulary: Vocabulary, usual: float | None = None, usual_in: str = "valid") -> Reading:
    """How a model with ``vocabulary`` reads ``split``; ``usual`` is its share of ``<unk>`` in its own valid text.

    Where that is not known, its share in train is taken, which the vocabulary tells by its counts.
    """
    if usual is None:
        usual, usual_in = _share_in_train(vocabulary), "train"
    words = int(split.words_t.sum())
    share = split.statistics(vocabulary).oov_rate
    replaced = share - int(split.counts_t[UNK_TYPE]) / words
    return Reading(share, max(0.0, replaced), usual, usual_in, _spaced(split))


def _share_in_train(vocabulary: Vocabulary) -> float | None:
    tokens = sum(vocabulary.counts_v) - vocabulary.counts_v[vocabulary.eos_id]
    return vocabulary.counts_v[vocabulary.unk_id] / tokens if tokens else None


def _spaced(split: Split) -> bool:
    """Whether words are set apart by white space in ``split``."""
    if not split.words or split.characters / split.words > MOST_CHARACTERS_PER_WORD:
        return False
    letters, unspaced = _letters(split.types, split.counts_t)
    return letters == 0 or unspaced / letters < _MOST_UNSPACED


def _letters(types: Sequence[str], counts_t: np.ndarray) -> tuple[int, int]:
    """(letters, those of scripts written without spaces) in all tokens; bytes that begin a character count as it."""
    letters = unspaced = 0
    for index in np.flatnonzero(counts_t).tolist():
        if index in (EOS_TYPE, UNK_TYPE):
            continue
        token, count = types[index], int(counts_t[index])
        if byte := _BYTE.fullmatch(token):
            first = int(byte[1], 16)
            letters += count * (first >= 0xC0)
            unspaced += count * (0xE3 <= first <= 0xE9)
        elif token.isascii():
            letters += count * sum(map(str.isalpha, token))
        else:
            letters += count * sum(map(str.isalpha, token))
            unspaced += count * len(_UNSPACED.findall(token))
    return letters, unspaced
