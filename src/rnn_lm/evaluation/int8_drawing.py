"""Words drawn with a decoder in 8 bits, distributed as float32 has them.

With u_w an upper bound of the logit l_w (``Int8Decoder.upper``), a word w is proposed with probability proportional to
exp(u_w / T) and accepted with probability exp((l_w - u_w) / T), for which one row of the float32 matrix is read; else
another is proposed, from the same sums. What is accepted has probability proportional to the product of the two,
exp(l_w / T): rejection sampling (von Neumann 1951). After a number of refusals all of the matrix is read in float32,
which changes nothing in the distribution: how often was refused does not depend on the word. The most probable word,
and the k most probable, are found among those that the bounds leave possible.
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

_MOST_REFUSED = 16
"""After so many, reading all of the matrix in float32 is quicker than to go on."""
_AT_ONCE = 256
"""Random numbers fetched at a time."""
_FEWEST, _MOST = 1e-30, 1e37
"""Sums of exponentials between these have lost nothing in float32."""
_BLOCK = 128
"""Words whose exponentials are summed before those of blocks are: a word is found in its block, which alone is summed
word by word."""


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
        words = len(decoder.bias_v)
        blocks = -(-words // _BLOCK)
        self._block_bw = np.zeros((blocks, _BLOCK), np.float32)
        self._weight_v = self._block_bw.reshape(-1)[:words]
        self._one_w, self._sum_b = np.ones(_BLOCK, np.float32), np.empty(blocks, np.float32)
        self._sums_b, self._sums_w = np.empty(blocks), np.empty(_BLOCK)
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
        shift = self._propose(self._decoder.upper(self._output_d))
        total = float(self._sums_b[-1])
        if not total > 0:
            return None
        for _ in range(_MOST_REFUSED):
            self.proposed += 1
            word = self._find(next(self._uniform) * total)
            if word is None:  # the share was rounded up to the whole
                continue
            envelope = float(self._weight_v[word])
            if next(self._uniform) * envelope < self._accepted(word, shift):
                return word
        return self._draw_exactly(self._decoder.all_exact(output_1d))

    def _find(self, share: float) -> int | None:
        """The word that a share of the whole belongs to."""
        block = int(self._sums_b.searchsorted(share, "right"))
        if block == len(self._sums_b):
            return None
        within = share - float(self._sums_b[block - 1]) if block else share
        np.add.accumulate(self._block_bw[block], out=self._sums_w, dtype=np.float64)
        place = int(self._sums_w.searchsorted(within, "right"))
        return None if place == _BLOCK else block * _BLOCK + place

    def _accepted(self, word: int, shift: float) -> float:
        """The weight that a word has in float32: never more than its weight by the upper bound."""
        return math.exp(self._decoder.exact(word, self._output_d) / self._temperature - shift)

    @np.errstate(over="ignore", invalid="ignore")  # a sum that is no number is seen by whoever asked for it
    def _propose(self, upper_v: np.ndarray) -> float:
        """Weights of the words and sums of the blocks so far; returns what was taken off the exponents: nothing if
        possible."""
        if self._temperature != 1:
            upper_v = upper_v / self._temperature
        self._weigh(upper_v)
        if _FEWEST < float(self._sums_b[-1]) < _MOST:
            return 0.0
        largest = float(upper_v.max())
        self._weigh(upper_v - np.float32(largest))
        return largest

    def _weigh(self, upper_v: np.ndarray) -> None:
        np.exp(upper_v, out=self._weight_v)
        np.dot(self._block_bw, self._one_w, out=self._sum_b)
        np.add.accumulate(self._sum_b, out=self._sums_b, dtype=np.float64)

    def _draw_cut(self, output_1d: Tensor) -> int | None:
        """Among the most probable: all words that may be one of them, by their logits in float32."""
        upper_v = torch.from_numpy(self._decoder.upper(self._output_d))
        if not upper_v.max() > -math.inf:
            return None
        lower_v = upper_v - 2 * torch.from_numpy(self._decoder.slack(self._output_d))
        kept = 1 if self._temperature == 0 else min(self._config.top_k or 1, len(upper_v))
        least = lower_v.max() if kept == 1 else lower_v.topk(kept).values[-1]
        ids_c = torch.nonzero(upper_v >= least).squeeze(1)
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
