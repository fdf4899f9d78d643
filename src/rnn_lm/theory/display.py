"""The theory's results as lines for a terminal: one per statement, more where one does not hold."""

from __future__ import annotations

from collections.abc import Iterator

from rnn_lm.theory.mathml import to_text
from rnn_lm.theory.results import StatementJson, TheoryPart

NAME_WIDTH = 64


def lines(results: TheoryPart) -> Iterator[str]:
    """Every statement under its exercise: measured, how it must stand to predicted, predicted, and the error."""
    for number, exercise in enumerate(results["exercises"], start=1):
        heading = f"{number}. {exercise['title']} (docs/theory/{exercise['page']})"
        yield f"{heading:<{NAME_WIDTH + 9}}  {'measured':>11}   {'predicted':<11}  error"
        for statement in exercise["statements"]:
            yield from _statement(statement)
        yield ""
    yield summary(results)


def summary(results: TheoryPart) -> str:
    """How many statements hold."""
    verdicts = [statement["holds"] for exercise in results["exercises"] for statement in exercise["statements"]]
    wrong = len(verdicts) - sum(verdicts)
    if wrong:
        return f"{wrong} of {len(verdicts)} statements do not hold"
    return f"all {len(verdicts)} statements hold"


def _row(mark: str, name: str, measured: str, relation: str, predicted: str, error: str) -> str:
    return f"  {mark:<5}  {name:<{NAME_WIDTH}}  {measured:>11} {relation} {predicted:<11}  {error}".rstrip()


def _statement(statement: StatementJson) -> Iterator[str]:
    mark = "holds" if statement["holds"] else "WRONG"
    measured, predicted, error = (_figure(statement[side]) for side in ("measured", "predicted", "error"))
    exact = statement["relation"] == "="
    yield _row(mark, statement["name"], measured, statement["relation"], predicted, error if exact else "")
    if not statement["holds"]:
        yield f"         {to_text(statement['formula'])}"
        yield f"         {statement['detail']}; error {error}, allowed {statement['tolerance']:g}"


def _figure(value: float | str) -> str:
    """A number that was stored; one that JSON has no word for was stored as text."""
    return value if isinstance(value, str) else f"{value:.5g}"
