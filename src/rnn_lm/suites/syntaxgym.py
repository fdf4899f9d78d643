"""SyntaxGym (Gauthier et al. 2020; suites by Hu et al. 2020): sentences in regions, and predictions of surprisals.

A file is a suite: ``meta`` with its name, ``predictions`` with formulas (``formula.py``), and ``items``, each a
sentence in several conditions. Each prediction of each item is one question, and is right where its formula holds; a
suite's figure is the share of those that do. A region's surprisal is the sum over its tokens, in bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_lm.errors import UserError
from rnn_lm.files import parse_json
from rnn_lm.suites.base import FORMATS, TIE, Judgement, Parts, Question, SuiteFormat
from rnn_lm.suites.formula import Formula, Operation, Region, parse, regions, value
from rnn_lm.suites.sources import SuiteFile


@dataclass(frozen=True, kw_only=True)
class Prediction(Question):
    """A formula over the regions of a sentence in several conditions.

    Attributes:
        formula: what should hold.
        conditions: name to the texts of its regions.
        places: name to the place of each region's number among them.
    """

    formula: Formula
    conditions: Mapping[str, Parts]
    places: Mapping[str, Mapping[int, int]]

    @property
    def _named(self) -> list[str]:
        return list(dict.fromkeys(region.condition for region in regions(self.formula)))

    def texts(self) -> tuple[Parts, ...]:
        return tuple(self.conditions[name] for name in self._named)

    def asked(self) -> tuple[tuple[int, ...], ...]:
        numbers = {name: set[int]() for name in self._named}
        for region in regions(self.formula):
            if region.number is not None:
                numbers[region.condition].add(self.places[region.condition][region.number])
        return tuple(tuple(sorted(found)) for found in numbers.values())

    def judge(self, scores: Sequence[np.ndarray]) -> Judgement:
        by_name = dict(zip(self._named, scores, strict=True))

        def surprisal(region: Region) -> float:
            parts = by_name[region.condition]
            nats = parts[:-1].sum() if region.number is None else parts[self.places[region.condition][region.number]]
            return -float(nats) / math.log(2)

        def nats(side: Formula) -> float:
            found = value(side, surprisal, 0.0)
            return -float(found or 0.0) * math.log(2)

        holds = value(self.formula, surprisal, TIE / math.log(2))
        assert holds is None or isinstance(holds, bool)
        if isinstance(self.formula, Operation) and self.formula.sign in "<>":
            left, right = nats(self.formula.left), nats(self.formula.right)
            return Judgement(*((left, right) if self.formula.sign == "<" else (right, left)), holds)
        return Judgement(None, None, holds)


class SyntaxGym(SuiteFormat):
    """A JSON file with ``items`` and ``predictions``."""

    label = "SyntaxGym"

    def recognizes(self, file: SuiteFile) -> bool:
        return file.suffix == ".json" and (b'"predictions"' in file.data or b'"region_number"' in file.data)

    def read(self, file: SuiteFile) -> Iterator[Question]:
        whole = parse_json(file.text, file.shown)
        meta = _field(whole, "meta", dict, file.shown)
        metric = meta.get("metric", "sum")
        if metric != "sum":
            raise UserError(f"{file.shown}: its metric is {str(metric)[:20]!r}; rnn-lm sums the surprisals of a region")
        name = meta.get("name")
        formulas = [
            parse(
                _field(one, "formula", str, f"{file.shown}: prediction {number}"), f"{file.shown}: prediction {number}"
            )
            for number, one in enumerate(_field(whole, "predictions", list, file.shown), start=1)
        ]
        for number, item in enumerate(_field(whole, "items", list, file.shown), start=1):
            where = f"{file.shown}: item {item.get('item_number', number) if isinstance(item, dict) else number}"
            yield from _questions(name if isinstance(name, str) and name else file.stem, item, formulas, where)


def _questions(suite: str, item: Any, formulas: Sequence[Formula], where: str) -> Iterator[Question]:
    conditions: dict[str, Parts] = {}
    places: dict[str, dict[int, int]] = {}
    for condition in _field(item, "conditions", list, where):
        name = _field(condition, "condition_name", str, where)
        place = f"{where}, condition {name[:40]}"
        found = _field(condition, "regions", list, place)
        conditions[name] = tuple(_field(region, "content", str, place).strip() for region in found)
        places[name] = {_field(region, "region_number", int, place): index for index, region in enumerate(found)}
        if not any(conditions[name]):
            raise UserError(f"{place}: its regions are all blank")
    for number, formula in enumerate(formulas, start=1):
        for region in regions(formula):
            known = places.get(region.condition)
            if known is None:
                raise UserError(f"{where}: has no condition {region.condition!r}, which prediction {number} names")
            if region.number is not None and region.number not in known:
                raise UserError(f"{where}, condition {region.condition}: has no region {region.number}, "
                                f"which prediction {number} names")  # fmt: skip
        several = f".{number}" if len(formulas) > 1 else ""
        yield Prediction(
            paradigm=suite, item=f"{item.get('item_number', '')}{several}", where=where,
            formula=formula, conditions=conditions, places=places,
        )  # fmt: skip


def _field(record: Any, name: str, kind: type, where: str) -> Any:
    if not isinstance(record, dict) or not isinstance(record.get(name), kind):
        words = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}
        raise UserError(f'{where}: lacks "{name}", {words[kind]}; see docs/suites.md for the format')
    return record[name]


FORMATS.register("syntaxgym")(SyntaxGym())
