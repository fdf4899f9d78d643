"""A question's texts as a model reads them: tokens, ids, where each part ends, and whether what decides is known.

Text is cut and lower-cased as the model's corpus was. Where that was cut at white space alone, sentences as people
write them have their punctuation set apart first (``herself.`` is no word of such a corpus); and where words of a
vocabulary have no capital letters although the corpus was not lower-cased, since it came so, they are lower-cased.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile

from rnn_lm.errors import UserError
from rnn_lm.models.storage import StoredModel
from rnn_lm.suites.base import Parts, Question
from rnn_lm.text import TOKENIZERS
from rnn_lm.vocabulary import EOS

_OF_WORDS = ("words", "whitespace")
"""Tokenizations whose tokens have capital letters where the text has them."""


@dataclass(frozen=True)
class Cut:
    """A text as tokens.

    Attributes:
        tokens: without ``<eos>``.
        ids: of the tokens.
        ends: how many tokens there are up to the end of each part.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, part: int) -> range:
        """Return the places of a part's tokens."""
        return range(self.ends[part - 1] if part else 0, self.ends[part])


class Cutter:
    """Cuts the texts of questions as one model's corpus was.

    Args:
        stored: the model.
    """

    def __init__(self, stored: StoredModel) -> None:
        self._codec, self.unk_id = stored.codec, stored.vocabulary.unk_id
        settings = self._codec.settings
        self._sets_apart = settings.tokens == "whitespace"
        cased = any(len(token) > 1 and token != token.lower() for token in stored.vocabulary.tokens)
        self._lowers = settings.tokens in _OF_WORDS and not settings.lowercase and not cased

    def cut(self, question: Question) -> list[Cut]:
        """Return the question's texts; raises ``UserError`` where one holds ``<eos>``."""
        return [self._cut(parts, question) for parts in question.texts()]

    def sentence(self, question: Question) -> list[int]:
        """Return the ids of the sentence that a reader of the whole file goes on from."""
        return self._codec.vocabulary.encode(self._tokens(question.sentence, question))

    def _cut(self, parts: Parts, question: Question) -> Cut:
        tokens = self._tokens(" ".join(filter(None, parts)), question)
        ends = [len(tokens)]
        for count in range(len(parts) - 1, 0, -1):
            upto = self._tokens(" ".join(filter(None, parts[:count])), question)
            # A token that reaches over the end of a part belongs to the next.
            ends.append(
                min(ends[-1], sum(1 for _ in takewhile(lambda two: two[0] == two[1], zip(tokens, upto, strict=False))))
            )
        return Cut(tuple(tokens), tuple(self._codec.vocabulary.encode(tokens)), tuple(reversed(ends)))

    def _tokens(self, text: str, question: Question) -> list[str]:
        text = self._codec.settings.prepared(" ".join(text.split()))
        if self._lowers:
            text = text.lower()
        if self._sets_apart and question.raw:
            text = " ".join(TOKENIZERS["words"].cut(text))
        tokens = self._codec.tokenization.cut(text)
        if EOS in tokens:
            raise UserError(f"{question.where}: holds {EOS}, which rnn-lm adds itself; take it out")
        return tokens


def is_covered(question: Question, cuts: Sequence[Cut], unk_id: int) -> bool:
    """Return whether the model knows the words that decide, and reads different texts as different.

    Those are the words in which the texts differ, and all of the parts that are asked for.
    """
    if len({cut.ids for cut in cuts}) < len(cuts):
        return False
    asked = question.asked()
    if any(
        cut.ids[place] == unk_id
        for cut, parts in zip(cuts, asked, strict=True)
        for part in parts
        for place in cut.span(part)
    ):
        return False
    if not any(unk_id in cut.ids for cut in cuts):
        return True
    first = cuts[0]
    return not any(unk_id in ids for other in cuts[1:] for ids in _differing(first, other))


def _differing(one: Cut, other: Cut) -> Iterator[tuple[int, ...]]:
    """The ids of the tokens that one of two texts has and the other has not, by the shortest list of edits."""
    for what, start, end, from_, to in SequenceMatcher(None, one.tokens, other.tokens, autojunk=False).get_opcodes():
        if what != "equal":
            yield one.ids[start:end]
            yield other.ids[from_:to]
