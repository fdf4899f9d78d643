"""BLiMP (Warstadt et al. 2020), and suites in its format: a file of JSON lines for each paradigm.

    {"sentence_good": "Susan revealed herself.", "sentence_bad": "Susan revealed themselves.", "field": "morphology",
     "linguistics_term": "anaphor_agreement", "UID": "anaphor_number_agreement", "pairID": "0", ...}

The answer is right where the good sentence is more probable as a whole (the paper's "simple LM method"). Where a line
says so, a pair can be asked of one word, too (``by_word.py``)::

    "one_prefix_method": true    one_prefix_prefix, one_prefix_word_good, one_prefix_word_bad
    "two_prefix_method": true    two_prefix_prefix_good, two_prefix_prefix_bad, two_prefix_word
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnn_lm.suites.base import FORMATS, Pair, Question, SuiteFormat
from rnn_lm.suites.by_word import one_beginning, two_beginnings
from rnn_lm.suites.fields import first_names, sentence, word
from rnn_lm.suites.sources import SuiteFile

LEVELS = {"field": "field", "linguistics_term": "phenomenon"}
"""Field of a line to the level of the figures, the coarsest first."""


class Blimp(SuiteFormat):
    """JSON lines with ``sentence_good`` and ``sentence_bad``."""

    label = "BLiMP"

    def recognizes(self, file: SuiteFile) -> bool:
        return bool({"sentence_good", "sentence_bad"} & first_names(file))

    def read(self, file: SuiteFile) -> Iterator[Question]:
        for number, (where, record) in enumerate(file.json_lines()):
            pair = Pair(
                paradigm=word(record, "UID", file.stem),
                item=word(record, "pairID", str(number)),
                where=where,
                groups={level: word(record, name, "") for name, level in LEVELS.items() if name in record},
                good=sentence(record, "sentence_good", where),
                bad=sentence(record, "sentence_bad", where),
            )
            yield _with_prefixes(pair, record)


def _with_prefixes(pair: Pair, record: Mapping[str, object]) -> Pair:
    """The pair with what its line says of prefixes; raises ``UserError`` where that is promised and missing."""

    def field(name: str) -> str:
        return sentence(record, name, pair.where).strip()

    if record.get("one_prefix_method") is True:
        names = ("one_prefix_prefix", "one_prefix_word_good", "one_prefix_word_bad")
        return one_beginning(pair, *map(field, names))
    if record.get("two_prefix_method") is True:
        return two_beginnings(pair, *map(field, ("two_prefix_prefix_good", "two_prefix_prefix_bad", "two_prefix_word")))
    return pair


FORMATS.register("blimp")(Blimp())
