"""Timing that can be trusted on a noisy machine: cases take turns within one process, and only ratios are quoted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timings:
    """Seconds of each case, turn by turn.

    Attributes:
        seconds: by case; entry r of every case was measured in the same turn.
    """

    seconds: dict[str, list[float]]

    def median(self, case: str) -> float:
        """Seconds."""
        return median(self.seconds[case])

    def ratio(self, baseline: str, case: str) -> dict[str, float]:
        """How many times faster ``case`` is than ``baseline``: median, lowest and highest over the turns."""
        pairs = zip(self.seconds[baseline], self.seconds[case], strict=True)
        ratios = sorted(before / after for before, after in pairs)
        return {"median": median(ratios), "low": ratios[0], "high": ratios[-1]}

    def noise(self, case: str) -> float:
        """Spread of a case's own times: (highest - lowest) / median."""
        return (max(self.seconds[case]) - min(self.seconds[case])) / self.median(case)


def interleaved(cases: Mapping[str, Callable[[], object]], turns: int) -> Timings:
    """Run every case once to warm up, then all of them in turn, ``turns`` times."""
    for run in cases.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(turns):
        for name, run in cases.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return Timings(seconds)
