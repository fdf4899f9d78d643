"""A model laid out for stepping is the same model."""

from __future__ import annotations

import pytest
import torch

from rnn_lm.config import ModelConfig, NgramConfig
from rnn_lm.layers.cells import CELLS
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.models.stepping import for_stepping
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText

V = 40


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [True, False])
def test_the_copy_predicts_the_same_and_leaves_the_original_alone(cell: str, tied: bool) -> None:
    config = ModelConfig(cell=cell, hidden_size=12, layers=2, tie_weights=tied, dropout_output=0.5)
    model = RecurrentLanguageModel(V, 8, config, generator(1, "start"))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stepping = for_stepping(model)
    state, copied_state = model.initial_state(1), stepping.initial_state(1)
    for token in (1, 5, 7, 30):
        log_probs_bv, state = model.step(torch.tensor([token]), state)
        copied_bv, copied_state = stepping.step(torch.tensor([token]), copied_state)
        torch.testing.assert_close(copied_bv, log_probs_bv)
    assert model.training
    for name, value in model.state_dict().items():
        assert value.is_contiguous()
        assert torch.equal(value, before[name])


def test_matrices_are_stored_by_column() -> None:
    model = RecurrentLanguageModel(V, 8, ModelConfig(hidden_size=12), generator(1, "start"))
    stepping = for_stepping(model)
    assert isinstance(stepping, RecurrentLanguageModel)
    assert all(value.t().is_contiguous() for value in stepping.parameters() if value.dim() == 2)


def test_a_model_with_nothing_to_gain_is_handed_back() -> None:
    ids_n = torch.tensor([2, 3, 1, 2, 1])
    ngram = NgramLanguageModel.train(EncodedText(ids_n, 1, 10), 5, NgramConfig(2))
    assert for_stepping(ngram) is ngram
