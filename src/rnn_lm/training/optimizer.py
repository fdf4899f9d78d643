"""Optimizer, learning-rate schedule and gradient clipping."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from rnn_lm.config import TrainingConfig


def build_optimizer(model: nn.Module, config: TrainingConfig, recorded: bool = False) -> torch.optim.Optimizer:
    """The optimizer over what is to be trained; weight decay applies to matrices and not to biases.

    ``recorded``: its steps are to be played from a recording, so that the learning rate is a tensor on the device.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if config.weight_decay == 0:  # one group, in the same order, is one kernel where a device has it
        groups = [{"params": [p for group in groups for p in group["params"]], "weight_decay": 0.0}]
    rate = torch.tensor(config.learning_rate, device=trained[0].device) if recorded else config.learning_rate
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=config.momentum, fused=True)
    betas = (config.adam_beta1, config.adam_beta2)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=rate, betas=betas, fused=True, capturable=recorded)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step, where the optimizer keeps it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def learning_rate(config: TrainingConfig, progress: float, reductions: int = 0, epoch: int = 0) -> float:
    """The learning rate when ``progress`` (0 to 1) of the budget is done.

    Rises linearly over ``warmup``; then falls to a hundredth of the peak along a cosine or a line, stays constant, or
    (plateau) has been divided by 4 at each of ``reductions`` validations that brought no improvement, or (decay) is
    divided by ``decay_factor`` once for each epoch past the first ``decay_after``, ``epoch`` being the number of whole
    epochs done (Zaremba et al. 2014, Section 4.1).
    """
    if progress < config.warmup:
        return config.learning_rate * (progress + 1e-3) / (config.warmup + 1e-3)
    if config.schedule == "plateau":
        return config.learning_rate / 4.0 ** min(reductions, 500)  # more would be beyond a float
    if config.schedule == "decay":
        divisions = max(0, epoch + 1 - config.decay_after)
        try:
            return config.learning_rate / config.decay_factor**divisions
        except OverflowError:
            return 0.0
    remaining = (1 - progress) / (1 - config.warmup)
    shape = {"constant": 1.0, "linear": remaining, "cosine": (1 - math.cos(math.pi * remaining)) / 2}[config.schedule]
    return config.learning_rate * max(shape, 0.01)


def global_norm(gradients: list[Tensor]) -> float:
    """Euclidean norm of all gradients taken as one vector."""
    return float(torch.linalg.vector_norm(norms_of(gradients)))


def clip_unread(
    optimizer: torch.optim.Optimizer, gradients: list[Tensor], norms_k: Tensor, config: TrainingConfig
) -> Tensor:
    """Clip as ``clip_gradients`` does, by norms that the device has not told yet; no number is asked for.

    By norm, the optimizer is told what to divide gradients by when it reads them next, as it is for a scaled loss: they
    are clipped once it has taken its step.

    Args:
        optimizer: fused, as ``build_optimizer`` makes it.
        gradients: of all parameters.
        norms_k: norms whose root of the sum of squares is that of all gradients.
        config: how to clip.

    Returns:
        The global norm afterwards, as a tensor without dimensions.
    """
    norm = torch.linalg.vector_norm(norms_k)
    if config.clip == "norm":
        divisor = (norm / config.clip_threshold).clamp_(min=1.0)
        if norm.device.type == "mps":  # whose fused optimizers divide by nothing
            torch._foreach_div_(gradients, divisor)  # pyright: ignore[reportPrivateImportUsage]
        else:
            optimizer.grad_scale = divisor.float()  # pyright: ignore[reportAttributeAccessIssue]
        return norm.clamp(max=config.clip_threshold)
    if config.clip == "value":
        torch._foreach_clamp_min_(gradients, -config.clip_threshold)  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_clamp_max_(gradients, config.clip_threshold)  # pyright: ignore[reportPrivateImportUsage]
        return torch.linalg.vector_norm(norms_of(gradients))
    return norm


def norms_of(gradients: list[Tensor]) -> Tensor:
    """The Euclidean norm of each gradient, by one kernel for all of them where the device has it; nothing is read."""
    return torch.stack(torch._foreach_norm(gradients))  # pyright: ignore[reportPrivateImportUsage]


def clip_gradients(gradients: list[Tensor], norm: float, config: TrainingConfig) -> float:
    """Clip in place; returns the global norm afterwards (Pascanu et al. 2013, Section 3.2).

    By norm, all gradients are multiplied by threshold / norm where that is below 1: the direction is kept. By value,
    each element is limited by itself, which turns the direction. ``norm`` is the global norm before.
    """
    if config.clip == "norm" and norm > config.clip_threshold:
        for gradient in gradients:
            gradient.mul_(config.clip_threshold / norm)
        return config.clip_threshold
    if config.clip == "value":
        for gradient in gradients:
            gradient.clamp_(-config.clip_threshold, config.clip_threshold)
        return global_norm(gradients)
    return norm
