"""The one seam: everything that scores, probes, generates or serves sees a model through these three methods."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

State: TypeAlias = tuple[Tensor, ...]
"""What a model remembers of the text so far: a tuple of tensors whose second dimension is the batch.

One tensor ``hidden_lbh`` for Elman and GRU, two for the LSTM (hidden and cell state), one ``history_nb`` of the last
n-1 ids for the n-gram, the keys and values of past positions for attention.
"""


@runtime_checkable
class LanguageModel(Protocol):
    """P(next token | tokens so far), for a batch of independent texts read in parallel.

    ``initial_state`` means "nothing read yet": its first input must be the end-of-sentence token, which stands before
    the first sentence just as it stands before every other. All log-probabilities are natural logarithms.
    """

    vocabulary_size: int

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

        Entries whose target is ``IGNORE`` are padding: their value is 0.
        """
        ...


IGNORE = -1
"""The target id of a position that is padding and is not scored."""


def detach(state: State) -> State:
    """The same values, cut off from the graph that made them: the truncation of truncated BPTT."""
    return tuple(part.detach() for part in state)


def select(state: State, columns: Int[Tensor, "B"]) -> State:
    """The state of some of the texts in the batch."""
    return tuple(part.index_select(1, columns) for part in state)
