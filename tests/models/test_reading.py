"""What reads a text for a writer gives what the model's steps give."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from rnn_lm.config import GenerationConfig, ModelConfig
from rnn_lm.evaluation.generation import why_not_int8_layers
from rnn_lm.layers.cells import CELLS
from rnn_lm.models import reading
from rnn_lm.models.attention import AttentionConfig, AttentionLanguageModel
from rnn_lm.models.int8_decoder import needs_another_device
from rnn_lm.models.reading import Int8LSTMReader, LSTMReader, StepReader, needs_other_layers, reader_of
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator

V = 40
TOKENS = (1, 5, 7, 5, 30, 1)


def check(model: RecurrentLanguageModel | AttentionLanguageModel, kind: type) -> None:
    """The same outputs, from two readers in turn: neither writes where the other, or the model, remembers."""
    readers = [reader_of(model), reader_of(model)]
    assert all(type(reader) is kind for reader in readers)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()
    state = model.initial_state(1)
    with torch.no_grad():
        for token in TOKENS:
            expected_1d, state = model.encode_step(torch.tensor([token]), state)
            for reader in readers:
                torch.testing.assert_close(reader.read(token), expected_1d, rtol=1e-5, atol=1e-6)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell: str) -> None:
    config = ModelConfig(cell=cell, hidden_size=12, layers=2, dropout_output=0.5)
    check(RecurrentLanguageModel(V, 8, config, generator(1, "start")), LSTMReader if cell == "lstm" else StepReader)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("embedding_size", [12, 5])
@pytest.mark.parametrize("tied", [True, False])
def test_lstms_of_all_shapes(layers: int, embedding_size: int, tied: bool) -> None:
    last = 9 if layers > 1 else None
    config = ModelConfig(hidden_size=12, last_hidden_size=last, layers=layers, tie_weights=tied, init_range=1.5)
    check(RecurrentLanguageModel(V, embedding_size, config, generator(1, "start")), LSTMReader)


@pytest.mark.parametrize("unusual", ["skip_connections", "cap_input_gate"])
def test_lstms_that_are_not_the_usual_one(unusual: str) -> None:
    setting: dict[str, Any] = {unusual: True}
    config = ModelConfig(hidden_size=12, layers=2, init_range=1.5, **setting)
    check(RecurrentLanguageModel(V, 8, config, generator(1, "start")), StepReader)


@pytest.mark.parametrize("layers", [1, 3])
def test_recurrent_products_in_8_bits_stay_near_float32_and_are_not_it(layers: int) -> None:
    config = ModelConfig(hidden_size=24, layers=layers, init_range=0.5)
    model = RecurrentLanguageModel(V, 8, config, generator(1, "start"))
    if reason := needs_another_device(model):
        pytest.skip(f"no products of 8 bits here: {reason}")
    exact, eight = LSTMReader(model), reader_of(model, "int8")
    assert type(eight) is Int8LSTMReader
    differing = []
    for token in TOKENS * 5:
        wanted_1d, found_1d = exact.read(token).clone(), eight.read(token)
        differing.append(float((found_1d - wanted_1d).abs().max()))
    assert 1e-6 < max(differing) < 0.05


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"cell": "gru"}, "not those of a plain LSTM \\(gru\\)"),
        ({"layers": 2, "skip_connections": True}, "skip connections"),
    ],
)
def test_layers_that_cannot_be_in_8_bits_are_read_in_float32_and_it_is_said_why(
    settings: dict[str, Any], reason: str
) -> None:
    model = RecurrentLanguageModel(V, 8, ModelConfig(hidden_size=8, **settings), generator(1, "start"))
    assert type(reader_of(model, "int8")) is StepReader
    assert re.search(reason, str(needs_other_layers(model)))
    config = GenerationConfig(decoder_precision="int8", layer_precision="int8")
    if needs_another_device(model) is None:
        assert why_not_int8_layers(model, config) == needs_other_layers(model)
    assert why_not_int8_layers(model, GenerationConfig()) is None


def test_products_of_words_read_before_are_kept_up_to_a_limit(monkeypatch) -> None:
    monkeypatch.setattr(reading, "_KEPT_BYTES", 2 * 4 * 4 * 12)
    model = RecurrentLanguageModel(V, 8, ModelConfig(hidden_size=12), generator(1, "start"))
    reader = LSTMReader(model)
    state = model.initial_state(1)
    with torch.no_grad():
        for token in (3, 4, 5, 3, 5):
            expected_1d, state = model.encode_step(torch.tensor([token]), state)
            torch.testing.assert_close(reader.read(token), expected_1d)
    assert reader._product_of.cache_info()[:] == (1, 4, 2, 2), "found, made, most, kept"


def test_attention() -> None:
    check(AttentionLanguageModel(V, AttentionConfig(hidden_size=8), generator(1, "start")), StepReader)
