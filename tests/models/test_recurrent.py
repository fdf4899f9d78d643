"""The recurrent language model: the seam, the start, dropout, tying, and that every setting does something."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.gradients.unroll import unroll
from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel, count_parameters
from rnn_lm.padding import IGNORE
from rnn_lm.seeding import generator

V, E = 23, 6


def build(seed: int = 1, **settings) -> RecurrentLanguageModel:
    return RecurrentLanguageModel(V, E, ModelConfig(**{"hidden_size": 5, **settings}), generator(seed, "start"))


def some_text(steps: int = 9, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, V, (steps + 1, batch), generator=torch.Generator().manual_seed(2))
    return ids[:-1], ids[1:]


def test_padding_scores_zero():
    model = build()
    assert isinstance(model, LanguageModel)
    input_tb, target_tb = some_text()
    target_tb[-1, 0] = IGNORE
    nll_tb, _ = model.score(input_tb, target_tb, model.initial_state(3))
    assert nll_tb[-1, 0] == 0
    assert (nll_tb[-1, 1:] > 0).all()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layers": 3},
        {"tie_weights": False},
        {"hidden_size": E},
        {"cell": "gru"},
        {"cell": "rnn", "layers": 2},
        {"cell": "mogrifier", "layers": 2, "mogrifier_rank": 3},
        {"layers": 3, "last_hidden_size": E},
    ],
)
def test_parameters_are_counted_without_making_the_model(settings):
    model = build(**settings)
    assert count_parameters(V, E, model.config) == sum(parameter.numel() for parameter in model.parameters())


def test_the_same_seed_gives_the_same_bits_and_another_another_start():
    first, again, other = build(seed=3), build(seed=3), build(seed=4)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


def test_start_follows_its_settings():
    lstm = build(cell="lstm", forget_bias=2.5, recurrent_gain=0.7).torch_cells[0]
    assert torch.equal(lstm.bias_ih[5:10], torch.full((5,), 2.5))
    assert lstm.bias_hh.abs().sum() + lstm.bias_ih[:5].abs().sum() + lstm.bias_ih[10:].abs().sum() == 0
    for block in lstm.weight_hh.detach().chunk(4):
        torch.testing.assert_close(block @ block.T, 0.49 * torch.eye(5), rtol=1e-4, atol=1e-5)
    uniform = build(recurrent_init="uniform").torch_cells[0].weight_hh
    assert uniform.abs().max() <= 5**-0.5


@pytest.mark.parametrize(
    "where", ["dropout_input", "dropout_between", "dropout_output", "dropout_recurrent", "dropout_state"]
)
def test_each_dropout_acts_through_its_mask_alone_and_keeps_the_mean(where):
    dropout: dict[str, Any] = {where: 0.5}
    model = build(layers=2, **dropout)
    input_tb, _ = some_text(batch=4)
    masks = model.draw_masks(4, generator(1, "dropout"))
    plain, _ = model.encode(input_tb, model.initial_state(4))
    dropped, _ = model.encode(input_tb, model.initial_state(4), masks)
    assert not torch.allclose(plain, dropped)
    drawn = [mask for field in masks for mask in (field if isinstance(field, tuple) else [field]) if mask is not None]
    assert len(drawn) == (2 if where in ("dropout_recurrent", "dropout_state") else 1)
    assert all(set(mask.unique().tolist()) <= {0.0, 2.0} for mask in drawn)


def test_output_mask_is_the_same_at_every_time_step():
    model = build(dropout_output=0.5, tie_weights=False)
    input_tb, _ = some_text()
    output_tbd, _ = model.encode(input_tb, model.initial_state(3), model.draw_masks(3, generator(1, "dropout")))
    zero_tbd = output_tbd == 0
    assert zero_tbd.any()
    assert torch.equal(zero_tbd, zero_tbd[:1].expand_as(zero_tbd))


def test_tied_decoder_is_the_embedding_and_a_projection_joins_unequal_sizes():
    tied, equal, untied = build(), build(hidden_size=E), build(tie_weights=False)
    assert tied.decoder_weight is tied.embedding.weight
    assert tied.projection is not None
    assert equal.projection is None
    assert untied.decoder_weight.shape == (V, 5)


def test_given_vectors_keep_their_angles_and_can_be_frozen():
    vectors_ve = torch.randn(V, E, generator=torch.Generator().manual_seed(1)) * 7
    model = build(tie_weights=False)
    model.load_embedding(vectors_ve, frozen=True)
    ratio = model.embedding.weight / vectors_ve
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio), rtol=1e-4, atol=1e-6)
    assert not model.embedding.weight.requires_grad
    with pytest.raises(UserError, match="--no-tie-weights"):
        build().load_embedding(vectors_ve, frozen=True)


OF_ATTENTION = {"heads", "feed_forward_size", "positions", "sharpness", "attention_window"}
"""Settings that tests/models/test_families.py exercises."""


@pytest.mark.parametrize(
    "field", [field.name for field in dataclasses.fields(ModelConfig) if field.name not in OF_ATTENTION]
)
def test_every_setting_changes_what_is_computed(field):
    """No setting silently does nothing. The engine alone is meant to change nothing, which test_cells.py checks."""
    changed = {
        "cell": "gru", "engine": "hand", "hidden_size": 4, "layers": 3, "tie_weights": False, "dropout_input": 0.5,
        "dropout_between": 0.5, "dropout_output": 0.5, "dropout_recurrent": 0.5, "forget_bias": 3.0,
        "recurrent_init": "uniform", "recurrent_gain": 0.5,
        "last_hidden_size": 4, "mogrifier_rounds": 2, "mogrifier_rank": 3, "dropout_embedding": 0.5,
        "embedding_range": 0.1, "init_range": 0.05, "dropout_state": 0.5, "skip_connections": True,
        "cap_input_gate": True, "read_norm": False,
    }  # fmt: skip
    input_tb, target_tb = some_text()

    def loss(**settings) -> float:
        model = build(**{"layers": 2, **settings})
        masks = model.draw_masks(3, generator(1, "dropout"), len(input_tb))
        output_tbd, _ = model.encode(input_tb, model.initial_state(3), masks)
        return float(nn_loss(model.logits(output_tbd.flatten(0, 1)), target_tb.flatten()).detach())

    nn_loss = torch.nn.functional.cross_entropy
    if field == "engine":
        assert loss(engine="hand") == pytest.approx(loss(), abs=1e-6)
    elif field == "decoder":  # it takes the place of an untied matrix
        untied: dict[str, Any] = {"tie_weights": False, "hidden_size": 16}
        assert loss(decoder="adaptive", **untied) != pytest.approx(loss(**untied), abs=1e-6)
    elif field == "dropout_masks":
        drawn: dict[str, Any] = {"dropout_input": 0.5}
        assert loss(dropout_masks="step", **drawn) != pytest.approx(loss(**drawn), abs=1e-6)
    elif field.startswith("mogrifier") or field == "read_norm":
        cell: dict[str, Any] = {"cell": "deltanet" if field == "read_norm" else "mogrifier"}
        assert loss(**cell, **{field: changed[field]}) != pytest.approx(loss(**cell), abs=1e-6)
    else:
        assert loss(**{field: changed[field]}) != pytest.approx(loss(), abs=1e-6)


def test_the_state_is_dropped_where_it_is_read_and_carried_whole():
    model = build(layers=2, dropout_state=0.5, dropout_masks="step").double()
    input_tb, _ = some_text()
    masks = model.draw_masks(3, generator(1, "dropout"), len(input_tb))
    first, second = masks.state_lbh
    assert first is not None
    assert second is not None
    assert first.shape == second.shape == (len(input_tb), 3, 5)
    assert not torch.equal(first[0], first[1])
    found, last = model.hidden(input_tb, model.initial_state(3), masks)
    expected, states = [], model.layers.initial_state(3)
    for step, token_b in enumerate(input_tb):
        dropped = [(h * mask[step], c) for (h, c), mask in zip(states, (first, second), strict=True)]
        states = model.layers.step(model.embedding(token_b), dropped)
        expected.append(states[1][0])
    torch.testing.assert_close(found, torch.stack(expected))
    torch.testing.assert_close(last[0], torch.stack([states[0][0], states[1][0]]))
    with pytest.raises(UserError, match="--dropout-state: the state of the cell gru is more than an input"):
        build(cell="gru", dropout_state=0.1)


def test_skip_connections_decode_the_sum_of_the_layers_outputs_and_step_as_they_score():
    model, plain = (build(layers=3, skip_connections=skips).double() for skips in (True, False))
    input_tb, target_tb = some_text()
    with torch.no_grad():
        summed, last = model.hidden(input_tb, model.initial_state(3))
        below = model.embed(input_tb)
        expected: list[torch.Tensor] = []
        for cell in plain.cells:
            below, _ = cell(below, cell.initial_state(3))
            expected.append(below)
        torch.testing.assert_close(summed, sum(expected))
        nll_tb, _ = model.score(input_tb, target_tb, model.initial_state(3))
        state = model.initial_state(3)
        for step, token_b in enumerate(input_tb):
            log_prob_bv, state = model.step(token_b, state)
            torch.testing.assert_close(-log_prob_bv.gather(1, target_tb[step, :, None])[:, 0], nll_tb[step])
        torch.testing.assert_close(state, last)
        trace = unroll(model, input_tb, model.initial_state(3))
        torch.testing.assert_close(trace.output_tbd, model.project(summed))


def test_layers_of_unequal_size_step_as_they_score_and_leave_the_padding_zero():
    model = build(layers=3, hidden_size=8, last_hidden_size=E, embedding_range=0.7)
    assert model.projection is None
    assert [layer.weight_hh.shape[1] for layer in model.torch_cells] == [8, 8, E]
    input_tb, target_tb = some_text()
    with torch.no_grad():
        whole, last = model.score(input_tb, target_tb, model.initial_state(3))
        state = model.initial_state(3)
        for step, token_b in enumerate(input_tb):
            log_probs_bv, state = model.step(token_b, state)
            found = -log_probs_bv.gather(1, target_tb[step, :, None]).squeeze(1)
            torch.testing.assert_close(found, whole[step], rtol=1e-5, atol=1e-6)
    for part in last:
        assert part.shape == (3, 3, 8)
        assert part[2, :, E:].abs().sum() == 0
        assert part[2, :, :E].abs().sum() > 0


def test_one_range_holds_for_every_number():
    model = build(layers=2, init_range=0.01, forget_bias=0.0, tie_weights=False)
    for parameter in model.parameters():
        assert 0 < parameter.abs().max() <= 0.01


def test_masks_of_each_step_differ_and_dropped_words_are_dropped_wherever_they_stand():
    model = build(dropout_input=0.5, dropout_output=0.5, dropout_masks="step")
    masks = model.draw_masks(3, generator(1, "dropout"), 9)
    for mask, size in ((masks.input_be, E), (masks.output_bh, 5)):
        assert mask is not None
        assert mask.shape == (9, 3, size)
        assert not torch.equal(mask[0], mask[1])
    words = build(dropout_embedding=0.5)
    masks = words.draw_masks(3, generator(1, "dropout"))
    assert masks.embedding_v is not None
    input_tb, _ = some_text()
    dropped, _ = words.encode(input_tb, words.initial_state(3), masks)
    with torch.no_grad():
        words.embedding.weight.mul_(masks.embedding_v.unsqueeze(1))
    by_hand, _ = words.hidden(input_tb, words.initial_state(3))
    with torch.no_grad():
        torch.testing.assert_close(dropped, words.project(by_hand))
