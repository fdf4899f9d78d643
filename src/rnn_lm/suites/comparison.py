"""Two models on one suite, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_lm.evaluation.intervals import Interval
from rnn_lm.evaluation.student import incomplete_beta
from rnn_lm.suites.means import mean_over
from rnn_lm.suites.scoring import Answers


@dataclass(frozen=True)
class PairedTest:
    """How a model's answers compare with the first model's, pair by pair: McNemar's test, exact.

    Attributes:
        baseline: name of the first model.
        pairs: that both models cover and answer.
        gained: right here, wrong there.
        lost: wrong here, right there.
        p_value: two-sided, of gained and lost under equal chances: of pairs, as if each were drawn by itself.
        by_paradigm: the mean difference of the paradigms' accuracies on those pairs, with an interval over paradigms.
    """

    baseline: str
    pairs: int
    gained: int
    lost: int
    p_value: float
    by_paradigm: Interval | None = None

    @classmethod
    def of(cls, name: str, system: Answers, baseline: Answers, paradigms: Sequence[str] = ()) -> PairedTest:
        """Return how ``system`` compares with ``baseline``, which is called ``name``.

        Args:
            name: of the baseline.
            system, baseline: answers to the same questions.
            paradigms: each question's, where differences are to be given over paradigms, too.
        """
        both_q = system.covered_q & baseline.covered_q & (system.right_q >= 0) & (baseline.right_q >= 0)
        here_q, there_q = system.right_q[both_q] == 1, baseline.right_q[both_q] == 1
        gained, lost = int((here_q & ~there_q).sum()), int((~here_q & there_q).sum())
        by_paradigm = (
            _over_paradigms(here_q.astype(float) - there_q, np.array(paradigms)[both_q]) if paradigms else None
        )
        return cls(name, int(both_q.sum()), gained, lost, binomial_p(gained, lost), by_paradigm)

    @property
    def difference(self) -> float | None:
        """In accuracy on those pairs; None where there are none."""
        return (self.gained - self.lost) / self.pairs if self.pairs else None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        facts = {"baseline": self.baseline, "pairs": self.pairs, "gained": self.gained, "lost": self.lost}
        facts |= {"difference": self.difference, "p_value": self.p_value}
        if self.by_paradigm is None:
            return facts
        over = self.by_paradigm
        return {**facts, "by_paradigm": {"difference": over.value, "low": over.low, "high": over.high}}


def _over_paradigms(difference_q: np.ndarray, paradigm_q: np.ndarray) -> Interval | None:
    names = list(dict.fromkeys(paradigm_q.tolist()))
    found = mean_over([float(difference_q[paradigm_q == name].mean()) for name in names])
    return None if found.low is None else found


def binomial_p(one: int, other: int) -> float:
    """Return the two-sided p-value of two counts under equal chances: twice the smaller tail, at most 1."""
    least, count = min(one, other), one + other
    # P(X <= k) of Binomial(n, 1/2) is the incomplete beta function I_1/2(n - k, k + 1).
    return min(1.0, 2 * incomplete_beta(count - least, least + 1, 0.5)) if count else 1.0
