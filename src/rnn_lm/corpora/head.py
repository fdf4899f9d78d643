"""The beginning of a text, looked at before it is read: markers of sentence ends, and whether it is a text at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from rnn_lm.corpora.kinds import looks_like
from rnn_lm.corpora.reading import lines_of_blocks
from rnn_lm.text.markers import MarkerCounts, without_markers

HEAD = 1 << 20
"""Characters that are looked at: all of most texts. What is found in them holds for the rest."""
_TELLING_LINES = 8


@dataclass(frozen=True)
class Head:
    """What the beginning of a text shows.

    Attributes:
        markers: of sentences, and where they stand.
        kind: what it looks like if not prose.
        whole: whether it is all of the text.
    """

    markers: MarkerCounts
    kind: str | None
    whole: bool

    @classmethod
    def of(cls, blocks: Iterable[str]) -> Head:
        """Look at the first ``HEAD`` characters of a text in blocks, or at all of it."""
        lines: list[str] = []
        size, whole = 0, True
        for block in blocks:
            if size >= HEAD:
                whole = False
                break
            if not block.isspace():
                lines += lines_of_blocks([block])
            size += len(block)
        # A tab before a marker makes no column of it.
        bare = (without_markers(line)[0] for line in lines)
        filled = (line for line in bare if line and not line.isspace())
        return cls(MarkerCounts.of(lines), looks_like(list(islice(filled, _TELLING_LINES))), whole)

    def notes(self, where: str) -> list[str]:
        """What a person should know of the text that comes from ``where``."""
        kind = [f"{where}: looks like {self.kind}"] if self.kind else []
        return [*kind, *self.markers.notes(where, part_of_it=not self.whole)]
