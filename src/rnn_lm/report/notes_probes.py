"""Why a claim about the long-range probe is not supported, read off the curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = 0.97
"""From this accuracy on at the longest distance, nothing was lost that could be called a fall."""
_LEARNED, _NOT_LEARNED = 0.9, 0.7
"""A seed has not learned the task where its accuracy at the longest distance is below the second of these and another
seed of the same model reaches the first."""


def undecided_because(probe: Mapping[str, Any]) -> list[str]:
    """What the curves themselves say about claims that are not supported, a paragraph each; none where all are."""
    if all(claim["verdict"] in ("supported", "not tested") for claim in probe["claims"]):
        return []
    labels = {model["name"]: model["label"] for model in probe["models"]}
    last = {curve["model"]: curve["points"][-1] for curve in probe["curves"]}
    reasons = []
    kept = [name for name in ("rnn", "lstm") if name in last and last[name]["accuracy"] >= _KEPT]
    if len(kept) == 2:
        reasons.append(
            "Neither the RNN nor the LSTM loses anything here that could fall: one thing has to be kept, and a tanh "
            "network that is tuned like the others learns to latch it. What separates the cells is having to keep "
            "several things at once."
        )
    for name, point in last.items():
        failed = [accuracy for accuracy in point["per_seed"] if accuracy < _NOT_LEARNED]
        if failed and max(point["per_seed"]) >= _LEARNED:
            reasons.append(
                f"{labels[name]}: {len(failed)} of {len(point['per_seed'])} seeds did not learn the task at distance "
                f"{point['distance']}, while others reach {max(point['per_seed']):.0%}; that makes the interval over "
                "seeds wide, and says more about training than about memory."
            )
    return reasons
