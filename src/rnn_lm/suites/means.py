"""Shares and means with intervals: over pairs (Wilson), and over groups of pairs (Student)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from rnn_lm.evaluation.intervals import FEWEST, Interval
from rnn_lm.evaluation.student import critical

_Z = 1.959963984540054
"""Standard normal quantile of a two-sided interval of 95 %."""


def mean_over(values: Sequence[float]) -> Interval:
    """Return the mean of some groups' accuracies with Student's interval of 95 % over groups.

    It is about more groups of the kind: pairs of one template are alike, and their number says little of that. Of fewer
    than 4 groups there is a mean alone; nan where one has no answer.
    """
    mean = sum(values) / len(values) if values else math.nan
    if len(values) < FEWEST or math.isnan(mean):
        return Interval(mean, None, None, len(values), "too few groups" if len(values) < FEWEST else "no answer")
    reach = critical(0.05, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(mean, mean - reach, mean + reach, len(values))


def wilson(right: int, count: int) -> Interval:
    """Return a share with Wilson's interval of 95 %."""
    if not count:
        return Interval(math.nan, None, None, 0, "no answer")
    share = right / count
    scale = 1 + _Z * _Z / count
    middle = (share + _Z * _Z / (2 * count)) / scale
    reach = _Z / scale * math.sqrt(share * (1 - share) / count + _Z * _Z / (4 * count * count))
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach), count)
