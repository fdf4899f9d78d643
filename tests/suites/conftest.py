"""A small model of words, data that cannot be packaged, and a scorer that shares nothing with the one tested."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rnn_lm.config import CorpusConfig
from rnn_lm.models.storage import StoredModel
from rnn_lm.padding import IGNORE
from rnn_lm.text import TOKENIZERS
from rnn_lm.vocabulary import Vocabulary


class SmallModel(nn.Module):
    """A GRU with random parameters: what it prefers is arbitrary, and depends on all that it has read."""

    device = torch.device("cpu")

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vocabulary_size = size
        self.embedding, self.layer, self.decoder = nn.Embedding(size, 8), nn.GRU(8, 12), nn.Linear(12, size)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=generator)

    def initial_state(self, batch: int) -> tuple[Tensor, ...]:
        return (self.decoder.weight.new_zeros(1, batch, 12),)

    def step(self, token_b: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        log_probs_tbv, state = self._read(token_b[None], state)
        return log_probs_tbv[0], state

    def score(
        self, input_tb: Tensor, target_tb: Tensor, state: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        log_probs_tbv, state = self._read(input_tb, state)
        nll_tb = -log_probs_tbv.gather(2, target_tb.clamp(min=0)[..., None]).squeeze(2)
        return nll_tb.masked_fill(target_tb == IGNORE, 0.0), state

    def _read(self, input_tb: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        output_tbh, hidden_lbh = self.layer(self.embedding(input_tb), state[0])
        return self.decoder(output_tbh).log_softmax(-1), (hidden_lbh,)


@pytest.fixture(scope="session")
def model_of() -> Callable[..., StoredModel]:
    """A model that knows the words of some sentences."""

    def make(*sentences: str, tokens: str = "words", lowercase: bool = True, name: str = "small") -> StoredModel:
        cut = TOKENIZERS[tokens].cut
        words = [cut(one.lower() if lowercase else one) for one in sentences]
        vocabulary = Vocabulary.build(words)
        corpus = CorpusConfig(corpus=("made.txt",), tokens=tokens, lowercase=lowercase)
        return StoredModel(SmallModel(len(vocabulary)).double(), vocabulary, corpus, TOKENIZERS[tokens], name)

    return make


def log_probs(stored: StoredModel, tokens: Sequence[str]) -> list[float]:
    """log P of each token and of <eos>, one step of the model at a time, in float64."""
    ids = [stored.vocabulary.tokens.index(one) if one in stored.vocabulary.tokens else 0 for one in tokens]
    state, read, found = stored.model.initial_state(1), 1, []
    with torch.no_grad():
        for index in [*ids, 1]:
            probs_bv, state = stored.model.step(torch.tensor([read]), state)
            found.append(float(probs_bv[0, index].double()))
            read = index
    return found


@pytest.fixture(scope="session")
def by_steps() -> Callable[[StoredModel, Sequence[str]], list[float]]:
    return log_probs


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """A file of suites that others published: skips where it is not on this machine."""

    def find(name: str) -> Path:
        default = Path(__file__).resolve().parents[3] / "shared" / "data"
        path = Path(os.environ.get("RNN_LM_SUITES", default)) / name
        if not path.exists():
            pytest.skip(f"{name} is not at {path}; set RNN_LM_SUITES to a folder that holds it")
        return path

    return find
