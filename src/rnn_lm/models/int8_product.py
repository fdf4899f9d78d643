"""Products of a matrix with one vector, both in 8 bits: whole numbers of 32 bits are summed, which is exact.

At batch 1 a product takes as long as its matrix takes to arrive, and in 8 bits it is a quarter. Two engines of torch's
do it. Where the processor has the instruction (AVX-512 VNNI), oneDNN's product of one row reads the matrix as it lies,
with little around it; elsewhere it is FBGEMM's, which packs the matrix.
"""

from __future__ import annotations

import functools
import warnings
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_FBGEMM = "fbgemm"
"""Of the engines that torch packs matrices for, the one whose product of one row is quick: half of oneDNN's time."""
_ONE_ROW = getattr(torch, "_int_mm", None)
"""oneDNN's: matrices of 8 bits in, 32 bits out. torch has no public name for it."""
_CACHE_LINE = 64
"""Bytes. Rows that begin with one arrive in nine tenths of the time."""
_LEAST_STEP = 6.2e-5
"""FBGEMM's vectors have steps no smaller than this."""


@runtime_checkable
class Int8Product(Protocol):
    """A matrix of 8 bits, each row on a scale of its own.

    Attributes:
        lost_v: of each row the norm of what 8 bits did not keep.
    """

    lost_v: Float[np.ndarray, "V"]

    def step(self, largest: float) -> float:
        """How far numbers of 8 bits are from each other, where none of a vector exceeds ``largest``."""
        ...

    def add_to(
        self,
        bias_v: Float[np.ndarray, "V"],
        vector_d: Float[np.ndarray, "D"],
        largest: float,
        out_v: Float[np.ndarray, "V"],
    ) -> None:
        """Write the sum of ``bias_v`` and the product with a vector into ``out_v``.

        Args:
            bias_v: added; other memory than ``out_v``.
            vector_d: multiplied with.
            largest: what none of its numbers exceeds in size, and by which they are rounded.
            out_v: written over.
        """
        ...


def missing() -> str | None:
    """Return what torch lacks for such products here; None: nothing."""
    if _FBGEMM in torch.backends.quantized.supported_engines and hasattr(torch, "quantize_per_channel"):
        return None
    return f"this build of torch has no products of 8 bits for this processor ({_FBGEMM})"


def int8_product(weight_vd: Float[Tensor, "V D"]) -> Int8Product:
    """Bring a matrix, in float32 and on the CPU, to 8 bits."""
    return OneRowProduct(weight_vd) if one_row_is_exact() else PackedProduct(weight_vd)


def largest_of(vector_d: Float[np.ndarray, "D"]) -> float:
    """Return the size of the number of a vector that is furthest from 0."""
    return max(float(np.maximum.reduce(vector_d)), -float(np.minimum.reduce(vector_d)))


@functools.cache
def one_row_is_exact() -> bool:
    """Return whether oneDNN's product of one row sums as it should: without the instruction it sums pairs in 16 bits,
    and what does not fit is cut off.
    """
    if _ONE_ROW is None or not has_vnni():
        return False
    vector_1d, matrix_dv = torch.full((1, 256), 127, dtype=torch.int8), torch.full((64, 256), 127, dtype=torch.int8).t()
    return bool((_ONE_ROW(vector_1d, matrix_dv) == 256 * 127**2).all())


def has_vnni() -> bool:
    """Return whether the processor multiplies and sums 8 bits in one instruction."""
    return bool(getattr(torch.cpu, "_is_vnni_supported", bool)())


class OneRowProduct:
    """By oneDNN's product of one row; the vector's numbers are whole multiples of a step, up to 127 to either side.

    Args:
        weight_vd: as for ``int8_product``.
    """

    def __init__(self, weight_vd: Float[Tensor, "V D"]) -> None:
        rows, columns = weight_vd.shape
        scale_v1 = (weight_vd.abs().amax(1, keepdim=True) / 127).clamp_min(1e-30)
        padded = torch.zeros(rows, -(-columns // _CACHE_LINE) * _CACHE_LINE, dtype=torch.int8)
        weight8_vd = padded[:, :columns]
        weight8_vd.copy_((weight_vd / scale_v1).round())
        self._weight_dv = weight8_vd.t()
        self.lost_v = (weight_vd - weight8_vd * scale_v1).norm(dim=1).numpy()
        self._scale_v = scale_v1.squeeze(1).numpy()
        self._scaled_d = np.empty(columns, np.float32)
        self._vector_1d = torch.empty(1, columns, dtype=torch.int8)
        self._vector_d = self._vector_1d.numpy()[0]
        self._sums_1v = torch.empty(1, rows, dtype=torch.int32)
        self._sums_v = self._sums_1v.numpy()[0]

    def step(self, largest: float) -> float:
        """See ``Int8Product.step``."""
        return max(largest, 1e-30) / 127

    def add_to(
        self,
        bias_v: Float[np.ndarray, "V"],
        vector_d: Float[np.ndarray, "D"],
        largest: float,
        out_v: Float[np.ndarray, "V"],
    ) -> None:
        """See ``Int8Product.add_to``."""
        step = self.step(largest)
        np.multiply(vector_d, 1 / step, out=self._scaled_d)
        np.rint(self._scaled_d, out=self._scaled_d)
        self._vector_d[:] = self._scaled_d
        assert _ONE_ROW is not None
        _ONE_ROW(self._vector_1d, self._weight_dv, out=self._sums_1v)
        np.multiply(self._sums_v, self._scale_v, out=out_v, dtype=np.float32, casting="unsafe")
        np.multiply(out_v, step, out=out_v)
        np.add(out_v, bias_v, out=out_v)


class PackedProduct:
    """By FBGEMM; the vector's numbers are 255 steps from its smallest to its largest, 0 among them.

    Args:
        weight_vd: as for ``int8_product``.
    """

    def __init__(self, weight_vd: Float[Tensor, "V D"]) -> None:
        # Without the instruction pairs of products are summed in 16 bits, where only 7 by 8 bits fit.
        self._reduced = not has_vnni()
        scale_v = (weight_vd.abs().amax(1) / 127).double().clamp_min(1e-30)
        zeros_v = torch.zeros(len(weight_vd), dtype=torch.int64)
        before = torch.backends.quantized.engine
        torch.backends.quantized.engine = _FBGEMM
        try:
            with warnings.catch_warnings():  # of what torch is going to remove: see missing
                warnings.simplefilter("ignore")
                quantized = torch.quantize_per_channel(weight_vd.contiguous(), scale_v, zeros_v, 0, torch.qint8)
                self._packed = torch.ops.quantized.linear_prepack(quantized, None)
        finally:
            torch.backends.quantized.engine = before
        self.lost_v = (weight_vd - quantized.dequantize()).norm(dim=1).numpy()

    def step(self, largest: float) -> float:
        """See ``Int8Product.step``."""
        return max(2 * largest / (127 if self._reduced else 255), _LEAST_STEP)

    def add_to(
        self,
        bias_v: Float[np.ndarray, "V"],
        vector_d: Float[np.ndarray, "D"],
        largest: float,  # noqa: ARG002  FBGEMM looks itself
        out_v: Float[np.ndarray, "V"],
    ) -> None:
        """See ``Int8Product.add_to``."""
        vector_1d = torch.from_numpy(vector_d).unsqueeze(0)
        np.add(torch.ops.quantized.linear_dynamic(vector_1d, self._packed, self._reduced).numpy()[0], bias_v, out=out_v)
