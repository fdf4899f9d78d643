"""Valid perplexity while training: some of the text, spread over all of it, read side by side."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.models.language_model import LanguageModel
from rnn_lm.runtime import Runtime
from rnn_lm.stream import EncodedText

COLUMNS = 16
"""Stretches of the valid text that a validation reads side by side."""
ROWS = 64
"""Rows of them scored at a time."""


@torch.no_grad()
def valid_nll(model: LanguageModel, text: EncodedText, tokens: int, runtime: Runtime | None = None) -> float:
    """Mean NLL in nats over about ``tokens`` of ``text``: stretches spread evenly over it, read side by side.

    Several processes share the stretches, and each is told the mean over all.
    """
    runtime = runtime or Runtime()
    input_tb, target_tb = validation_columns(text, tokens)
    count, own = target_tb.numel(), runtime.share(input_tb.shape[1])
    state, total = model.initial_state(own.stop - own.start), 0.0
    device = runtime.device
    for inputs, targets in zip(input_tb[:, own].split(ROWS), target_tb[:, own].split(ROWS), strict=True):
        nll_tb, state = model.score(inputs.to(device), targets.to(device), state)
        # On the CPU, since not every accelerator has float64.
        total += float(nll_tb.cpu().sum(dtype=torch.float64))
    return runtime.totals(total)[0] / count


def validation_columns(text: EncodedText, tokens: int) -> tuple[Int[Tensor, "T B"], Int[Tensor, "T B"]]:
    """Inputs and targets of evenly spread stretches of ``text``, about ``tokens`` in all, one per column.

    A text's start alone may be of another kind than the rest (the books of a collection, say); stretches from all over
    it are not, and side by side they are quicker to score. Each starts cold, which is why this figure steers training
    and is never reported as the model's perplexity.
    """
    columns = min(COLUMNS, len(text))
    rows = max(1, min(tokens, len(text)) // columns)
    starts_b = torch.linspace(0, len(text) - rows, columns).long()
    index_tb = torch.arange(rows).unsqueeze(1) + starts_b
    return text.before(index_tb), text.at(index_tb)
