"""What `rnn-lm theory` prints."""

from __future__ import annotations

import math

from rnn_lm.theory.display import lines
from rnn_lm.theory.statement import Statement, at_most, equal


def printed(*statements: Statement) -> list[str]:
    exercise = {"title": "A title", "page": "1-bptt.md", "statements": [one.to_json() for one in statements]}
    return list(lines({"exercises": [exercise]}))  # pyright: ignore


def test_a_statement_that_holds_takes_one_line_with_both_figures() -> None:
    first, line, _, last = printed(at_most("a bound", "a ≤ b", 3.0, 2.5, "on what"))
    assert first.split() == ["1.", "A", "title", "(docs/theory/1-bptt.md)", "measured", "predicted", "error"]
    assert line.split() == ["holds", "a", "bound", "2.5", "≤", "3"]
    assert last == "all 1 statements hold"


def test_a_statement_that_fails_shows_its_formula_and_what_it_was_tried_on() -> None:
    _, line, formula, detail, _, last = printed(equal("one is two", "{a}//{b} = 2", 2.0, 1.0, "on what"))
    assert "WRONG" in line
    assert formula.strip() == "a/b = 2"
    assert detail.strip() == "on what; error 0.5, allowed 1e-10"
    assert last == "1 of 1 statements do not hold"


def test_figures_that_are_not_finite_are_printed() -> None:
    _, line, *_ = printed(equal("infinite", "a = b", math.inf, 1.0, ""))
    assert "inf" in line
