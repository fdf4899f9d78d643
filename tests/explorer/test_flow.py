"""Gradients of a prediction, against autograd through the model's own forward pass, and against finite changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from export_cases import neural
from rnn_lm.explorer.flow import flow_to
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel

IDS, PREDICTED = [1, 4, 7, 9, 3, 5], 8


def double(kind: str, **changes: Any) -> NeuralLanguageModel:
    model = neural(kind, **changes).model
    assert isinstance(model, NeuralLanguageModel)
    return in_float64(model).eval()


def log_probability(model: NeuralLanguageModel, vectors_tbe: torch.Tensor) -> torch.Tensor:
    """log P(PREDICTED) when word vectors are ``vectors_tbe``, by the model's own layers."""
    assert isinstance(model, RecurrentLanguageModel)
    output_tbh, _ = model.layers(vectors_tbe, model.layers.initial_state(1))
    return torch.log_softmax(model.logits(model.project(output_tbh[-1])), dim=1)[0, PREDICTED]


@pytest.mark.parametrize("kind", ["elman-tanh", "gru", "lstm", "qrnn"])
def test_gradients_by_words_are_those_of_the_whole_model(kind: str) -> None:
    model = double(kind)
    vectors_tbe = model.embedding(torch.tensor(IDS).unsqueeze(1)).detach().requires_grad_()
    (expected_tbe,) = torch.autograd.grad(log_probability(model, vectors_tbe), vectors_tbe)
    found = flow_to(model, IDS, PREDICTED)
    assert found.first == 0
    assert torch.allclose(found.measures["input"], expected_tbe[:, 0].norm(dim=1))
    assert torch.allclose(found.measures["input x gradient"], (vectors_tbe * expected_tbe).sum(2)[:, 0].detach())
    assert found.log_probability == pytest.approx(float(log_probability(model, vectors_tbe).detach()))


def test_an_attention_models_gradient_is_what_a_small_change_does() -> None:
    model = double("attention")
    found = flow_to(model, IDS, PREDICTED)
    step, word = 1e-5, 2
    ids_tb = torch.tensor(IDS).unsqueeze(1)

    def changed(scale: float) -> float:
        def scaled(*called: Any) -> torch.Tensor:
            output = called[2].clone()
            output[word] *= scale
            return output

        hook = model.embedding.register_forward_hook(scaled)
        try:
            return float(model(ids_tb, model.initial_state(1))[0][-1, 0, PREDICTED])
        finally:
            hook.remove()

    slope = (changed(1 + step) - changed(1 - step)) / (2 * step)
    assert found.measures["input x gradient"][word].item() == pytest.approx(slope, rel=1e-5)
    assert set(found.measures) == {"input x gradient", "input"}


def test_the_cell_path_is_the_product_of_forget_gates() -> None:
    model = double("lstm", layers=1)
    assert isinstance(model, RecurrentLanguageModel)
    found = flow_to(model, IDS, PREDICTED)
    (cell,) = model.torch_cells
    state, gates, cells = cell.initial_state(1), [], []
    for index in IDS:
        vector_be = model.embedding(torch.tensor([index]))
        gates.append(cell.gate_values(vector_be, state))
        state = cell.step(vector_be, state)
        cells.append(state[1])
    hidden_bh = state[0].detach().requires_grad_()
    log_prob = torch.log_softmax(model.logits(model.project(hidden_bh)), dim=1)[0, PREDICTED]
    (gradient_bh,) = torch.autograd.grad(log_prob, hidden_bh)
    gradient_bh = gradient_bh * gates[-1]["output"] * (1 - torch.tanh(cells[-1]) ** 2)
    for place in reversed(range(len(IDS))):
        assert found.measures["cell state, cell path"][place].item() == pytest.approx(
            float(gradient_bh.norm()), rel=1e-9
        )
        gradient_bh = gradient_bh * gates[place]["forget"]
    both = found.measures["cell path"] + found.measures["hidden path"]
    assert torch.allclose(both, found.measures["input x gradient"])
    assert found.measures["hidden path"].abs().max() > 0


def test_only_the_last_words_are_looked_at_from_where_the_text_has_brought_the_state() -> None:
    for kind in ("gru", "attention"):
        model = double(kind)
        whole, part = flow_to(model, IDS, PREDICTED), flow_to(model, IDS, PREDICTED, longest=2)
        assert part.first == len(IDS) - 2
        assert part.log_probability == pytest.approx(whole.log_probability)
        if kind == "gru":
            assert torch.allclose(part.measures["input"], whole.measures["input"][-2:])
