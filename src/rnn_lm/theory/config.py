"""Settings of ``rnn-lm theory``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rnn_lm.errors import UserError
from rnn_lm.limits import at_least, check_numbers


@dataclass(frozen=True)
class TheoryConfig:
    """Sizes at which the six exercises are checked, and how long the recall experiment trains."""

    theory_seed: int = 1
    """Seeds weights, inputs and the recall experiment."""
    theory_size: int = 24
    """Hidden units of the networks whose derivatives are checked."""
    theory_steps: int = 40
    """Time steps of those networks."""
    recall_sizes: tuple[int, ...] = (4, 8, 16, 32)
    """Numbers in the recurrent state, one trained network of each kind per size."""
    recall_symbols: int = 32
    """K: how many different symbols there are to remember."""
    recall_length: int = 8
    """The longest list of symbols to remember."""
    recall_task: Literal["order", "pairs"] = "order"
    """What is asked for: the list in its order; or pairs, values by the keys that they came with."""
    recall_updates: int = 1500
    """Training steps per network of the recall experiment."""

    def __post_init__(self) -> None:
        check_numbers(self)
        least = {"theory_seed": 0, "theory_size": 2, "theory_steps": 8, "recall_symbols": 2, "recall_length": 2}
        at_least(self, **least, recall_updates=1)
        if not self.recall_sizes or any(size < 2 or size % 2 for size in self.recall_sizes):
            raise UserError("--recall-sizes takes even numbers from 2 up (the LSTM's state has two halves)")


SMALL = TheoryConfig(recall_sizes=(8, 16), recall_updates=300)
"""What runs inside ``compare``: every identity in full, the recall experiment in brief."""
