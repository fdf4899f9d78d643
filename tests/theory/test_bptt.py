"""Hand-derived gradients equal autograd's for every size, and a wrong formula is found out."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import ModelConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.theory import bptt
from rnn_lm.theory.measure import autograd_gradients, truncated_gradients

TIGHT = 1e-10
VOCABULARY = 6


def make(seed: int, cell: str = "rnn", hidden: int = 4, layers: int = 1, tied: bool = False, engine: str = "hand"):
    random = torch.Generator().manual_seed(seed)
    settings_ = ModelConfig(
        cell=cell,
        engine=engine,  # pyright: ignore[reportArgumentType]
        hidden_size=hidden,
        layers=layers,
        tie_weights=tied,
        recurrent_gain=1.2,
    )
    return RecurrentLanguageModel(VOCABULARY, 3, settings_, random).double(), random


def text(steps: int, batch: int, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    input_tb, target_tb = (torch.randint(VOCABULARY, (steps, batch), generator=random) for _ in range(2))
    return input_tb, target_tb


def distance(left: torch.Tensor, right: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(left - right) / torch.linalg.vector_norm(right).clamp_min(1e-30))


@settings(deadline=None, max_examples=20)
@given(
    cell=st.sampled_from(["rnn", "rnn-relu"]),
    engine=st.sampled_from(["hand", "library"]),
    hidden=st.sampled_from([1, 3, 5]),
    layers=st.integers(1, 3),
    tied=st.booleans(),
    steps=st.integers(1, 12),
    batch=st.integers(1, 3),
    seed=st.integers(0, 2**31),
)
def test_every_derivative_equals_autograd(
    cell: str, engine: str, hidden: int, layers: int, tied: bool, steps: int, batch: int, seed: int
) -> None:
    model, random = make(seed, cell, hidden, layers, tied, engine)
    input_tb, target_tb = text(steps, batch, random)
    target_tb[0, 0] = IGNORE
    state = (torch.rand(layers, batch, hidden, generator=random, dtype=torch.float64),)
    by_hand = bptt.model_gradients(model, input_tb, target_tb, state)
    measured = autograd_gradients(model, input_tb, target_tb, state)
    assert by_hand.keys() == measured.keys()
    for name, gradient in measured.items():
        assert torch.allclose(by_hand[name], gradient, rtol=TIGHT, atol=TIGHT), name


def test_a_wrong_derivative_of_the_activation_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model, random = make(3)
    input_tb, target_tb = text(8, 2, random)
    state = model.initial_state(2)
    measured = autograd_gradients(model, input_tb, target_tb, state)
    monkeypatch.setitem(bptt.SLOPE, "rnn", lambda hidden: 1 - hidden.abs())
    by_hand = bptt.model_gradients(model, input_tb, target_tb, state)
    assert distance(by_hand["layers.0.weight_hh"], measured["layers.0.weight_hh"]) > 1e-3


@settings(deadline=None, max_examples=15)
@given(steps=st.integers(1, 10), length=st.integers(1, 10), seed=st.integers(0, 2**31))
def test_truncation_keeps_the_pairs_within_a_segment_and_no_others(steps: int, length: int, seed: int) -> None:
    model, random = make(seed)
    input_tb, target_tb = text(steps, 2, random)
    layer = model.torch_cells[0]
    with torch.no_grad():
        zero_bh = torch.zeros(2, 4, dtype=torch.float64)
        hidden_tbh, _ = layer(model.embedding.weight[input_tb], (zero_bh,))
        _, upstream_tbh = bptt.decoder_gradients(model, hidden_tbh, target_tb)
        hidden_sbh = torch.cat([zero_bh.unsqueeze(0), hidden_tbh])
        pairs = bptt.pair_gradients(layer.weight_hh, hidden_sbh, 1 - hidden_tbh.square(), upstream_tbh)
    kept = torch.einsum("tk,tkhg->hg", bptt.within_segments(steps, length), pairs)
    measured = truncated_gradients(model, input_tb, target_tb, length)["layers.0.weight_hh"]
    assert torch.allclose(kept, measured, rtol=TIGHT, atol=TIGHT)
    if length >= steps:
        full = truncated_gradients(model, input_tb, target_tb, steps)["layers.0.weight_hh"]
        assert torch.equal(measured, full)


def test_segments_of_another_length_give_another_gradient() -> None:
    model, random = make(5)
    input_tb, target_tb = text(9, 2, random)
    shorter, longer = (
        truncated_gradients(model, input_tb, target_tb, length)["layers.0.weight_hh"] for length in (2, 3)
    )
    assert distance(shorter, longer) > 1e-3


@settings(deadline=None, max_examples=15)
@given(size=st.integers(1, 5), steps=st.integers(0, 8), seed=st.integers(0, 2**31))
def test_products_run_from_the_last_step_backwards(size: int, steps: int, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    weight_hh = torch.randn(size, size, generator=random, dtype=torch.float64)
    slope_th = torch.rand(steps, size, generator=random, dtype=torch.float64)
    products = bptt.jacobian_products(weight_hh, slope_th)
    assert products.shape == (steps + 1, size, size)
    whole = torch.eye(size, dtype=torch.float64)
    for slope_h in slope_th:  # forwards, each new step on the left
        whole = torch.diag(slope_h) @ weight_hh @ whole
    assert torch.allclose(products[-1], whole, rtol=TIGHT, atol=TIGHT)
