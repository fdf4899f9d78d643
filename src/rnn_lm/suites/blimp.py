"""BLiMP (Warstadt et al. 2020), and suites in its format: a file of JSON lines for each paradigm.

    {"sentence_good": "Susan revealed herself.", "sentence_bad": "Susan revealed themselves.", "field": "morphology",
     "linguistics_term": "anaphor_agreement", "UID": "anaphor_number_agreement", "pairID": "0", ...}

The answer is right where the good sentence is more probable as a whole (the paper's "simple LM method"); the prefix
methods, which are possible for some paradigms alone, are not used.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.suites.base import FORMATS, Pair, Question, SuiteFormat
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
            yield Pair(
                paradigm=word(record, "UID", file.stem),
                item=word(record, "pairID", str(number)),
                where=where,
                groups={level: word(record, name, "") for name, level in LEVELS.items() if name in record},
                good=sentence(record, "sentence_good", where),
                bad=sentence(record, "sentence_bad", where),
            )


FORMATS.register("blimp")(Blimp())
