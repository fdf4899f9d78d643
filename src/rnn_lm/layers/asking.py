"""Questions about numbers that a device may still be computing.

A program hands an accelerator its work and goes on. Whoever asks for a number (``bool``, ``float``, ``item``) waits
until all that was handed over is done, and then hands over more to a device that stands idle. So nothing asks within a
training step: where the CPU looks before it takes the longer of two ways, an accelerator takes the longer one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def answers_late(device: torch.device) -> bool:
    """Whether asking for a number means to wait for ``device``: for all but the CPU."""
    return device.type != "cpu"


def maybe(condition: Tensor) -> bool:
    """Whether any entry is true; on an accelerator yes, unseen.

    For choices between two ways to the same numbers, of which the one for yes is longer and right in any case.
    """
    return answers_late(condition.device) or bool(condition.any())


def known_one(device: torch.device) -> Tensor:
    """A tensor without dimensions that holds 1, of which ``is_known_one`` knows without a look at it."""
    one = torch.ones((), device=device)
    one.known_one = True  # pyright: ignore[reportAttributeAccessIssue]
    return one


def is_known_one(factor: Tensor) -> bool:
    """Whether ``factor`` is what ``known_one`` made, itself and no copy; what is not may be 1 as well."""
    return getattr(factor, "known_one", False)
