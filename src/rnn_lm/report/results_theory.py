"""The ``theory`` part of a results file, read: where entries that are each as expected do not go together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from rnn_lm.schema import first_problem
from rnn_lm.theory.mathml import to_mathml
from rnn_lm.theory.results import CURVES, ClippingCurves, Network, TheoryPart

LONGEST_FORMULA = 400
"""Characters of a formula; the longest of ours has about a hundred."""


def inconsistencies(part: TheoryPart) -> Iterator[str]:
    """Where entries that are each as expected do not go together."""
    names = [exercise["name"] for exercise in part["exercises"]]
    if len(set(names)) < len(names):
        yield "exercises: two have the same name"
    for index, exercise in enumerate(part["exercises"]):
        where = f"exercises[{index}]"
        for number, statement in enumerate(exercise["statements"]):
            if not _is_formula(statement["formula"]):
                yield f"{where}.statements[{number}].formula is none"
        curves = exercise["curves"]
        problem = first_problem(curves, CURVES[exercise["name"]], f"{where}.curves")
        if problem:
            yield problem
            return
        empty = [name for name, value in curves.items() if isinstance(value, list) and not value]
        if empty:
            yield f"{where}.curves.{empty[0]} is empty"
            return
        if exercise["name"] == "clipping":
            yield from _landscape_inconsistencies(cast(ClippingCurves, curves), f"{where}.curves")
        if exercise["name"] == "capacity":
            yield from _recall_inconsistencies(curves["recall"], f"{where}.curves.recall")


def _is_formula(formula: str) -> bool:
    if len(formula) > LONGEST_FORMULA:
        return False
    try:
        to_mathml(formula)
    except (ValueError, RecursionError):
        return False
    return True


def _landscape_inconsistencies(curves: ClippingCurves, where: str) -> Iterator[str]:
    grid = curves["landscape"]
    if min(len(grid["w"]), len(grid["b"])) < 2 or len(grid["loss"]) != len(grid["w"]):
        yield f"{where}.landscape is no grid"
    elif any(len(row) != len(grid["b"]) for row in grid["loss"]):
        yield f"{where}.landscape.loss is no grid"
    if not any(point["clip"] == "none" for point in curves["paths"]):
        yield f"{where}.paths lacks the one without clipping"


def _recall_inconsistencies(networks: list[Network], where: str) -> Iterator[str]:
    recurrent = [network for network in networks if network["name"] != "attention"]
    rounded = [point["state_bits"] for network in networks for point in network["by_rounding"]]
    if not recurrent or not any(network["by_length"] for network in recurrent) or not rounded:
        yield f"{where} lacks the recurrent networks' points"
    elif min(rounded) < 1:
        yield f"{where}: a state has less than one bit"
