"""Words drawn with a decoder in 8 bits, distributed as float32 has them.

A word w is proposed with probability proportional to exp(l^_w / T), l^ being the logits of 8 bits, and accepted with
probability exp((l_w - l^_w - bound) / T), for which one row of the float32 matrix is read; else another is proposed,
from the same sums. What is accepted has probability proportional to the product of the two, exp(l_w / T): rejection
sampling (von Neumann 1951), whose envelope is ``Int8Decoder.bound``. On average exp(bound / T) words are proposed. The
most probable word, and the k most probable, are found among those that the bound leaves possible.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.config import GenerationConfig
from rnn_lm.evaluation.drawing import draw, is_uncut
from rnn_lm.models.int8_decoder import Int8Decoder

_MOST_REFUSED = 2.0
"""Where ``bound / T`` is larger, reading all of the matrix in float32 once is quicker than being refused so often."""
_AT_ONCE = 256
"""Random numbers fetched at a time."""
_FEWEST, _MOST = 1e-30, 1e37
"""Sums of exponentials between these have lost nothing in float32."""


class Int8Draw:
    """Draws words, and owns the memory that takes.

    Args:
        decoder: whose logits are drawn by.
        config: temperature and top-k. Without ``top_k`` there is no ``top_p``: a nucleus needs the sum over all words.
        random: the numbers drawn with.

    Attributes:
        proposed: words proposed so far.
    """

    def __init__(self, decoder: Int8Decoder, config: GenerationConfig, random: torch.Generator) -> None:
        self._decoder, self._config, self._random = decoder, config, random
        self._uncut, self._temperature = is_uncut(config), config.temperature
        self._uniform = _uniform(random)
        self._weight_v = torch.empty(len(decoder.bias_v))
        self._sum_v = torch.empty(len(decoder.bias_v), dtype=torch.float64)
        self._weights, self._sums = self._weight_v.numpy(), self._sum_v.numpy()
        self._output_1d, self._output_d = torch.empty(0), np.empty(0)
        self.proposed = 0

    def draw(self, output_1d: Float[Tensor, "1 D"]) -> int | None:
        """The next word; None where there is none that may come.

        Args:
            output_1d: of the layers, as the decoder reads it.
        """
        if output_1d is not self._output_1d:  # the same memory every time, where a reader writes over it
            self._output_1d, self._output_d = output_1d, output_1d.numpy()[0]
        if not self._uncut:
            return self._draw_cut(output_1d)
        refused = self._decoder.bound(self._output_d) / self._temperature
        if refused > _MOST_REFUSED:
            return self._draw_exactly(self._decoder.all_exact(output_1d))
        shift = self._propose(self._decoder.logits(output_1d), self._temperature)
        total = float(self._sums[-1])
        if not total > 0:
            return None
        while True:
            self.proposed += 1
            word = int(self._sums.searchsorted(next(self._uniform) * total, "right"))
            if word == len(self._sums):  # the share was rounded up to the whole
                continue
            envelope = float(self._weights[word])
            if next(self._uniform) * envelope < self._accepted(word, self._output_d, shift, refused):
                return word

    def _accepted(self, word: int, output_d: np.ndarray, shift: float, refused: float) -> float:
        """The weight that a word has in float32, smaller by the bound: never more than its weight in 8 bits."""
        return math.exp((self._decoder.exact(word, output_d) - shift) / self._temperature - refused)

    def _propose(self, logits_v: Tensor, temperature: float) -> float:
        """Weights of the words and their sums so far; returns what was taken off the logits: nothing if it can be."""
        if temperature != 1:
            logits_v = logits_v / temperature
        torch.exp(logits_v, out=self._weight_v)
        torch.cumsum(self._weight_v, 0, dtype=torch.float64, out=self._sum_v)
        if _FEWEST < float(self._sums[-1]) < _MOST:
            return 0.0
        largest = float(logits_v.max())
        torch.exp(logits_v - largest, out=self._weight_v)
        torch.cumsum(self._weight_v.nan_to_num_(0.0), 0, dtype=torch.float64, out=self._sum_v)
        return largest * temperature

    def _draw_cut(self, output_1d: Tensor) -> int | None:
        """Among the most probable: all words that may be one of them, by their logits in float32."""
        logits_v = self._decoder.logits(output_1d)
        kept = 1 if self._config.temperature == 0 else min(self._config.top_k or 1, len(logits_v))
        least = float(logits_v.max() if kept == 1 else logits_v.topk(kept).values[-1])
        if math.isnan(least) or not logits_v.max() > -math.inf:
            return None
        ids_c = torch.nonzero(logits_v >= least - 2 * self._decoder.bound(self._output_d)).squeeze(1)
        place = self._draw_exactly(self._decoder.exact_of(ids_c, output_1d))
        return None if place is None else int(ids_c[place])

    def _draw_exactly(self, logits_c: Tensor) -> int | None:
        if not logits_c.max() > -math.inf:
            return None
        return draw(torch.log_softmax(logits_c, dim=0), self._config, self._random)


def _uniform(random: torch.Generator) -> Iterator[float]:
    """Numbers from 0 to below 1."""
    while True:
        yield from torch.rand(_AT_ONCE, generator=random, dtype=torch.float64).tolist()
