"""Settings of ``rnn-lm gradients``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rnn_lm.conditions import only
from rnn_lm.config import Budget
from rnn_lm.errors import UserError
from rnn_lm.limits import at_least, check_numbers


@dataclass(frozen=True)
class GradientsConfig:
    """Which models are looked into, how far back, and how large the clipping experiment is."""

    gradients_seed: int = 1
    """Seeds the models' start and training, and the random directions of the Lyapunov exponents."""
    cells: tuple[str, ...] = field(default=("rnn", "gru", "lstm"), metadata=only(runs=None))
    """Cells to look into, each untrained and trained."""
    probe_size: int = field(default=128, metadata=only(runs=None))
    """Units H, and dimensions of the input vectors, of the models that are trained here."""
    probe_budget: str = field(default="1epochs", metadata=only(runs=None))
    """How long each of them is trained."""
    lags: int = 200
    """The longest lag: steps that the gradient is followed back."""
    warm_up: int = 100
    """Tokens read before that, so that the state is where a text brings it."""
    positions: int = 64
    """Places in the valid text over which norms by lag are averaged."""
    bptt_lengths: tuple[int, ...] = (1, 2, 3, 5, 7, 10, 15, 20, 35, 50, 70, 100, 150, 200)
    """Lengths of truncation at which the share of the gradient that is cut off is given."""
    trajectories: int = 4
    """Positions for which Lyapunov exponents and Jacobian products are computed."""
    exponents: int = 1024
    """Exponents computed at most, from the largest down; there is one per unit, and two for the LSTM's."""
    jacobians: int = 40
    """Consecutive tokens whose one-step Jacobian's eigenvalues and singular values are computed."""
    clipping_seeds: int = 5
    """Runs of each kind in the clipping experiment."""
    clipping_steps: int = 120
    """Training steps of each run."""

    def __post_init__(self) -> None:
        check_numbers(self)
        Budget.parse(self.probe_budget)
        least = {"gradients_seed": 0, "probe_size": 2, "lags": 4, "warm_up": 1, "positions": 2, "trajectories": 1}
        least |= {"exponents": 1, "jacobians": 1, "clipping_seeds": 1, "clipping_steps": 20}
        at_least(self, **least)
        if not self.cells:
            raise UserError("--cells needs at least one cell, e.g. lstm")
        if not self.bptt_lengths or min(self.bptt_lengths) < 1:
            raise UserError("--bptt-lengths needs lengths of at least 1")
        if self.trajectories > self.positions:
            raise UserError("--trajectories must not exceed --positions: they are some of them")
        if self.jacobians > self.lags:
            raise UserError("--jacobians must not exceed --lags: they are the last of these steps")


def for_compare(config: GradientsConfig | None = None) -> GradientsConfig:
    """The small budget that ``rnn-lm compare`` spends on this: its own three models are larger but need no training."""
    return replace(
        config or GradientsConfig(),
        lags=60, warm_up=30, positions=16, trajectories=1, jacobians=6, clipping_seeds=2, clipping_steps=40,
    )  # fmt: skip
