"""Marvin and Linzen's (2018) LM_syneval: a pickle per construction, or a table: construction[, case], good, bad.

A pickle holds a dict of a case to its sentences: pairs, or triples for the polarity items, whose first is the good one
and is compared with each of the others. Besides the whole sentence, the word that differs can be asked for (of the
polarity items, ``ever`` after both beginnings): their "word_only". A pickle is read as data: what names or calls
anything is refused, so nothing in it can run.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rnn_lm.embeddings.pickle_data import NotData, read_pickle
from rnn_lm.errors import UserError
from rnn_lm.suites.base import FORMATS, Pair, Question, SuiteFormat
from rnn_lm.suites.by_word import with_word
from rnn_lm.suites.fields import TABLES, header
from rnn_lm.suites.sources import SuiteFile

_PICKLES = (".pickle", ".pkl")
POLAR = ("ever",)
"""The word of the polarity items that needs what stands before it."""


class SynevalPickle(SuiteFormat):
    """A dict of a case to pairs or triples."""

    label = "LM_syneval"

    def recognizes(self, file: SuiteFile) -> bool:
        return file.suffix in _PICKLES

    def read(self, file: SuiteFile) -> Iterator[Question]:
        try:
            cases = read_pickle(io.BufferedReader(io.BytesIO(file.data)), lambda _name: False)  # pyright: ignore
        except NotData as error:
            raise UserError(f"{file.shown}: is no pickle of plain data: {error}; give one of LM_syneval's") from error
        if not isinstance(cases, dict) or not cases:
            raise UserError(f"{file.shown}: holds no dict of cases to sentences, as LM_syneval's pickles do")
        for case, entries in cases.items():
            where = f"{file.shown}: case {str(case)[:60]}"
            for number, sentences in enumerate(_tuples(entries, "npi" in file.stem.lower(), where), start=1):
                yield from _pairs(file.stem, str(case), str(number), sentences, f"{where}, item {number}")


def _tuples(entries: object, triples: bool, where: str) -> Iterator[Sequence[object]]:
    """The pairs or triples of a case: tuples, or, in older files, sentences one after the other."""
    if not isinstance(entries, list | tuple):
        raise UserError(f"{where}: holds no list of sentences")
    if not all(isinstance(one, str) for one in entries):
        yield from (one if isinstance(one, list | tuple) else (one,) for one in entries)
        return
    size = 3 if triples else 2
    if len(entries) % size:
        raise UserError(f"{where}: has {len(entries)} sentences, which are no {'triples' if triples else 'pairs'}")
    yield from (entries[start : start + size] for start in range(0, len(entries), size))


def _pairs(paradigm: str, case: str, item: str, sentences: Sequence[object], where: str) -> Iterator[Question]:
    texts = [one for one in sentences if isinstance(one, str) and one.strip()]
    if len(texts) != len(sentences) or len(texts) not in (2, 3):
        raise UserError(f"{where}: is neither a pair nor a triple of sentences")
    for number, bad in enumerate(texts[1:], start=2):
        against = f" 1-{number}" if len(texts) == 3 else ""
        pair = Pair(
            paradigm=f"{paradigm}{against}", item=f"{case} {item}", where=where, groups={"case": f"{paradigm} {case}"},
            good=texts[0], bad=bad,
        )  # fmt: skip
        yield with_word(pair, POLAR)


class SynevalTable(SuiteFormat):
    """Lines of construction, perhaps a case, the good and the bad sentence, tabs between."""

    label = "LM_syneval"

    def recognizes(self, file: SuiteFile) -> bool:
        cells = file.first_line.decode(errors="replace").split("\t")
        if file.suffix not in TABLES or len(cells) not in (3, 4) or header(cells):
            return False
        return not any(" " in cell.strip() for cell in cells[:-2]) and all(" " in cell.strip() for cell in cells[-2:])

    def read(self, file: SuiteFile) -> Iterator[Question]:
        columns = 0
        for number, line in file.lines():
            if not line.strip():
                continue
            cells, where = [cell.strip() for cell in line.split("\t")], file.at(number)
            columns = columns or len(cells)
            if len(cells) != columns or not all(cells):
                raise UserError(f"{where}: has not {columns} columns (construction, good, bad), none of them blank")
            case = {"case": f"{cells[0]} {cells[1]}"} if columns == 4 else {}
            good, bad = cells[-2:]
            pair = Pair(paradigm=cells[0], item=str(number), where=where, groups=case, good=good, bad=bad)
            yield with_word(pair, POLAR)


FORMATS.register("lm-syneval")(SynevalPickle())
FORMATS.register("lm-syneval-table")(SynevalTable())
