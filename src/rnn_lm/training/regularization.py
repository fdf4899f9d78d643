"""Activation regularization, AR and TAR (Merity et al. 2017; Merity et al. 2018, Section 4.6)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import TrainingConfig


def penalizes(config: TrainingConfig) -> bool:
    """Whether there is anything to add to the loss."""
    return config.activation_penalty > 0 or config.temporal_penalty > 0


def activation_penalty(
    hidden_tbh: Float[Tensor, "T B H"], dropped_tbh: Float[Tensor, "T B H"], config: TrainingConfig
) -> Float[Tensor, ""]:
    """What the sizes of the last layer's outputs, and their changes from step to step, add to the loss.

    alpha mean(dropped^2) + beta mean((h_{t+1} - h_t)^2), both means over all elements; a segment of one row has no
    changes.

    Args:
        hidden_tbh: as the layer left them.
        dropped_tbh: the same after dropout.
        config: alpha and beta.
    """
    penalty = config.activation_penalty * dropped_tbh.square().mean()
    if config.temporal_penalty > 0 and len(hidden_tbh) > 1:
        penalty = penalty + config.temporal_penalty * (hidden_tbh[1:] - hidden_tbh[:-1]).square().mean()
    return penalty
