"""Places in a text to look back from: equally long windows, spread evenly, read side by side."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.errors import UserError
from rnn_lm.stream import EncodedText

TOPIC = 100
"""Sentences from which two places no longer share a topic to speak of (docs/evaluation.md)."""


@dataclass(frozen=True)
class Windows:
    """B stretches of T consecutive tokens, one per column.

    Attributes:
        input_tb: ids read.
        target_tb: ids to be predicted: the input shifted by one.
        apart: how many of them there would be if none overlapped or shared its topic with the next: so many runs of
            neighbors are one observation each.
    """

    input_tb: Int[Tensor, "T B"]
    target_tb: Int[Tensor, "T B"]
    apart: int

    def to(self, device: torch.device) -> Windows:
        """The same windows on ``device``, where the model that reads them is."""
        return Windows(self.input_tb.to(device), self.target_tb.to(device), self.apart)

    def columns(self, start: int, stop: int) -> Windows:
        """Some of the windows."""
        return self.chosen(torch.arange(self.input_tb.shape[1])[start:stop])

    def chosen(self, columns_b: Int[Tensor, "B"]) -> Windows:
        """The windows with these numbers."""
        columns_b = columns_b.to(self.input_tb.device)
        return Windows(
            self.input_tb[:, columns_b], self.target_tb[:, columns_b], max(min(self.apart, len(columns_b)), 1)
        )


def spread_windows(text: EncodedText, rows: int, columns: int) -> Windows:
    """Windows of ``rows`` tokens that begin at evenly spaced places; they overlap where the text is short.

    Args:
        text: real text, best held out from training.
        rows: T.
        columns: B; fewer are returned where the text has fewer places to begin at.

    Raises:
        UserError: the text is shorter than one window.
    """
    places = len(text) - rows + 1
    if places < 1:
        raise UserError(f"the text has {len(text)} tokens and one window needs {rows}: lower --lags or give more text")
    columns = min(columns, places)
    starts_b = torch.linspace(0, places - 1, columns, dtype=torch.float64).round().long()
    index_tb = torch.arange(rows).unsqueeze(1) + starts_b
    apart = min(columns, len(text) // rows, len(text.sentence_ends) // TOPIC)
    return Windows(text.before(index_tb), text.at(index_tb), max(apart, 1))
