"""Dropout of neural language models: which entries of one segment's signals and matrices are left out."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

LEAST_OF_16_BITS = 2**-10
"""The least share of either kind of entry where 16 random bits decide on each: it is met to within a hundredth."""


class DropoutMasks(NamedTuple):
    """One segment's dropout. Entries are 0 or 1 / (1 - p).

    The first three are fixed over the segment's time steps (Gal and Ghahramani 2016), or (``--dropout-masks step``)
    have T as their first dimension.

    Attributes:
        input_be: multiplies the embedded input.
        between_lbh: multiplies the output of each layer but the last.
        output_bh: multiplies what the decoder reads.
        recurrent_l: one mask per layer for its hidden-to-hidden matrix (Merity et al. 2018).
        embedding_v: multiplies the input vector of each word type.
        state_lbh: one mask per layer for its hidden state where the next step reads it; fixed or not as the first
            three.
    Where a probability is 0 its entry is None (or empty), and nothing is multiplied.
    """

    input_be: Tensor | None
    between_lbh: tuple[Tensor | None, ...]
    output_bh: Tensor | None
    recurrent_l: tuple[Tensor | None, ...]
    embedding_v: Tensor | None = None
    state_lbh: tuple[Tensor | None, ...] = ()

    def part(self, columns: slice, device: torch.device) -> DropoutMasks:
        """The masks of some of the columns, on ``device``; those of matrices are the same for all columns."""

        def cut(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else mask[..., columns, :].to(device)

        return DropoutMasks(
            cut(self.input_be),
            tuple(map(cut, self.between_lbh)),
            cut(self.output_bh),
            tuple(None if mask is None else mask.to(device) for mask in self.recurrent_l),
            None if self.embedding_v is None else self.embedding_v.to(device),
            tuple(map(cut, self.state_lbh)),
        )


def drop_output(hidden_tbh: Float[Tensor, "T B H"], masks: DropoutMasks | None) -> Float[Tensor, "T B H"]:
    """The last layer's output after dropout."""
    return hidden_tbh if masks is None else times(hidden_tbh, masks.output_bh)


def draw_mask(shape: tuple[int, ...] | torch.Size, probability: float, generator: torch.Generator) -> Tensor | None:
    """Entries 0 with ``probability``, else 1 / (1 - probability); None where none is left out.

    Drawn where the generator is: on a device of its own nothing is copied there. The CPU's generator gives one number
    after the other, for which a large matrix takes longer than for its products in bfloat16: there, under autocast,
    four entries share a number.
    """
    if probability == 0:
        return None
    seldom = min(probability, 1 - probability) < LEAST_OF_16_BITS
    if generator.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not seldom:
        kept = _kept_by_16_bits(shape, 1 - probability, generator)
    else:
        kept = torch.empty(shape, device=generator.device).bernoulli_(1 - probability, generator=generator)
    return kept.div_(1 - probability)


def _kept_by_16_bits(shape: tuple[int, ...] | torch.Size, share: float, generator: torch.Generator) -> Tensor:
    """Ones with probability ``share``, to the nearest of 65,536 values, else zeros."""
    count = math.prod(shape)
    numbers = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    below = round(share * 2**16) - 2**15  # of the numbers -2^15 ... 2^15 - 1, each as likely
    return (numbers.view(torch.int16)[:count] < below).to(torch.float32).view(shape)


def times(signal: Tensor, mask: Tensor | None) -> Tensor:
    """``signal`` times its mask, where there is one."""
    return signal if mask is None else signal * mask
