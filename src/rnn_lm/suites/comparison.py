"""Two models on one suite, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnn_lm.evaluation.student import incomplete_beta
from rnn_lm.suites.scoring import Answers


@dataclass(frozen=True)
class PairedTest:
    """How a model's answers compare with the first model's, pair by pair: McNemar's test, exact.

    Attributes:
        baseline: name of the first model.
        pairs: that both models cover and answer.
        gained: right here, wrong there.
        lost: wrong here, right there.
        p_value: two-sided, of gained and lost under equal chances.
    """

    baseline: str
    pairs: int
    gained: int
    lost: int
    p_value: float

    @classmethod
    def of(cls, name: str, system: Answers, baseline: Answers) -> PairedTest:
        """Return how ``system`` compares with ``baseline``, which is called ``name``."""
        both_q = system.covered_q & baseline.covered_q & (system.right_q >= 0) & (baseline.right_q >= 0)
        here_q, there_q = system.right_q[both_q] == 1, baseline.right_q[both_q] == 1
        gained, lost = int((here_q & ~there_q).sum()), int((~here_q & there_q).sum())
        return cls(name, int(both_q.sum()), gained, lost, binomial_p(gained, lost))

    @property
    def difference(self) -> float | None:
        """In accuracy on those pairs; None where there are none."""
        return (self.gained - self.lost) / self.pairs if self.pairs else None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        facts = {"baseline": self.baseline, "pairs": self.pairs, "gained": self.gained, "lost": self.lost}
        return {**facts, "difference": self.difference, "p_value": self.p_value}


def binomial_p(one: int, other: int) -> float:
    """Return the two-sided p-value of two counts under equal chances: twice the smaller tail, at most 1."""
    least, count = min(one, other), one + other
    # P(X <= k) of Binomial(n, 1/2) is the incomplete beta function I_1/2(n - k, k + 1).
    return min(1.0, 2 * incomplete_beta(count - least, least + 1, 0.5)) if count else 1.0
