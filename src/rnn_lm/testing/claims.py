"""How a check says that something does not hold, also under ``python -O``."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def claim(holds: bool, message: str) -> None:
    """Raise ``AssertionError`` with ``message`` where something does not hold."""
    if not holds:
        raise AssertionError(message)


def claim_close(found: Iterable[Tensor], expected: Iterable[Tensor], message: str, tolerance: float = 1e-9) -> None:
    """The same where tensors differ, in shape or by more than ``tolerance``."""
    for one, other in zip(found, expected, strict=True):
        claim(one.shape == other.shape, f"{message}: {tuple(one.shape)} is not {tuple(other.shape)}")
        # NaN is close to nothing.
        apart = float((one - other).detach().abs().max()) if one.numel() else 0.0
        claim(bool(torch.isclose(one, other, rtol=tolerance, atol=tolerance).all()), f"{message}: {apart:.2g} apart")
