"""Text for timing: speed does not depend on what the words mean, only on how many there are and how they repeat."""

from __future__ import annotations

import torch

from rnn_lm.stream import EncodedText

EOS = 1


def zipfian(tokens: int, vocabulary_size: int, seed: int = 1) -> EncodedText:
    """Words drawn independently with frequency 1 / rank, sentences of about 20."""
    source = torch.Generator().manual_seed(seed)
    weights_v = 1.0 / (1.0 + torch.arange(vocabulary_size, dtype=torch.float64))
    cumulative_v = weights_v.cumsum(0)
    drawn = torch.rand(tokens, generator=source, dtype=torch.float64) * cumulative_v[-1]
    ids_n = torch.searchsorted(cumulative_v, drawn, right=True).clamp_max(vocabulary_size - 1)
    ids_n[torch.rand(tokens, generator=source) < 0.05] = EOS
    ids_n[-1] = EOS
    return EncodedText(ids_n, EOS, tokens * 5)
