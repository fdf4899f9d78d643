"""The one seam: what scores, probes, generates or serves sees a model through these three methods and its device."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.layers.state import State


@runtime_checkable
class LanguageModel(Protocol):
    """P(next token | tokens so far), for a batch of independent texts read in parallel.

    ``initial_state`` means "nothing read yet": its first input must be the end-of-sentence token, which stands before
    the first sentence just as it stands before every other. All log-probabilities are natural logarithms.
    """

    vocabulary_size: int

    @property
    def device(self) -> torch.device:
        """Where ids and states have to be."""
        ...

    def initial_state(self, batch: int) -> State:
        """The state before any token has been read, for ``batch`` texts."""
        ...

    def step(self, token_b: Int[Tensor, "B"], state: State) -> tuple[Float[Tensor, "B V"], State]:
        """Read one token; return log P(next token) over the whole vocabulary, and the new state."""
        ...

    def score(
        self, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], state: State
    ) -> tuple[Float[Tensor, "T B"], State]:
        """Read ``input_tb`` and return -log P(target_tb[t] | input_tb[:t+1], state), in nats, and the state after it.

        Entries whose target is ``padding.IGNORE`` are padding: their value is 0.
        """
        ...
