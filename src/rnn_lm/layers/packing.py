"""A layer's weights side by side in one piece of memory, in the precision that its kernel runs in.

cuDNN reads a layer's matrices and biases from one block. From weights that lie elsewhere it makes the block anew at
every call, and says so in a warning that nobody asked for; and under autocast it is run in float16 whatever was asked
for. So they are packed here, once a segment: DropConnect's mask applied before, digits as the run has them::

    weight_ih | weight_hh | bias_ih | bias_hh          one tensor, of which each is a view

Gradients flow back through the copy to the parameters, in float32.

Matrix units take numbers of 16 bits by eights. A layer of 1,150 units is therefore packed as one of 1,152,
whose last two have no weights: their gates stand half open on nothing, and their states stay zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

UNITS_16_BIT = 8
"""What sizes of layers in 16 bits are rounded up to a multiple of."""


def product_dtype(like: Tensor) -> torch.dtype:
    """What products are computed in: that of autocast where it is on, which does not reach products into ``out``."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype


def packed(parameters: Sequence[Tensor], digits: torch.dtype) -> list[Tensor]:
    """Return the same numbers in ``digits``, as views of one contiguous tensor, in their order."""
    flat = torch.cat([one.flatten() for one in parameters]).to(digits)
    pieces = flat.split([one.numel() for one in parameters])
    return [piece.view(one.shape) for piece, one in zip(pieces, parameters, strict=True)]


def wider(size: int, digits: torch.dtype) -> int:
    """``size``, or the next larger one that matrix units take without rest in ``digits``."""
    return -(-size // UNITS_16_BIT) * UNITS_16_BIT if digits.itemsize == 2 else size


def padded(parameter: Tensor, gates: int, rows: int, columns: int | None = None) -> Tensor:
    """Give each of a layer's ``gates`` blocks ``rows`` rows, and all of them ``columns`` columns, with zeros.

    Args:
        parameter: a matrix (G H, columns) or a bias (G H).
        gates: G.
        rows: units at last.
        columns: of a matrix at last.
    """
    blocks = parameter.unflatten(0, (gates, -1))
    extra = rows - blocks.shape[1]
    if columns is None:
        return functional.pad(blocks, (0, extra)).flatten() if extra else parameter
    more = columns - parameter.shape[1]
    return functional.pad(blocks, (0, more, 0, extra)).flatten(0, 1) if extra or more else parameter
