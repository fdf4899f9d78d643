"""Language models small enough to check by hand, and texts for them to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnn_lm.evaluation.perplexity import Policy, TokenScores
from rnn_lm.layers.state import State
from rnn_lm.padding import IGNORE
from rnn_lm.stream import EncodedText
from rnn_lm.vocabulary import Vocabulary


class TableModel:
    """P(next | last token) looked up in a table: a bigram model without a state. Records what it was asked."""

    device = torch.device("cpu")

    def __init__(self, probabilities_vv: Tensor) -> None:
        self.vocabulary_size = len(probabilities_vv)
        self.log_probs_vv = probabilities_vv.double().log()
        self.scored: list[tuple[int, ...]] = []
        self.inference_modes: set[bool] = set()

    def initial_state(self, batch: int) -> State:  # noqa: ARG002 (the protocol's signature)
        return ()

    def step(self, token_b: Tensor, state: State) -> tuple[Tensor, State]:
        self.inference_modes.add(torch.is_inference_mode_enabled())
        return self.log_probs_vv[token_b], state

    def score(self, input_tb: Tensor, target_tb: Tensor, state: State) -> tuple[Tensor, State]:
        self.scored.append(tuple(target_tb.shape))
        self.inference_modes.add(torch.is_inference_mode_enabled())
        nll_tb = -self.log_probs_vv[input_tb, target_tb.clamp(min=0)]
        return nll_tb.masked_fill(target_tb == IGNORE, 0.0), state


class TinyGRU(nn.Module):
    """A GRU language model with dropout, which evaluation must switch off."""

    device = torch.device("cpu")

    def __init__(self, vocabulary_size: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.embedding = nn.Embedding(vocabulary_size, 6)
        self.layer = nn.GRU(6, 8)
        self.dropout = nn.Dropout(0.5)
        self.decoder = nn.Linear(8, vocabulary_size)
        generator = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=generator)
        self.to(dtype)

    def initial_state(self, batch: int) -> State:
        return (self.decoder.weight.new_zeros(1, batch, 8),)

    def step(self, token_b: Tensor, state: State) -> tuple[Tensor, State]:
        log_probs_tbv, state = self._read(token_b[None], state)
        return log_probs_tbv[0], state

    def score(self, input_tb: Tensor, target_tb: Tensor, state: State) -> tuple[Tensor, State]:
        log_probs_tbv, state = self._read(input_tb, state)
        nll_tb = -log_probs_tbv.gather(2, target_tb.clamp(min=0)[..., None]).squeeze(2)
        return nll_tb.masked_fill(target_tb == IGNORE, 0.0), state

    def _read(self, input_tb: Tensor, state: State) -> tuple[Tensor, State]:
        output_tbh, hidden_lbh = self.layer(self.embedding(input_tb), state[0])
        return self.decoder(self.dropout(output_tbh)).log_softmax(-1), (hidden_lbh,)


@pytest.fixture
def uniform_model_of() -> Callable[[int], TableModel]:
    return lambda size: TableModel(torch.full((size, size), 1 / size, dtype=torch.float64))


@pytest.fixture
def table_model_of() -> Callable[[Sequence[Sequence[float]]], TableModel]:
    return lambda rows: TableModel(torch.tensor(rows, dtype=torch.float64))


@pytest.fixture
def gru_model() -> Callable[..., TinyGRU]:
    return TinyGRU


@pytest.fixture
def make_text() -> Callable[..., EncodedText]:
    """Sentences of the given lengths (``<eos>`` not counted) over ids from 2 on; <unk> is 0 and <eos> 1."""

    def make(lengths: Sequence[int], vocabulary_size: int = 9, seed: int = 0) -> EncodedText:
        random = np.random.default_rng(seed)
        ids = [index for n in lengths for index in (*random.integers(2, vocabulary_size, size=n), Vocabulary.eos_id)]
        return EncodedText(torch.tensor(ids), Vocabulary.eos_id, 5 * len(ids))

    return make


@pytest.fixture
def make_scores() -> Callable[..., TokenScores]:
    """Scores as a model would have given them, a list of NLLs per sentence."""

    def make(sentences: Sequence[Sequence[float]], policy: Policy = "sentence") -> TokenScores:
        ends = np.cumsum([len(nll) for nll in sentences])
        return TokenScores(np.concatenate(sentences).astype(np.float64), ends, characters=len(ends), policy=policy)

    return make


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(["<unk>", "<eos>", "a", "b", "c"], [3, 2, 4, 2, 1])
