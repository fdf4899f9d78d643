"""The mean of the weights over a run's later steps (Polyak and Juditsky 1992), and when it begins.

Either at the first validation that shows no progress (non-monotone: NT-ASGD, Merity et al. 2018, Algorithm 1) or for
the last share of the budget, whatever validations say (tail)::

    steps    1 2 3 4 5 6 7 8 9 10                budget 10 steps, share 0.3
    mean                   8 9 10                of the weights after these
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError
from rnn_lm.training.position import Position

PREFIX = "average."
"""Begins the names of averaged weights in a checkpoint."""


def should_average(config: TrainingConfig, valid_nlls: Sequence[float]) -> bool:
    """Whether the last of these validations is worse than the best of those ``averaging_window`` or more before it."""
    earlier = valid_nlls[: -config.averaging_window - 1]
    return config.averaging == "non-monotone" and len(earlier) > 0 and valid_nlls[-1] > min(earlier)


def in_tail(config: TrainingConfig, position: Position) -> bool:
    """Whether the weights after the last step belong to the tail that is averaged; never before there is a plan."""
    if config.averaging != "tail" or position.total_steps is None:
        return False
    return position.step > round(position.total_steps * (1 - config.averaging_share))


class WeightAverage:
    """The mean of a model's weights over the steps since ``start``; until then, nothing.

    Args:
        model: whose trained parameters are averaged; the mean never flows back into its training.
    """

    def __init__(self, model: nn.Module) -> None:
        self._trained = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self._mean: dict[str, Tensor] = {}

    @property
    def started(self) -> bool:
        """Whether there is a mean."""
        return bool(self._mean)

    @torch.no_grad()
    def start(self) -> None:
        """Begin with the weights as they are, which the next step's replace: they are the mean of no steps yet."""
        self._mean = {name: parameter.detach().clone() for name, parameter in self._trained.items()}

    @torch.no_grad()
    def add(self, count: int) -> None:
        """Take in the weights after a step, the ``count``-th since the start; by few kernels, and nothing is read."""
        means = [self._mean[name] for name in self._trained]
        changes = torch._foreach_sub(list(self._trained.values()), means)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_add_(means, changes, alpha=1 / count)  # pyright: ignore[reportPrivateImportUsage]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights within, if there are any, and its own to the bit after."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, mean in self._mean.items():
            parameter = self._trained[name]
            own = parameter.clone()
            parameter.copy_(mean)
            mean.copy_(own)

    def tensors(self) -> dict[str, Tensor]:
        """The mean as named tensors, for a checkpoint."""
        return {f"{PREFIX}{name}": mean for name, mean in self._mean.items()}

    def restore(self, tensors: dict[str, Tensor], path: Path) -> None:
        """Put back what ``tensors`` took; raises ``UserError`` where it does not fit the model."""
        mean = {name.removeprefix(PREFIX): one for name, one in tensors.items() if name.startswith(PREFIX)}
        expected = {name: one.shape for name, one in self._trained.items()}
        if mean and {name: one.shape for name, one in mean.items()} != expected:
            raise UserError(f"{path}: its averaged weights do not fit the model; wrong file?")
        self._mean = mean
