"""Words drawn with a decoder in 8 bits are distributed as float32 has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnn_lm.config import GenerationConfig, ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.evaluation import int8_drawing
from rnn_lm.evaluation.drawing import candidates
from rnn_lm.evaluation.generation import generate, why_not_int8
from rnn_lm.evaluation.int8_drawing import Int8Draw
from rnn_lm.layers.softmax import Decoder
from rnn_lm.models.int8_decoder import Int8Decoder, needs_another_device
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.vocabulary import Vocabulary

V, D = 11, 8
WORDS = Vocabulary(["<unk>", "<eos>", *map(str, range(58))], [1] * 60)


def writer(**settings: object) -> RecurrentLanguageModel:
    config = ModelConfig(hidden_size=16, layers=2, init_range=1.0, **settings)  # pyright: ignore[reportArgumentType]
    return RecurrentLanguageModel(60, 10, config, generator(1, "start"))


MISSING = needs_another_device(writer())
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"no products of 8 bits here: {MISSING}")


def coarse(struck_out: tuple[int, ...] = ()) -> tuple[Int8Decoder, torch.Tensor]:
    """A decoder that 8 bits make much of: a large number in each row, for a part of the output that is 0."""
    random = generator(6, "coarse")
    weight_vd, output_1d = torch.randn(V, D, generator=random), torch.randn(1, D, generator=random).tanh()
    weight_vd[:, 2] = 120 * torch.rand(V, generator=random)
    output_1d[0, 2] = 0.0
    return Int8Decoder(Decoder(weight_vd, torch.zeros(V)), struck_out), output_1d


def upper(eight: Int8Decoder, output_1d: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(eight.upper(output_1d.numpy()[0]).copy())


def distributions(eight: Int8Decoder, output_1d: torch.Tensor, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """By float32, and by what is proposed alone."""
    both = (eight.all_exact(output_1d), upper(eight, output_1d))
    in_float32, in_int8 = (torch.softmax(logits_v.double() / temperature, 0).numpy() for logits_v in both)
    return in_float32, in_int8


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7, 30.0])
def test_what_is_proposed_and_accepted_has_the_probabilities_of_float32(temperature: float) -> None:
    eight, output_1d = coarse()
    drawing = Int8Draw(eight, GenerationConfig(temperature=temperature), generator(1, "sampling"))
    drawing.draw(output_1d)
    shift = drawing._propose(eight.upper(output_1d.numpy()[0]))
    accepted = np.array([drawing._accepted(word, shift) for word in range(V)])
    assert (accepted <= drawing._weight_v).all(), "or a word would have to be accepted more often than always"
    in_float32, in_int8 = distributions(eight, output_1d, temperature)
    np.testing.assert_allclose(accepted / accepted.sum(), in_float32, rtol=2e-5)
    assert np.abs(in_float32 - in_int8).max() > 1e-3 / temperature


@pytest.mark.parametrize("most_refused", [16, 1])
def test_words_drawn_are_distributed_as_in_float32_and_not_as_they_are_proposed(most_refused, monkeypatch) -> None:
    """Also where patience ends at once."""
    monkeypatch.setattr(int8_drawing, "_MOST_REFUSED", most_refused)
    eight, output_1d = coarse()
    drawing = Int8Draw(eight, GenerationConfig(temperature=1.7), generator(1, "sampling"))
    count = 1200
    counts = np.bincount([drawing.draw(output_1d) or 0 for _ in range(count)], minlength=V)
    in_float32, in_int8 = (
        float(((counts - count * p) ** 2 / (count * p)).sum()) for p in distributions(eight, output_1d, 1.7)
    )
    assert in_float32 < 29.59, "chi-square with 10 degrees of freedom, once in a thousand"
    assert in_int8 > 45, "or the test could not tell them apart"


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"top_k": 1}, {"top_k": 4}, {"top_k": 4, "top_p": 0.7}])
def test_the_most_probable_are_those_of_float32(settings: dict) -> None:
    eight, output_1d = coarse(struck_out=(4,))
    config, random = GenerationConfig(**settings), generator(1, "outputs")
    differing = 0
    for _ in range(40):
        output_1d = torch.randn(1, D, generator=random).tanh()
        output_1d[0, 2] = 0.0
        log_probs_v = torch.log_softmax(eight.all_exact(output_1d), 0)
        expected = candidates(log_probs_v, config).ids_c.tolist()
        differing += expected != candidates(torch.log_softmax(upper(eight, output_1d), 0), config).ids_c.tolist()
        drawing = Int8Draw(eight, config, generator(1, "sampling"))
        drawn = {drawing.draw(output_1d) for _ in range(8 if len(expected) > 1 else 1)}
        assert drawn <= set(expected)
        assert len(expected) > 1 or drawn == set(expected)
    assert differing > 5, "8 bits alone would have chosen others"


@pytest.mark.parametrize("size", [1.0, 1e3, 1e-4])
def test_however_large_logits_are_words_are_drawn(size: float) -> None:
    """Beyond what exponentials can hold; and where every word proposed would be refused."""
    weight_vd = torch.randn(V, D, generator=generator(1, "large")) * size
    for bias in (0.0, 500.0, -500.0):
        decoder = Decoder(weight_vd, torch.full((V,), bias))
        drawing = Int8Draw(Int8Decoder(decoder), GenerationConfig(), generator(1, "sampling"))
        output_1d = torch.linspace(-1, 1, D).unsqueeze(0)
        counts = np.bincount([drawing.draw(output_1d) for _ in range(150)], minlength=V)  # pyright: ignore
        probability_v = torch.softmax((weight_vd.double() @ output_1d[0].double()), 0).numpy()
        assert np.abs(counts / 150 - probability_v).max() < 0.2


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}, {"top_k": 3}, {"temperature": 1e-3}])
def test_where_nothing_may_come_that_is_told(settings: dict) -> None:
    decoder = Decoder(torch.randn(V, D), torch.full((V,), -math.inf))
    drawing = Int8Draw(Int8Decoder(decoder), GenerationConfig(**settings), generator(1, "sampling"))
    assert drawing.draw(torch.rand(1, D)) is None


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("settings", [{}, {"top_k": 3}])
def test_an_output_that_is_no_number_gives_no_word(settings: dict, broken: float) -> None:
    decoder = Decoder(torch.randn(V, D), torch.zeros(V))
    output_1d = torch.rand(1, D)
    output_1d[0, 3] = broken
    drawing = Int8Draw(Int8Decoder(decoder), GenerationConfig(**settings), generator(1, "sampling"))
    assert drawing.draw(output_1d) is None


def text(model: RecurrentLanguageModel, **settings: object) -> list[int]:
    config = GenerationConfig(**{"length": 12, "sample_seed": 3, **settings})  # pyright: ignore[reportArgumentType]
    return list(generate(model, [3, 4], config, WORDS))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [40, 44, 30, 44, 5, 44, 59, 44, 7, 59, 11, 59]),
        ({"top_k": 5, "temperature": 0.7}, [40, 5, 44, 44, 44, 44, 40, 44, 44, 5, 44, 5]),
        ({"top_p": 0.8}, [5, 57, 44, 5, 44, 44, 11, 44, 44, 59, 44, 59]),
        ({"temperature": 0.0}, [44, 44, 44, 44, 44, 44, 40, 44, 40, 40, 40, 40]),
    ],
)
def test_words_in_float32_are_what_they_were_and_greedy_ones_are_the_same_in_8_bits(settings, expected) -> None:
    assert text(writer(), **settings) == expected
    if settings.get("temperature") == 0.0:
        assert text(writer(), decoder_precision="int8", **settings) == expected


@pytest.mark.parametrize("cell", ["lstm", "gru", "mogrifier"])
def test_a_seed_gives_the_same_text_again_and_unk_is_not_in_it(cell: str) -> None:
    model = writer(cell=cell)
    with torch.no_grad():
        model.output_product.bias_v[0] = 9.0
    texts = [text(model, decoder_precision="int8", length=40, sample_seed=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert 0 not in texts[0]
    assert 0 in text(model, decoder_precision="int8", allow_unk=True)
    both = [text(model, decoder_precision="int8", layer_precision="int8", length=40) for _ in range(2)]
    assert both[0] == both[1]
    assert len(both[0]) == 40


def test_torch_has_its_threads_and_its_mode_back_between_words() -> None:
    before = torch.get_num_threads()
    for _ in generate(writer(), [], GenerationConfig(length=3, decoder_precision="int8"), WORDS):
        assert torch.get_num_threads() == before
        assert not torch.is_inference_mode_enabled()


def test_what_cannot_be_had_is_refused_or_said() -> None:
    eight = GenerationConfig(decoder_precision="int8", length=5)
    assert why_not_int8(writer(), eight) is None
    assert why_not_int8(writer(decoder="adaptive", tie_weights=False), GenerationConfig()) is None, "nobody asked"
    with pytest.raises(UserError, match="--decoder-precision int8: the adaptive softmax .*; leave it out"):
        why_not_int8(writer(decoder="adaptive", tie_weights=False), eight)
    assert "float64" in str(why_not_int8(writer().double(), eight))
    assert len(list(generate(writer().double(), [], eight, WORDS))) == 5, "in what precision there is"


def test_a_nucleus_of_all_words_is_drawn_from_in_float32() -> None:
    """Its edge depends on the sum over all words, which 8 bits do not give exactly."""
    assert text(writer(), top_p=0.8, decoder_precision="int8") == text(writer(), top_p=0.8)
