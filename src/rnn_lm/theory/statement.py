"""A claim of the theory beside what was measured, and whether the two agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_lm.theory.mathml import to_mathml
from rnn_lm.theory.results import Relation, StatementJson

EXACT = 1e-10
"""Tolerance of an identity between two float64 computations: a hundred times tighter than the 1e-8 we promise."""


@dataclass(frozen=True)
class Statement:
    """One line of a derivation, predicted and measured.

    Attributes:
        name: what is claimed, in a few words.
        formula: the claim in the linear notation of ``theory.mathml``: readable as it stands, and as MathML.
        relation: how ``measured`` must stand to ``predicted``.
        predicted: the figure that the formula gives (of tensors: their Euclidean norm).
        measured: the figure that was measured, in the same unit.
        error: for an equality, the relative distance of the two (of tensors: of all their elements taken as one
            vector); for a bound, by how much of itself it is exceeded, 0 where it holds.
        tolerance: the largest error with which the statement still holds.
        detail: what was computed on what, with sizes.
    """

    name: str
    formula: str
    relation: Relation
    predicted: float
    measured: float
    error: float
    tolerance: float
    detail: str

    @property
    def holds(self) -> bool:
        """Whether prediction and measurement agree; never true of a NaN."""
        return self.error <= self.tolerance

    def to_json(self) -> StatementJson:
        """Plain values for results.json, with the verdict and the formula as MathML."""
        return {
            "name": self.name,
            "formula": self.formula,
            "relation": self.relation,
            "predicted": _for_json(self.predicted),
            "measured": _for_json(self.measured),
            "error": _for_json(self.error),
            "tolerance": self.tolerance,
            "detail": self.detail,
            "holds": self.holds,
            "mathml": to_mathml(self.formula),
        }


def equal(
    name: str,
    formula: str,
    predicted: Tensor | float,
    measured: Tensor | float,
    detail: str,
    tolerance: float = EXACT,
) -> Statement:
    """``measured`` equals ``predicted``: elementwise, up to ``tolerance`` times the norm of ``predicted``.

    Raises:
        ValueError: the shapes differ, so that the two are not about the same thing.
    """
    left, right = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (predicted, measured))
    if left.shape != right.shape:
        raise ValueError(f"{name}: predicted {tuple(left.shape)} and measured {tuple(right.shape)} differ in shape")
    distance = float(torch.linalg.vector_norm(left - right))
    scale = float(torch.linalg.vector_norm(left))
    error = distance / scale if scale > 0 else distance
    return Statement(name, formula, "=", _figure(left), _figure(right), error, tolerance, detail)


def at_most(name: str, formula: str, bound: float, measured: float, detail: str) -> Statement:
    """``measured`` does not exceed ``bound``, but for rounding."""
    return Statement(name, formula, "≤", bound, measured, _excess(measured - bound, bound), EXACT, detail)


def at_least(name: str, formula: str, bound: float, measured: float, detail: str) -> Statement:
    """``measured`` does not fall below ``bound``, but for rounding."""
    return Statement(name, formula, "≥", bound, measured, _excess(bound - measured, bound), EXACT, detail)


def _excess(beyond: float, bound: float) -> float:
    if math.isnan(beyond):
        return math.nan
    return max(beyond, 0.0) / max(abs(bound), 1.0)


def _figure(value: Tensor) -> float:
    return float(value) if value.numel() == 1 else float(torch.linalg.vector_norm(value))


def _for_json(value: float) -> float | str:
    """JSON has no word for infinity and NaN: they stand there as text."""
    return value if math.isfinite(value) else str(value)
