"""How far a training run is."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Position:
    """How far a run is: all that is not a tensor, as it stands in a checkpoint."""

    step: int = 0
    total_steps: int | None = None
    seconds: float = 0.0
    tokens: int = 0
    best_valid_nll: float = math.inf
    best_step: int = 0
    stale_validations: int = 0
    reductions: int = 0
    exact_nll_sum: float = 0.0
    exact_tokens: int = 0
    averaged_steps: int = 0

    @property
    def finished(self) -> bool:
        """Whether the planned steps are done."""
        return self.total_steps is not None and self.step >= self.total_steps

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, which have no infinity."""
        return {**asdict(self), "best_valid_nll": None if math.isinf(self.best_valid_nll) else self.best_valid_nll}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Position:
        """What ``to_json`` was made from."""
        best = values["best_valid_nll"]
        return cls(**{**values, "best_valid_nll": math.inf if best is None else best})
