"""Pairs of one's own: a table of good, bad and perhaps a group, tabs between; or JSON lines with those names.

    The dog barks.<TAB>The dog bark.<TAB>agreement
    {"good": "The dog barks.", "bad": "The dog bark.", "group": "agreement"}

A first line that names the columns (``good``, ``bad``, ``group``) may bring them in another order.
"""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.errors import UserError
from rnn_lm.suites.base import FORMATS, Pair, Question, SuiteFormat
from rnn_lm.suites.by_word import with_word
from rnn_lm.suites.fields import TABLES, first_names, header, sentence, word
from rnn_lm.suites.sources import SuiteFile

COLUMNS = ("good", "bad", "group")


class PairTable(SuiteFormat):
    """Two or three columns, tabs between."""

    label = "pairs"

    def recognizes(self, file: SuiteFile) -> bool:
        return file.suffix in TABLES and len(file.first_line.split(b"\t")) in (2, 3)

    def read(self, file: SuiteFile) -> Iterator[Question]:
        columns: tuple[str, ...] = ()
        for number, line in file.lines():
            if not line.strip():
                continue
            cells, where = line.split("\t"), file.at(number)
            if not columns and (names := header(cells)):
                columns = names
                continue
            columns = columns or COLUMNS[: len(cells)]
            if len(cells) != len(columns):
                raise UserError(
                    f"{where}: has {len(cells)} columns, the lines above {len(columns)}; tabs stand between"
                )
            record = dict(zip(columns, cells, strict=True))
            yield _pair(file, record, str(number), where)


class PairLines(SuiteFormat):
    """JSON lines with ``good`` and ``bad``."""

    label = "pairs"

    def recognizes(self, file: SuiteFile) -> bool:
        return bool({"good", "bad"} & first_names(file))

    def read(self, file: SuiteFile) -> Iterator[Question]:
        for number, (where, record) in enumerate(file.json_lines(), start=1):
            yield _pair(file, record, str(number), where)


def _pair(file: SuiteFile, record: dict[str, object] | dict[str, str], item: str, where: str) -> Pair:
    good, bad = sentence(record, "good", where), sentence(record, "bad", where)
    return with_word(Pair(paradigm=word(record, "group", file.stem), item=item, where=where, good=good, bad=bad))


FORMATS.register("pairs")(PairTable())
FORMATS.register("pair-lines")(PairLines())
