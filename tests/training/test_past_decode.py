"""Past decode regularization: beside a plain reference, and as part of runs that resume, record and are read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rnn_lm.checkpoint import BEST, read_checkpoint, restore_model
from rnn_lm.config import ModelConfig
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.padding import IGNORE
from rnn_lm.seeding import generator
from rnn_lm.training.losses import Scratch
from rnn_lm.training.past_decode import PastDecoder, add_past_decoder, past_decode_loss

from .conftest import VOCABULARY_SIZE, make_trainer
from .test_trainer import assert_equal_bits, weights

ON = {"softmax": "exact", "past_decode_penalty": 0.5}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("size", [5, 7])
def test_values_and_gradients_are_those_of_the_plain_formula(
    tied: bool, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnn_lm.layers.softmax.CHUNK_ROWS", 4)
    random = generator(1, "test")
    config = ModelConfig(hidden_size=size, tie_weights=tied)
    model = RecurrentLanguageModel(VOCABULARY_SIZE, 5, config, random).double()
    with torch.no_grad():
        model.output_product.bias_v.uniform_(-1, 1, generator=random)
    add_past_decoder(model, random)
    past = model.past_decoder
    assert isinstance(past, PastDecoder)
    with torch.no_grad():
        for bias in (past.bias, past.output_bias):
            bias.uniform_(-1, 1, generator=random)
    width = model.decoder_weight.shape[1]
    output_nd = torch.randn(10, width, dtype=torch.float64, generator=random, requires_grad=True)
    read_n, target_n = (torch.randint(VOCABULARY_SIZE, (10,), generator=random) for _ in range(2))
    target_n[3] = IGNORE

    expected_ne = torch.softmax(model.logits(output_nd), dim=1) @ model.embedding.weight
    logits_nv = torch.tanh(expected_ne @ past.weight.T + past.bias) @ model.decoder_weight.T + past.output_bias
    plain_n = torch.nn.functional.cross_entropy(logits_nv, read_n, reduction="none")
    plain = 0.3 * (plain_n * (target_n != IGNORE)).sum()
    found = past_decode_loss(model, output_nd, read_n, target_n, 0.3, Scratch())
    torch.testing.assert_close(found, plain, rtol=1e-12, atol=0)

    wanted = {"output": output_nd, **dict(model.named_parameters())}
    pair = [
        dict(zip(wanted, torch.autograd.grad(2 * loss, list(wanted.values()), allow_unused=True), strict=True))
        for loss in (plain, found)
    ]
    reached = [name for name, gradient in pair[0].items() if gradient is not None]
    assert {"output", "embedding.weight", "decoder.bias", "past_decoder.weight", "past_decoder.output_bias"} <= {
        *reached
    }
    for name in reached:
        torch.testing.assert_close(pair[1][name], pair[0][name], rtol=1e-9, atol=1e-13)


def test_the_logged_loss_is_the_nll_alone_and_the_gradient_is_of_both(tiny_data) -> None:
    plain, penalized = make_trainer(tiny_data, softmax="exact"), make_trainer(tiny_data, **ON)
    first, other = plain.step(), penalized.step()
    assert first.loss == other.loss
    assert plain.model.past_decoder is None
    assert {*other.parts} - {*first.parts} == {"past"}
    assert first.parts["embedding"] != other.parts["embedding"]


def test_a_resumed_run_ends_with_the_same_bits_and_leaves_a_model_without_it(tiny_data, tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = make_trainer(tiny_data, tmp_path / "whole", **ON)
    first = make_trainer(tiny_data, tmp_path / "cut", **ON)
    for _ in range(11):
        first.log.add(first.step())
    first.checkpoint.write(first.log)
    first.log.close()
    resumed = make_trainer(tiny_data, tmp_path / "cut", **ON)
    assert isinstance(resumed.model.past_decoder, PastDecoder)
    for trainer in (whole, resumed):
        trainer.run("tiny")
        assert trainer.model.past_decoder is None
    assert_equal_bits(weights(whole), weights(resumed))

    tensors, _ = read_checkpoint(tmp_path / "whole" / BEST)
    assert "model.past_decoder.weight" in tensors
    again = make_trainer(tiny_data).model
    restore_model(again, tensors, tmp_path / "whole" / BEST)
    assert json.dumps([*again.state_dict()]) == json.dumps([*whole.model.state_dict()])
    assert all(map(torch.equal, again.parameters(), whole.model.parameters()))


def test_without_the_exact_softmax_there_is_none(tiny_data) -> None:
    assert make_trainer(tiny_data, past_decode_penalty=0.5, softmax="sampled").model.past_decoder is None
