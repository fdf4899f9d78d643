"""The words of a line as they were written, and which of a model's tokens belong to each.

A word is what stands between ASCII white space: what a reader of the experiment sees, punctuation and quotes included.
A model may have several tokens for it::

    written     "Come,         said          ("words": punctuation apart)      "  come  ,  |  said
    Ġunhappy                                  (pieces: the space goes before)   Ġun  happy

A corpus that was cut at white space alone had its punctuation set apart, or left out, before (Penn Treebank: both). To
its models, a written word that the vocabulary lacks has punctuation and clitics set apart as ``--tokens words`` does,
and of a mark that the vocabulary lacks nothing is read, unless the word is nothing else. Where no word of such a
vocabulary has a capital letter, text is lower-cased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from rnn_lm.errors import UserError
from rnn_lm.models.storage import StoredModel
from rnn_lm.text import TOKENIZERS
from rnn_lm.text.markers import without_markers
from rnn_lm.text.white_space import words_of
from rnn_lm.vocabulary import EOS, UNK

_SPACE = "Ġ"
"""How pieces of words write the space that they begin with."""


@dataclass(frozen=True)
class Words:
    """A line.

    Attributes:
        written: its words.
        tokens: the model's, of all of them.
        ends: how many tokens there are up to the end of each word.
        spaced: whether each token begins with a space.
    """

    written: tuple[str, ...]
    tokens: tuple[str, ...]
    ends: tuple[int, ...]
    spaced: tuple[bool, ...]

    def span(self, word: int) -> tuple[int, int]:
        """Return where a word's tokens begin and end."""
        return (self.ends[word - 1] if word else 0), self.ends[word]


class WordCutter:
    """Cuts lines as one model's corpus was, word by word.

    Args:
        stored: the model.
        set_apart: whether to set punctuation apart for a corpus that was cut at white space alone; False where the text
            is tokenized as that corpus was.
    """

    def __init__(self, stored: StoredModel, set_apart: bool = True) -> None:
        self._codec, self._vocabulary = stored.codec, stored.vocabulary
        settings = self._codec.settings
        self._sets_apart = set_apart and settings.tokens == "whitespace"
        cased = any(len(token) > 1 and token != token.lower() for token in self._vocabulary.tokens)
        self._lowers = self._sets_apart and not settings.lowercase and not cased

    @property
    def has_pieces(self) -> bool:
        """Whether tokens say where spaces are, so that it matters to which word a space belongs."""
        return self._codec.tokenization.restores == "line"

    def ends_word(self, token: str) -> bool:
        """Whether a token ends the word before it: it begins with a space, or is the end."""
        return token == EOS or self._begins_with_space(token)

    def _begins_with_space(self, token: str) -> bool:
        if self._codec.tokenization.is_learned:
            return token == UNK or token.startswith(_SPACE)  # the space before <unk> goes with it
        return token.startswith(" ")

    def cut(self, line: str, where: str) -> Words:
        """Return a line's words and tokens.

        Args:
            line: as it was written; markers of sentences at its edges are left out.
            where: it stands, for messages.

        Raises:
            UserError: a word is ``<eos>``.
        """
        written = words_of(without_markers(line)[0])
        prepared = [self._prepared(word) for word in written]
        parts = [self._parts(word) for word in prepared] if self._sets_apart else self._aligned(prepared)
        tokens = tuple(token for part in parts for token in part)
        if EOS in tokens:
            raise UserError(f"{where}: holds {EOS}, which rnn-lm adds itself; take it out")
        ends: list[int] = []
        for part in parts:
            ends.append((ends[-1] if ends else 0) + len(part))
        return Words(tuple(written), tokens, tuple(ends), tuple(map(self._begins_with_space, tokens)))

    def _prepared(self, word: str) -> str:
        word = self._codec.settings.prepared(word)
        return word.lower() if self._lowers else word

    def _parts(self, word: str) -> list[str]:
        if word in self._vocabulary:
            return [word]
        tokens = TOKENIZERS["words"].cut(word)
        spoken = [one for one in tokens if one in self._vocabulary or any(map(str.isalnum, one))]
        return spoken or [word]

    def _aligned(self, words: Sequence[str]) -> list[list[str]]:
        """The tokens of the whole line, by word."""
        cut, line = self._codec.tokenization.cut, " ".join(words)
        tokens = cut(line)
        alone = [cut(word) for word in words]
        if [token for part in alone for token in part] == tokens:
            return alone
        spaced = [[" ", *part] if number else part for number, part in enumerate(alone)]
        if [token for part in spaced for token in part] == tokens:
            return spaced  # characters and bytes: a space is a token
        ends = [0]
        for count in range(1, len(words)):
            upto = cut(" ".join(words[:count]))
            same = sum(1 for _ in takewhile(lambda two: two[0] == two[1], zip(tokens, upto, strict=False)))
            ends.append(max(ends[-1], same))  # a token that reaches over a word's end belongs to the next
        ends.append(len(tokens))
        return [tokens[start:end] for start, end in pairwise(ends)]
