"""How far a training run is."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from rnn_lm.errors import UserError
from rnn_lm.schema import first_problem


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

    def advance(self, tokens: int) -> None:
        """Count a step of ``tokens`` targets."""
        self.step += 1
        self.tokens += tokens

    def add_nll(self, tokens: int, exact_nll: float) -> None:
        """Count the mean NLL in nats, computed exactly, of ``tokens`` targets."""
        self.exact_nll_sum += exact_nll * tokens
        self.exact_tokens += tokens

    def take_train_nll(self) -> float | None:
        """Mean NLL of the exact steps since this was asked last, in nats; None where there were none."""
        mean = self.exact_nll_sum / self.exact_tokens if self.exact_tokens else None
        self.exact_nll_sum, self.exact_tokens = 0.0, 0
        return mean

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, which have no infinity."""
        return {**asdict(self), "best_valid_nll": None if math.isinf(self.best_valid_nll) else self.best_valid_nll}

    @classmethod
    def from_json(cls, values: dict[str, Any], source: str) -> Position:
        """What ``to_json`` was made from; raises ``UserError`` naming ``source`` where that cannot be."""
        best = values.get("best_valid_nll")
        values = {**values, "best_valid_nll": math.inf if best is None else best}
        problem = first_problem(values, cls)
        if problem is None:
            known = {field.name for field in fields(cls)}
            odd = [name for name, value in values.items() if name not in known or (value is not None and value < 0)]
            problem = f"{odd[0][:60]} cannot be so" if odd else None
        if problem is not None:
            raise UserError(f"{source}: position: {problem}; the file is damaged")
        return cls(**values)
