"""Formulas written once, on one line, and shown twice: as they stand in a terminal, as MathML in the report.

Browsers draw MathML by themselves, so that the report needs no script and no network. The notation is a small part of
what one would type anyway::

    ∂h_T/∂h_k = ∏_{t=k+1}^{T} diag(1 - h_t^2) W_hh

- letters and digits in a row are one name or number: ``W_hh``, ``tanh``, ``0.5``; one letter alone is set in italics;
- ``_`` and ``^`` attach a subscript and a superscript: one atom, or a group in braces;
- ``{a}//{b}`` is a fraction of two groups, drawn one above the other; a single ``/`` stays a slash;
- ``√{a}`` is a root; every other character stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_TOKEN = re.compile(r"\s+|//|[A-Za-zα-ωΑ-Ω]+'*|\d+(?:\.\d+)?|.")
_SINGLE = re.compile(r"\{(\([^\s{}()]*\)|[^\s{}=+\-·,:/≤()]+)\}")
_BIG = frozenset("∏∑")
_FENCES = frozenset("()[]|‖⌊⌋")


def to_mathml(formula: str) -> str:
    """``formula`` as one ``<math>`` element.

    Raises:
        ValueError: braces do not match, or a script or a fraction lacks a part.
    """
    tokens = [token for token in _TOKEN.findall(formula) if not token.isspace()]
    parser = _Parser(formula, tokens)
    row = parser.row()
    if parser.peek() is not None:
        raise parser.error("a closing brace without an opening one")
    label = escape(to_text(formula), quote=True)
    return f'<math display="block" aria-label="{label}">{row}</math>'


def to_text(formula: str) -> str:
    """``formula`` for a terminal: fractions on one line, and parentheses only around groups of several parts."""
    bare, before = formula.replace("//", "/"), ""
    while bare != before:  # groups may hold groups
        bare, before = _SINGLE.sub(lambda match: match[1], bare), bare
    return bare.replace("{", "(").replace("}", ")")


class _Parser:
    """Recursive descent over the tokens; each method consumes what it returns the MathML of."""

    def __init__(self, formula: str, tokens: list[str]) -> None:
        self._formula = formula
        self._tokens = tokens
        self._next = 0

    def peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def error(self, what: str) -> ValueError:
        return ValueError(f"formula {self._formula!r}: {what}")

    def row(self) -> str:
        """Terms up to the end or to the brace that closes this group."""
        return "<mrow>" + "".join(self._terms()) + "</mrow>"

    def _terms(self) -> Iterator[str]:
        while self.peek() not in (None, "}"):
            yield self._term()

    def _term(self) -> str:
        """An atom with its scripts, or a fraction."""
        big = self.peek() in _BIG
        base = self._atom()
        if self.peek() == "//":
            self._take()
            return f"<mfrac>{base}{self._atom()}</mfrac>"
        lower = self._script("_")
        upper = self._script("^")
        below, above, both = ("munder", "mover", "munderover") if big else ("msub", "msup", "msubsup")
        if lower and upper:
            return f"<{both}>{base}{lower}{upper}</{both}>"
        if lower:
            return f"<{below}>{base}{lower}</{below}>"
        return f"<{above}>{base}{upper}</{above}>" if upper else base

    def _script(self, mark: str) -> str:
        if self.peek() != mark:
            return ""
        self._take()
        return self._atom()

    def _atom(self) -> str:
        token = self._take()
        if token == "{":
            inner = self.row()
            if self.peek() != "}":
                raise self.error("an opening brace is not closed")
            self._take()
            return inner
        if token in ("_", "^", "//", "}"):
            raise self.error(f"{token!r} has nothing to attach to")
        if token == "√":
            return f"<msqrt>{self._atom()}</msqrt>"
        return _leaf(token)

    def _take(self) -> str:
        token = self.peek()
        if token is None:
            raise self.error("it ends where something should follow")
        self._next += 1
        return token


def _leaf(token: str) -> str:
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token[0].isalpha():
        name = token.rstrip("'")
        return f"<mi>{name}{'′' * (len(token) - len(name))}</mi>"
    if token in _FENCES:
        return f'<mo stretchy="false">{token}</mo>'
    return f"<mo>{escape(token.replace('-', '−'))}</mo>"
