"""Non-monotonically triggered averaging of SGD's iterates (NT-ASGD, Merity et al. 2018, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from rnn_lm.config import TrainingConfig
from rnn_lm.errors import UserError

PREFIX = "average."
"""Begins the names of averaged weights in a checkpoint."""


def should_average(config: TrainingConfig, valid_nlls: Sequence[float]) -> bool:
    """Whether the last of these validations is worse than the best of those ``averaging_window`` or more before it."""
    earlier = valid_nlls[: -config.averaging_window - 1]
    return config.averaging == "non-monotone" and len(earlier) > 0 and valid_nlls[-1] > min(earlier)


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
        """Take in the weights after a step, the ``count``-th since the start."""
        for name, parameter in self._trained.items():
            mean = self._mean[name]
            mean.add_(parameter - mean, alpha=1 / count)

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
