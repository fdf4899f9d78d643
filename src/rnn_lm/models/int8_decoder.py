"""A decoder in 8 bits, and how far its logits can be from those in float32.

At batch 1 a word takes as long as the decoder's matrix takes to arrive from memory; in 8 bits it is a quarter. Rows
have a scale each, and what they are multiplied with is brought to 8 bits as well; the sums are whole numbers of 32 bits
and exact. With W a row, h the output of the layers and hats for what 8 bits make of them:

    W h - W^ h^  =  W (h - h^) + (W - W^) h^
    |W h - W^ h^|  <=  |W| |h - h^| + |W - W^| |h^|  =  slack        (Cauchy and Schwarz)

The norms of a row and of what it lost are known beforehand, and that of h - h^ is at most sqrt(D) half steps. Of all h
whose largest number lies in the same quarter of an octave, and which are no longer than usual, the slack of a word is
the same, and is put into its bias. So what comes out is an upper bound of each logit. A word drawn by it can be
accepted or refused so that it is distributed as if drawn by the logits of float32 (``evaluation/int8_drawing.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.layers.softmax import Decoder
from rnn_lm.models.int8_product import int8_product, largest_of, missing
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel

_USUAL = 1 / 3
"""Of the longest output vector there could be: trained LSTMs' are a quarter."""
_SMALLEST = 1e-30
"""Below this vectors are as if they were 0."""
_ROUNDING = 1e-4
"""Added to the bound for what float32 itself rounds, in nats: some fifty times as much as it does."""
_HALF_STEP = 0.5001
"""What a number can be from its rounded one, in steps: float32 rounds the quotient, too."""


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
    return missing()


class Int8Decoder:
    """Upper bounds of the logits of one output vector, by a decoder in 8 bits; and logits in float32.

    Args:
        decoder: of the model, in float32 and on the CPU; its memory is read, not copied.
        struck_out: ids of words whose logit is to be -inf.
    """

    def __init__(self, decoder: Decoder, struck_out: Sequence[int] = ()) -> None:
        weight_vd, bias_v = decoder.weight_vd.detach(), decoder.bias_v.detach().clone()
        bias_v[list(struck_out)] = -math.inf
        self.weight_vd, self.bias_v = weight_vd, bias_v
        self._rows, self._biases = weight_vd.numpy(), bias_v.numpy()
        self._product = int8_product(weight_vd)
        self._norm_v = weight_vd.norm(dim=1).numpy()
        self._lost_v = self._product.lost_v
        self._root = math.sqrt(weight_vd.shape[1])
        self._raised: dict[float, np.ndarray] = {}
        self._upper_v = np.empty(len(bias_v), np.float32)

    def _usual(self, largest: float) -> float:
        """Norm that an output vector seldom exceeds whose numbers do not exceed ``largest``."""
        return _USUAL * self._root * largest

    def _usual_slack(self, largest: float) -> Float[np.ndarray, "V"]:
        """Of every word, for such vectors."""
        lost = _HALF_STEP * self._product.step(largest) * self._root
        return self._norm_v * lost + self._lost_v * (self._usual(largest) + lost) + _ROUNDING

    def _excess(self, output_d: np.ndarray, largest: float) -> float:
        """By how much an output vector is longer than usual."""
        return max(0.0, math.sqrt(float(np.dot(output_d, output_d))) - self._usual(largest))

    def slack(self, output_d: Float[np.ndarray, "D"]) -> Float[np.ndarray, "V"]:
        """How far a logit of 8 bits can be from its value in float32, in nats: what ``upper`` adds to it.

        Args:
            output_d: what is to be decoded.
        """
        largest = _limit(output_d)
        return self._usual_slack(largest) + self._lost_v * self._excess(output_d, largest)

    def upper(self, output_d: Float[np.ndarray, "D"]) -> Float[np.ndarray, "V"]:
        """For each word a number that its logit in float32 does not exceed, and does not fall short of by more than
        twice ``slack``. Valid until the next is asked for. Where the output vector is not finite, no number is one.

        Args:
            output_d: what is to be decoded.
        """
        largest, upper_v = _limit(output_d), self._upper_v
        if not math.isfinite(largest):
            upper_v.fill(math.nan)
            return upper_v
        raised_v = self._raised.get(largest)
        if raised_v is None:
            raised_v = self._raised[largest] = self._biases + self._usual_slack(largest)
        self._product.add_to(raised_v, output_d, largest, upper_v)
        if excess := self._excess(output_d, largest):
            upper_v += excess * self._lost_v
        return upper_v

    def exact(self, word: int, output_d: np.ndarray) -> float:
        """The logit of one word in float32."""
        return float(np.dot(self._rows[word], output_d)) + float(self._biases[word])

    def exact_of(self, ids_c: Tensor, output_1d: Float[Tensor, "1 D"]) -> Float[Tensor, "C"]:
        """Those of some words."""
        return torch.addmv(self.bias_v[ids_c], self.weight_vd[ids_c], output_1d[0])

    def all_exact(self, output_1d: Float[Tensor, "1 D"]) -> Float[Tensor, "V"]:
        """Those of all."""
        return torch.addmv(self.bias_v, self.weight_vd, output_1d[0])


def _limit(output_d: np.ndarray) -> float:
    """The smallest power of 2 ** (1 / 4) that no number exceeds in size."""
    largest = max(largest_of(output_d), _SMALLEST)
    if not math.isfinite(largest):
        return largest
    limit = 2.0 ** (math.ceil(4 * math.log2(largest)) / 4)
    return limit if limit >= largest else limit * 2**0.25
