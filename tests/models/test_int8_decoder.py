"""A decoder in 8 bits is never further from float32 than it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnn_lm.config import ModelConfig, NgramConfig
from rnn_lm.layers.softmax import Decoder
from rnn_lm.models import int8_product
from rnn_lm.models.int8_decoder import Int8Decoder, needs_another_device, needs_another_model
from rnn_lm.models.ngram import NgramLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.stream import EncodedText

V, D = 300, 40


def model_of(**settings: object) -> RecurrentLanguageModel:
    config = ModelConfig(hidden_size=16, **settings)  # pyright: ignore[reportArgumentType]
    return RecurrentLanguageModel(V, 16, config, generator(1, "start"))


MISSING = needs_another_device(model_of())
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"no products of 8 bits here: {MISSING}")


def decoder_of(kind: str, random: torch.Generator) -> Decoder:
    weight_vd = torch.randn(V, D, generator=random)
    if kind == "outliers":  # one number decides the scale of a row, and the others lose most of their digits
        weight_vd[::3, 5] = 30.0
    elif kind == "unequal":
        weight_vd *= torch.logspace(-4, 1, V).unsqueeze(1)
    elif kind == "zeros":
        weight_vd[::2] = 0.0
    return Decoder(weight_vd, torch.randn(V, generator=random))


@pytest.fixture(params=["one row", "packed", "packed, 7 bits"])
def engine(request, monkeypatch) -> None:
    """Whatever the processor: what others have is taken."""
    if request.param == "one row":
        if not int8_product.one_row_is_exact():
            pytest.skip("the processor has no AVX-512 VNNI")
        return
    monkeypatch.setattr(int8_product, "one_row_is_exact", lambda: False)
    if request.param == "packed, 7 bits":
        monkeypatch.setattr(int8_product, "has_vnni", lambda: False)
    elif not int8_product.has_vnni():
        pytest.skip("without AVX-512 VNNI vectors have 7 bits")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("kind", ["normal", "outliers", "unequal", "zeros"])
@pytest.mark.parametrize("size", [1.0, 1e-3, 0.0, 20.0])
def test_no_logit_in_float32_is_beyond_the_bounds(kind: str, size: float) -> None:
    random = generator(1, kind)
    decoder = decoder_of(kind, random)
    eight = Int8Decoder(decoder)
    for length in [1.0] * 10 + [0.3] * 10:
        output_1d = length * size * (2 * torch.rand(1, D, generator=random) - 1)
        exact_v = decoder.weight_vd.double() @ output_1d[0].double() + decoder.bias_v.double()
        upper_v, slack_v = eight.upper(output_1d.numpy()[0]), eight.slack(output_1d.numpy()[0])
        assert (upper_v >= exact_v.numpy()).all()
        assert (upper_v - 2 * slack_v <= exact_v.numpy()).all()
        for word in (0, 1, V - 1):
            assert abs(eight.exact(word, output_1d.numpy()[0]) - float(exact_v[word])) < 1e-3 * max(1.0, size)
        torch.testing.assert_close(eight.all_exact(output_1d).double(), exact_v, rtol=1e-4, atol=1e-3)


def test_the_bound_says_something() -> None:
    """At the sizes of a trained model, some tenths of a nat; within a factor of what errors are."""
    random = generator(1, "bound")
    decoder = Decoder(0.2 * torch.randn(10_000, 200, generator=random), torch.zeros(10_000))
    output_1d = torch.tanh(0.4 * torch.randn(1, 200, generator=random))
    eight = Int8Decoder(decoder)
    slack_v = eight.slack(output_1d.numpy()[0])
    error = np.abs(eight.upper(output_1d.numpy()[0]) - slack_v - eight.all_exact(output_1d).numpy()).max()
    assert error < float(slack_v.max()) < 15 * error
    assert float(slack_v.max()) < 0.7


def test_words_that_are_struck_out_have_no_logit_and_the_model_keeps_its_bias() -> None:
    model = model_of()
    eight = Int8Decoder(model.output_product, [0, 7])
    logits_v = eight.upper(np.ones(16, np.float32))
    assert np.flatnonzero(logits_v == -np.inf).tolist() == [0, 7]
    assert eight.exact(7, np.ones(16, np.float32)) == -np.inf
    assert bool(model.output_product.bias_v.isfinite().all())


def test_what_has_no_decoder_to_bring_to_8_bits_says_why() -> None:
    ngram = NgramLanguageModel.train(EncodedText(torch.tensor([2, 3, 1, 2, 1]), 1, 10), 5, NgramConfig(2))
    assert "NgramLanguageModel has no decoder" in str(needs_another_model(ngram))
    assert "adaptive" in str(needs_another_model(model_of(decoder="adaptive", tie_weights=False)))
    assert needs_another_model(model_of()) is None


def test_where_there_are_no_such_products_that_is_said(monkeypatch) -> None:
    assert "float64" in str(needs_another_device(model_of().double()))
    assert "cpu" in str(needs_another_device(model_of().to("meta"))).lower()
    monkeypatch.delattr(torch, "quantize_per_channel")
    assert "8 bits" in str(needs_another_device(model_of()))
