"""The sizes that papers state for a corpus, held against what was read: results on other text are not comparable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import AnyStr

from rnn_lm.corpora.access import SPLITS
from rnn_lm.errors import UserError


@dataclass(frozen=True)
class PublishedSizes:
    """How large each split is.

    Attributes:
        corpus: its title.
        unit: what is counted, e.g. ``tokens with <eos>``.
        sizes: of train, valid and test.
    """

    corpus: str
    unit: str
    sizes: tuple[int, int, int]

    def require(self, found: Mapping[str, int], where: str) -> None:
        """Compare the size ``found`` per split with the published ones.

        Raises:
            UserError: one differs; the message names ``where`` the text was read.
        """
        for split, published in zip(SPLITS, self.sizes, strict=True):
            if found[split] != published:
                raise UserError(
                    f"{where}: {split} has {found[split]:,} {self.unit}, but {self.corpus} has {published:,}: "
                    "another version, or not whole; get it again, or name the files themselves with --corpus"
                )

    def checked(self, split: str, lines: Iterable[str], size_of: Callable[[str], int], where: str) -> Iterator[str]:
        """``lines`` one by one; after the last, ``UserError`` if their sizes do not add up to the published one."""
        found = 0
        for line in lines:
            found += size_of(line)
            yield line
        published = dict(zip(SPLITS, self.sizes, strict=True))
        self.require({**published, split: found}, where)


def count_tokens(lines: Sequence[str]) -> int:
    """Tokens of text tokenized already: what stands between white space, and an ``<eos>`` per line."""
    return sum(len(line.split()) for line in lines) + len(lines)


def cut_exactly(text: AnyStr, sizes: tuple[int, int, int]) -> dict[str, AnyStr]:
    """Train, valid and test as the first, second and third part of ``text``; what is left over stays with test."""
    first, second = sizes[0], sizes[0] + sizes[1]
    return dict(zip(SPLITS, (text[:first], text[first:second], text[second:]), strict=True))


def lines_of(text: str) -> list[str]:
    """Lines, blank ones included and white space untouched: with an ``<eos>`` for each break, nothing is lost."""
    return text.removesuffix("\n").split("\n")
