"""A layer's weights side by side in one piece of memory, in the precision that its kernel runs in.

cuDNN reads a layer's matrices and biases from one block. From weights that lie elsewhere it makes the block anew at
every call, and says so in a warning that nobody asked for; and under autocast it is run in float16 whatever was asked
for. So they are packed here, once a segment: DropConnect's mask applied before, digits as the run has them::

    weight_ih | weight_hh | bias_ih | bias_hh          one tensor, of which each is a view

Gradients flow back through the copy to the parameters, in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def product_dtype(like: Tensor) -> torch.dtype:
    """What products are computed in: that of autocast where it is on, which does not reach products into ``out``."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype


def packed(parameters: Sequence[Tensor], digits: torch.dtype) -> list[Tensor]:
    """Return the same numbers in ``digits``, as views of one contiguous tensor, in their order."""
    flat = torch.cat([one.to(digits).flatten() for one in parameters])
    pieces = flat.split([one.numel() for one in parameters])
    return [piece.view(one.shape) for piece, one in zip(pieces, parameters, strict=True)]
