"""What truncated BPTT leaves out of the gradient of the recurrent weights, as a function of ``bptt_length``.

Step T-k contributes G(k) = d loss(T) / d (W_hh h(T-k-1) + b_hh) (outer) h(T-k-1) to d loss(T) / d W_hh, and the whole
gradient is the sum of G(k) over k. Truncation drops some of the terms::

    window      the loss at T sees the last n steps:                      G(k) is kept when k < n
    segments    the text is cut every n rows, as this trainer does: the   G(k) is kept for the share (n - k) / n of
                loss in row j of its segment sees j + 1 steps             the rows, on average over j

Two measures of what is lost, both 0 when nothing is:

    share       sum of the norms of the dropped terms / sum of the norms of all terms, averaged over positions: how much
                of the gradient's mass lies beyond the cut, whether or not the terms would have cancelled. It is in
                [0, 1] and never grows with n.
    error       norm of (whole - truncated) / norm of the whole gradient, both summed over all positions as in a batch:
                how wrong the step is. Terms from far back point in unrelated directions and cancel over a batch, so
                that it is mostly smaller than the share.

"All terms" are those up to the longest lag that is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.gradients.by_lag import LagGradients, column_chunks, lag_gradients
from rnn_lm.gradients.results import TruncationJson
from rnn_lm.gradients.windows import Windows
from rnn_lm.models.recurrent import RecurrentLanguageModel


@dataclass(frozen=True)
class Truncation:
    """What is cut off at each ``bptt_length``; the module's docstring defines each list."""

    bptt_length: list[int]
    window_share: list[float]
    segments_share: list[float]
    window_error: list[float]
    segments_error: list[float]

    def to_json(self) -> TruncationJson:
        """Return it as plain values."""
        return {
            "bptt_length": self.bptt_length,
            "window_share": self.window_share,
            "segments_share": self.segments_share,
            "window_error": self.window_error,
            "segments_error": self.segments_error,
        }


def truncation(model: RecurrentLanguageModel, windows: Windows, lags: int, lengths: Sequence[int]) -> Truncation:
    """Measure what truncation at each of ``lengths`` cuts off.

    Args:
        model: in float64, with W_hh in every layer.
        windows: see ``lag_gradients``.
        lags: the longest lag.
        lengths: values of ``bptt_length``; those above ``lags`` + 1 are left out, as nothing beyond is measured.
    """
    lengths = sorted(length for length in set(lengths) if length <= lags + 1)
    masses, sums = [], _BlockSums(lengths)
    for chunk in column_chunks(windows):
        gradients = lag_gradients(model, chunk, lags)
        masses.append(contribution_norms(gradients))
        sums.add(gradients)
    mass_kb = torch.cat(masses, dim=1)
    window_error, segments_error = sums.errors()
    return Truncation(
        lengths,
        [dropped_share(mass_kb, dropped_by_window(n, lags)) for n in lengths],
        [dropped_share(mass_kb, dropped_by_segments(n, lags)) for n in lengths],
        window_error,
        segments_error,
    )


def contribution_norms(gradients: LagGradients) -> Float[Tensor, "K B"]:
    """Norm of each G(k), over all layers; the norm of an outer product is the product of the norms."""
    assert gradients.recurrent_lkbg is not None and gradients.previous_lkbh is not None  # noqa: PT018
    recurrent_lkb = torch.linalg.vector_norm(gradients.recurrent_lkbg, dim=-1)
    previous_lkb = torch.linalg.vector_norm(gradients.previous_lkbh, dim=-1)
    return torch.linalg.vector_norm(recurrent_lkb * previous_lkb, dim=0).cpu()


def dropped_by_window(length: int, lags: int) -> Float[Tensor, "K"]:
    """Share of G(k), k = 0...lags, that a window of ``length`` steps drops: none or all."""
    return (torch.arange(lags + 1) >= length).double()


def dropped_by_segments(length: int, lags: int) -> Float[Tensor, "K"]:
    """Share of G(k), k = 0...lags, that segments of ``length`` rows drop: the rows with fewer than k rows above."""
    return (torch.arange(lags + 1) / length).clamp_max(1).double()


def dropped_share(mass_kb: Float[Tensor, "K B"], dropped_k: Float[Tensor, "K"]) -> float:
    """Dropped mass over all mass, averaged over positions: each position counts the same, however large its loss."""
    return float(((dropped_k @ mass_kb) / mass_kb.sum(0)).mean())


class _BlockSums:
    """Sums of G(k) and of k * G(k) over the lags between one length and the next: all that any truncation needs.

    Args:
        lengths: increasing.
    """

    def __init__(self, lengths: list[int]) -> None:
        self.lengths = lengths
        self._plain: list[Tensor] = []
        self._by_lag: list[Tensor] = []

    def add(self, gradients: LagGradients) -> None:
        """Add some positions."""
        recurrent_lkbg, previous_lkbh = gradients.recurrent_lkbg, gradients.previous_lkbh
        assert recurrent_lkbg is not None and previous_lkbh is not None  # noqa: PT018
        lags = recurrent_lkbg.shape[1]
        edges = sorted({0, *self.lengths, lags})
        lag_k = torch.arange(lags, dtype=recurrent_lkbg.dtype, device=recurrent_lkbg.device).view(1, -1, 1, 1)
        plain, by_lag = [], []
        for start, stop in pairwise(edges):
            left, right = recurrent_lkbg[:, start:stop].flatten(1, 2), previous_lkbh[:, start:stop]
            plain.append(left.mT @ right.flatten(1, 2))
            by_lag.append(left.mT @ (right * lag_k[:, start:stop]).flatten(1, 2))
        self._plain = [a + b for a, b in zip(self._plain, plain, strict=True)] if self._plain else plain
        self._by_lag = [a + b for a, b in zip(self._by_lag, by_lag, strict=True)] if self._by_lag else by_lag

    def errors(self) -> tuple[list[float], list[float]]:
        """Relative error under windows and under segments, at each length."""
        whole = torch.stack(self._plain).sum(0)
        window, segments = [], []
        kept, kept_by_lag = torch.zeros_like(whole), torch.zeros_like(whole)
        for length, plain, by_lag in zip(self.lengths, self._plain, self._by_lag, strict=False):
            kept, kept_by_lag = kept + plain, kept_by_lag + by_lag
            window.append(_relative(whole - kept, whole))
            segments.append(_relative(whole - kept + kept_by_lag / length, whole))
        return window, segments


def _relative(difference: Tensor, whole: Tensor) -> float:
    return float(torch.linalg.vector_norm(difference) / torch.linalg.vector_norm(whole))
