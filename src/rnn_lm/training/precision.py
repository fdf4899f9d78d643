"""What products are computed in, where that is left to the machine: whichever is quicker here.

bfloat16 has the range of float32 and 8 of its 24 binary digits. A processor that has instructions for it (AVX-512 BF16,
AMX) multiplies several times as fast; one that has not converts back and forth, and is slower. What a whole step gains
depends on the model as well, so that is what is timed: where the budget is a time, or ``fastest`` asks for speed.
A run of ``auto`` whose budget is a number of steps or epochs is to give the same figures anywhere: in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from rnn_lm.config import Budget, Precision
from rnn_lm.runtime import Runtime

PAYS = 1.1
"""Times as fast that a step must be in bfloat16: less is not worth the digits."""
ROUNDS = 3
"""Times that a step is timed in each precision, by turns; the quickest counts: what else runs only adds."""


class Choice(NamedTuple):
    """What was chosen, and why.

    Attributes:
        precision: of products.
        speed: of a step in bfloat16, that in float32 being 1; None where nothing had to be timed.
    """

    precision: Precision
    speed: float | None = None

    def __str__(self) -> str:
        what = "bfloat16" if self.precision == "bf16-mixed" else "float32"
        assert self.speed is not None
        return f"precision   products in {what}: a step with those in bfloat16 is {self.speed:.2g} times as fast here"


def choose_precision(budget: str, runtime: Runtime, step: Callable[[Runtime], None]) -> Choice:
    """What ``--precision auto`` or ``fastest`` stands for; in several processes all choose what the first one does.

    Args:
        budget: of the run.
        runtime: where it computes, and which of the two was asked for.
        step: computes a step's loss and gradients with a runtime, and leaves no trace.
    """
    fastest = runtime.precision == "fastest"
    if runtime.device.type != "cpu":
        return Choice("bf16-mixed" if fastest and runtime.device.type == "cuda" else "32-true")
    if not fastest and Budget.parse(budget).unit != "seconds":
        return Choice("32-true")
    modes = {precision: runtime.in_precision(precision) for precision in ("32-true", "bf16-mixed")}
    seconds: dict[str, list[float]] = {precision: [] for precision in modes}
    for turn in range(ROUNDS + 1):
        for precision, mode in modes.items():
            started = time.perf_counter()
            step(mode)
            if turn:  # the first one warms up
                seconds[precision].append(time.perf_counter() - started)
    speed = min(seconds["32-true"]) / min(seconds["bf16-mixed"])
    return runtime.from_first(Choice("bf16-mixed" if speed >= PAYS else "32-true", speed))
