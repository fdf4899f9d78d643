"""A decoder in 8 bits, and how far its logits can be from those in float32.

At batch 1 a word takes as long as the decoder's matrix takes to arrive from memory; in 8 bits it is a quarter. Rows
have a scale each, and what they are multiplied with is brought to 8 bits as well; the sums are whole numbers of 32 bits
and exact. With W a row, h the output of the layers and hats for what 8 bits make of them:

    W h - W^ h^  =  W (h - h^) + (W - W^) h^
    |W h - W^ h^|  <=  |W| |h - h^| + |W - W^| |h^|  =  slack        (Cauchy and Schwarz)

The norms of a row and of what it lost are known beforehand, and that of h - h^ is at most sqrt(D) half steps. Where no
number of h exceeds some size, and h is no longer than usual, the slack of every word is a constant, and is put into its
bias. So what comes out is an upper bound of each logit. A word drawn by it can be accepted or refused so that it is
distributed as if drawn by the logits of float32 (``evaluation/int8_drawing.py``).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.softmax import Decoder
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel

_ENGINE = "fbgemm"
"""Of torch's engines the one whose product of one row is quick: half the time of oneDNN's."""
_LEAST_STEP = 6.2e-5
"""torch makes the steps of a vector no smaller than this."""
_USUAL = 1 / 3
"""Of the longest output vector there could be: trained LSTMs' are a quarter."""
_ROUNDING = 1e-4
"""Added to the bound for what float32 itself rounds, in nats: some fifty times as much as it does."""


def needs_another_model(model: LanguageModel) -> str | None:
    """Why a model has no decoder that could be brought to 8 bits; None: it has one."""
    if not isinstance(model, NeuralLanguageModel):
        return f"{type(model).__name__} has no decoder"
    return "the adaptive softmax is several small matrices" if model.decoder is None else None


def needs_another_device(model: LanguageModel) -> str | None:
    """Why the decoder cannot be in 8 bits where the model computes; None: it can."""
    if model.device.type != "cpu":
        return f"8 bits are for the CPU, and the model is on {model.device}"
    if isinstance(model, NeuralLanguageModel) and model.decoder_weight.dtype != torch.float32:
        return f"the model is in {str(model.decoder_weight.dtype).removeprefix('torch.')}, not in float32"
    if _ENGINE not in torch.backends.quantized.supported_engines or not hasattr(torch, "quantize_per_channel"):
        return f"this build of torch has no products of 8 bits for this processor ({_ENGINE})"
    return None


class Int8Decoder:
    """Upper bounds of the logits of one output vector, by a decoder in 8 bits; and logits in float32.

    Args:
        decoder: of the model, in float32 and on the CPU; its memory is read, not copied.
        struck_out: ids of words whose logit is to be -inf.
        largest: what no number of an output vector exceeds in size, where that is known: bounds then cost nothing.
    """

    def __init__(self, decoder: Decoder, struck_out: Sequence[int] = (), largest: float | None = None) -> None:
        weight_vd, bias_v = decoder.weight_vd.detach(), decoder.bias_v.detach().clone()
        bias_v[list(struck_out)] = -math.inf
        self.weight_vd, self.bias_v = weight_vd, bias_v
        self._rows, self._biases = weight_vd.numpy(), bias_v.numpy()
        self._reduced = reduces_range()
        self._levels = 127 if self._reduced else 255
        quantized_vd = quantized_rows(weight_vd)
        self._norm_v, self._lost_v = weight_vd.norm(dim=1), (weight_vd - quantized_vd.dequantize()).norm(dim=1)
        self._root = math.sqrt(weight_vd.shape[1])
        self._constant_v = None
        if largest is not None:
            self._usual = _USUAL * self._root * largest
            self._constant_v = self._slack(2 * largest, self._usual)
        self._packed = packed_int8(quantized_vd, bias_v if self._constant_v is None else bias_v + self._constant_v)

    def _slack(self, span: float, norm: float) -> Tensor:
        """Of every word, for an output vector whose numbers span so much and whose norm is so large at most."""
        lost = 0.5 * max(span / self._levels, _LEAST_STEP) * self._root
        return (self._norm_v * lost).add_(self._lost_v, alpha=norm + lost).add_(_ROUNDING)

    def slack(self, output_d: np.ndarray) -> Float[Tensor, "V"]:
        """How far a logit of 8 bits can be from its value in float32, in nats: what ``upper`` adds to it.

        Args:
            output_d: what is to be decoded.
        """
        if self._constant_v is not None:
            return self._constant_v + self._lost_v * self._excess(output_d)
        span = max(float(output_d.max()), 0.0) - min(float(output_d.min()), 0.0)
        return self._slack(span, math.sqrt(float(np.dot(output_d, output_d))))

    def _excess(self, output_d: np.ndarray) -> float:
        """By how much an output vector is longer than usual."""
        return max(0.0, math.sqrt(float(np.dot(output_d, output_d))) - self._usual)

    def upper(self, output_1d: Float[Tensor, "1 D"], output_d: np.ndarray) -> Float[Tensor, "V"]:
        """For each word a number that its logit in float32 does not exceed, and does not fall short of by more than
        twice ``slack``.

        Args:
            output_1d: what is to be decoded.
            output_d: the same memory, for numpy.
        """
        logits_v = torch.ops.quantized.linear_dynamic(output_1d, self._packed, self._reduced)[0]
        if self._constant_v is None:
            return logits_v.add_(self.slack(output_d))
        excess = self._excess(output_d)
        return logits_v.add_(self._lost_v, alpha=excess) if excess else logits_v

    def exact(self, word: int, output_d: np.ndarray) -> float:
        """The logit of one word in float32."""
        return float(np.dot(self._rows[word], output_d)) + float(self._biases[word])

    def exact_of(self, ids_c: Tensor, output_1d: Float[Tensor, "1 D"]) -> Float[Tensor, "C"]:
        """Those of some words."""
        return torch.addmv(self.bias_v[ids_c], self.weight_vd[ids_c], output_1d[0])

    def all_exact(self, output_1d: Float[Tensor, "1 D"]) -> Float[Tensor, "V"]:
        """Those of all."""
        return torch.addmv(self.bias_v, self.weight_vd, output_1d[0])


class Int8Product:
    """Products of one vector with a matrix in 8 bits, the vector brought to 8 bits as well.

    Args:
        weight_vd: in float32 and on the CPU.
    """

    def __init__(self, weight_vd: Float[Tensor, "V D"]) -> None:
        self._packed, self._reduced = packed_int8(quantized_rows(weight_vd), None), reduces_range()

    def __call__(self, vector_1d: Float[Tensor, "1 D"]) -> Float[Tensor, "V"]:
        return torch.ops.quantized.linear_dynamic(vector_1d, self._packed, self._reduced)[0]


def reduces_range() -> bool:
    """Whether vectors are brought to 7 bits instead of 8.

    Processors without the instruction add pairs of products in 16 bits, where only products of 7 by 8 bits fit.
    """
    return not getattr(torch.cpu, "_is_vnni_supported", bool)()


def quantized_rows(weight_vd: Tensor) -> Tensor:
    """A matrix in 8 bits, each row on a scale of its own."""
    scale_v = (weight_vd.abs().amax(1) / 127).double().clamp_min(1e-30)
    zeros_v = torch.zeros(len(weight_vd), dtype=torch.int64)
    with warnings.catch_warnings():  # of what torch is going to remove: see needs_another_device
        warnings.simplefilter("ignore")
        return torch.quantize_per_channel(weight_vd.contiguous(), scale_v, zeros_v, 0, torch.qint8)


def packed_int8(quantized_vd: Tensor, bias_v: Tensor | None) -> object:
    """The matrix as the engine reads it; which engine torch takes otherwise stays as it was."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = _ENGINE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.ops.quantized.linear_prepack(quantized_vd, bias_v)
    finally:
        torch.backends.quantized.engine = before
