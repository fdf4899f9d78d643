"""SyntaxGym's predictions: inequalities between sums of surprisals, read by a small parser and never evaluated as code.

    [(6;%what_no-gap%) > (6;%that_no-gap%)] & [(7;%what_gap%) < (7;%that_gap%)]

    any    = all {"|" all}
    all    = compared {"&" compared}
    compared = sum [("<" | ">" | "=") sum]
    sum    = atom {("+" | "-") atom}
    atom   = "(" REGION ";%" CONDITION "%)"  |  NUMBER  |  "(" any ")"  |  "[" any "]"

REGION is a number, or ``*`` for the whole sentence. ``=`` allows for a difference of 1e-5 of the right side and 1e-3,
as SyntaxGym does. Where the sides of ``<`` or ``>`` are equal the model prefers neither, which is no answer, and three
values are what ``&`` and ``|`` join.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rnn_lm.errors import UserError

Value: TypeAlias = float | bool | None
"""Surprisal in bits; or whether something holds; None where that has no answer."""
Lookup: TypeAlias = Callable[["Region"], float]
_TOKEN = re.compile(r"\s*(?:\(\s*(\d+|\*)\s*;\s*%([^%]+)%\s*\)|(\d+(?:\.\d+)?)|([-+<>=&|()\[\]]))")
_RELATIVE, _ABSOLUTE = 1e-5, 1e-3
_DEEPEST, _LONGEST = 20, 200
"""Brackets in one another and tokens; published formulas have 4 and 32."""


@dataclass(frozen=True)
class Region:
    """The surprisal of a region of the sentence in one condition.

    Attributes:
        number: of the region; None for the whole sentence.
        condition: its name.
    """

    number: int | None
    condition: str


@dataclass(frozen=True)
class Operation:
    """Two operands, and what is done with them."""

    sign: str
    left: Formula
    right: Formula


Formula: TypeAlias = Region | Operation | float


def parse(text: str, where: str) -> Formula:
    """Return the formula that ``text`` is; raises ``UserError`` with ``where`` and the place where it is none."""
    formula = _Parser(text, where).whole()
    if not _is_truth(formula):
        raise UserError(f"{where}: the formula {text[:60]!r} compares nothing; it needs <, > or =")
    return formula


def regions(formula: Formula) -> Iterator[Region]:
    """Return the regions that a formula names, in its order."""
    if isinstance(formula, Region):
        yield formula
    elif isinstance(formula, Operation):
        yield from regions(formula.left)
        yield from regions(formula.right)


def value(formula: Formula, surprisal: Lookup, tie: float) -> Value:
    """Return what a formula comes to.

    Args:
        formula: what ``parse`` gave.
        surprisal: of a region, in bits.
        tie: bits within which the sides of ``<`` and ``>`` are equal.
    """
    if isinstance(formula, Region):
        return surprisal(formula)
    if not isinstance(formula, Operation):
        return formula
    left, right = value(formula.left, surprisal, tie), value(formula.right, surprisal, tie)
    if formula.sign in "&|":
        return _joined(formula.sign, left, right)
    assert left is not None
    assert right is not None
    if formula.sign in "+-":
        return left + right if formula.sign == "+" else left - right
    return _compared(formula.sign, left, right, tie)


def _joined(sign: str, left: Value, right: Value) -> bool | None:
    decisive = sign == "|"
    if decisive in (left, right):
        return decisive
    return None if None in (left, right) else not decisive


def _compared(sign: str, left: float, right: float, tie: float) -> bool | None:
    if math.isnan(left) or math.isnan(right):  # the difference of two impossible regions
        return None
    if sign == "=":
        return left == right or abs(left - right) <= _ABSOLUTE + _RELATIVE * abs(right)
    if left == right or abs(left - right) <= tie:
        return None
    return left < right if sign == "<" else left > right


def _is_truth(formula: Formula) -> bool:
    return isinstance(formula, Operation) and formula.sign in "<>=&|"


class _Parser:
    """Reads a formula from left to right, one token ahead."""

    def __init__(self, text: str, where: str) -> None:
        self._text, self._where, self._position, self._depth, self._count = text, where, 0, 0, 0
        self._next()

    def whole(self) -> Formula:
        found = self._any()
        if self._token != "":
            raise self._fault("is not expected")
        return found

    def _next(self) -> None:
        rest = self._text[self._position :]
        self._region: Region | None = None
        self._start = self._position + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self._token = ""
            return
        match = _TOKEN.match(self._text, self._position)
        if match is None:
            self._token = rest.strip()[:1]
            raise self._fault("is not expected")
        self._position = match.end()
        number, condition, literal, sign = match.groups()
        if condition is not None:
            self._region = Region(None if number == "*" else int(number), condition.strip())
        self._token = literal or sign or "region"
        self._count += 1
        if self._count > _LONGEST:
            raise self._fault("is longer than any that is known")

    def _fault(self, what: str) -> UserError:
        found = f"{self._token!r} at character {self._start + 1}" if self._token else "its end"
        return UserError(f"{self._where}: the formula {self._text.strip()[:60]!r} cannot be read: {found} {what}")

    def _any(self) -> Formula:
        return self._of_truths("|", self._all)

    def _all(self) -> Formula:
        return self._of_truths("&", self._comparison)

    def _of_truths(self, sign: str, part: Callable[[], Formula]) -> Formula:
        found = part()
        while self._token == sign:
            self._next()
            other = part()
            if not (_is_truth(found) and _is_truth(other)):
                raise self._fault(f"comes after a {sign} that does not join two comparisons")
            found = Operation(sign, found, other)
        return found

    def _comparison(self) -> Formula:
        found = self._sum()
        if self._token in ("<", ">", "="):
            sign = self._token
            self._next()
            found = self._of_numbers(sign, found, self._sum())
        return found

    def _sum(self) -> Formula:
        found = self._atom()
        while self._token in ("+", "-"):
            sign = self._token
            self._next()
            found = self._of_numbers(sign, found, self._atom())
        return found

    def _of_numbers(self, sign: str, left: Formula, right: Formula) -> Formula:
        if _is_truth(left) or _is_truth(right):
            raise self._fault(f"comes after a {sign} between what are no sums of surprisals")
        return Operation(sign, left, right)

    def _atom(self) -> Formula:
        if self._region is not None:
            region = self._region
            self._next()
            return region
        if self._token[:1].isdigit():
            number = float(self._token)
            self._next()
            return number
        closing = {"(": ")", "[": "]"}.get(self._token)
        if closing is None:
            raise self._fault("stands where a region, a number or a bracket is expected")
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._fault(f"opens more than {_DEEPEST} brackets")
        self._next()
        found = self._any()
        if self._token != closing:
            raise self._fault(f"stands where {closing!r} is expected")
        self._depth -= 1
        self._next()
        return found
