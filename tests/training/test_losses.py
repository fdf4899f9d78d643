"""The training losses: the exact one is cross-entropy to the last bit of sense, the sampled one estimates it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.layers import softmax
from rnn_lm.layers.softmax import Decoder
from rnn_lm.padding import IGNORE
from rnn_lm.training.losses import NoiseDistribution, exact_loss, sampled_loss

V, D = 30, 5


def case(positions: int, seed: int = 1) -> tuple[torch.Tensor, Decoder, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=source).requires_grad_()

    target_n = torch.randint(0, V, (positions,), generator=source)
    target_n[positions // 2] = IGNORE
    return draw(positions, D), Decoder(draw(V, D), draw(V)), target_n


@settings(deadline=None, max_examples=20)
@given(positions=st.integers(2, 40), chunk=st.integers(1, 50), seed=st.integers(0, 99))
def test_exact_loss_and_its_gradients_are_those_of_cross_entropy(positions, chunk, seed):
    output_nd, decoder, target_n = case(positions, seed)
    logits = output_nd @ decoder.weight_vd.T + decoder.bias_v
    expected = torch.nn.functional.cross_entropy(logits, target_n, ignore_index=IGNORE, reduction="sum")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(softmax, "CHUNK_ROWS", chunk)
        found = exact_loss(output_nd, decoder, target_n)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    leaves = [output_nd, decoder.weight_vd, decoder.bias_v]
    for ours, theirs in zip(
        torch.autograd.grad(3 * found, leaves), torch.autograd.grad(3 * expected, leaves), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def test_sampled_gradient_tends_to_the_exact_one_as_samples_grow():
    output_nd, decoder, target_n = case(12)
    noise = NoiseDistribution(torch.arange(1, V + 1))
    (exact,) = torch.autograd.grad(exact_loss(output_nd, decoder, target_n), output_nd)
    source = torch.Generator().manual_seed(7)

    def mean_error(samples: int) -> float:
        draws = [
            torch.autograd.grad(
                sampled_loss(output_nd, decoder, target_n, noise.draw(samples, source), noise), output_nd
            )[0]
            for _ in range(60)
        ]
        return float(torch.linalg.vector_norm(torch.stack(draws).mean(0) - exact) / torch.linalg.vector_norm(exact))

    few, many = mean_error(5), mean_error(2000)
    assert many < 0.05
    assert many < few


def test_noise_that_is_the_target_itself_is_struck_out():
    output_nd, decoder, target_n = case(4)
    noise = NoiseDistribution(torch.ones(V, dtype=torch.int64))
    target_n[:] = 3
    assert sampled_loss(output_nd, decoder, target_n, torch.tensor([3, 3]), noise).item() == pytest.approx(0, abs=1e-12)


def test_padding_adds_nothing_to_either_loss():
    output_nd, decoder, target_n = case(8)
    noise = NoiseDistribution(torch.ones(V, dtype=torch.int64))
    drawn = noise.draw(9, torch.Generator().manual_seed(1))
    kept = target_n != IGNORE
    torch.testing.assert_close(
        sampled_loss(output_nd, decoder, target_n, drawn, noise),
        sampled_loss(output_nd[kept], decoder, target_n[kept], drawn, noise),
    )
    torch.testing.assert_close(
        exact_loss(output_nd, decoder, target_n), exact_loss(output_nd[kept], decoder, target_n[kept])
    )


def test_noise_follows_the_counts_to_the_power_three_quarters():
    counts_v = torch.tensor([0, 1, 16, 81])
    noise = NoiseDistribution(counts_v)
    expected = torch.tensor([1.0, 1.0, 8.0, 27.0]) / 37
    torch.testing.assert_close(noise.log_probability_v.exp(), expected)
    drawn = torch.bincount(noise.draw(40_000, torch.Generator().manual_seed(1)), minlength=4) / 40_000
    torch.testing.assert_close(drawn, expected, rtol=0, atol=0.01)


def test_the_nll_of_a_token_that_underflows_is_still_exact() -> None:
    """A float32 probability below 1e-38 is 0, and its logarithm would be infinite."""
    output_nd, decoder = torch.ones(2, 1), Decoder(torch.tensor([[0.0], [200.0]]), torch.zeros(2))
    target_n = torch.tensor([0, 1])
    assert softmax.nll(output_nd, decoder, target_n).tolist() == [200.0, 0.0]
    assert exact_loss(output_nd, decoder, target_n).item() == 200.0


@pytest.mark.parametrize("most", [100, 200, 2**24])
def test_the_nll_of_many_positions_is_that_of_few(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Rows of logits are filled up for many; those that underflow and padding are among them."""
    output_nd, decoder, target_n = case(600)
    output_nd.data[5] *= 1e6
    logits = output_nd @ decoder.weight_vd.T + decoder.bias_v
    expected = torch.nn.functional.cross_entropy(logits, target_n, ignore_index=IGNORE, reduction="none")
    assert float(expected[5].detach()) > 1e4 or int(target_n[5]) == IGNORE
    monkeypatch.setattr(softmax, "CHUNK_NUMBERS", most)
    filled_up = []
    aligned = softmax.aligned
    monkeypatch.setattr(softmax, "aligned", lambda decoder: filled_up.append(aligned(decoder)) or filled_up[-1])
    torch.testing.assert_close(softmax.nll(output_nd, decoder, target_n), expected, rtol=1e-10, atol=1e-10)
    few = [softmax.nll(output_nd[part], decoder, target_n[part]) for part in (slice(0, 50), slice(50, 100))]
    torch.testing.assert_close(torch.cat(few), expected[:100], rtol=1e-10, atol=1e-10)
    words = [len(one.bias_v) for one in filled_up]
    assert V % softmax.ALIGNED
    assert words == ([V + -V % softmax.ALIGNED] if most >= V * D else []), "a decoder that is too large is not copied"


def test_a_decoder_that_is_aligned_is_not_copied() -> None:
    decoder = Decoder(torch.randn(32, 3), torch.randn(32))
    assert softmax.aligned(decoder) is decoder


@settings(deadline=None, max_examples=20)
@given(count=st.integers(0, 50), vocabulary=st.integers(1, 2**25))
def test_chunks_cover_every_position_once_and_keep_to_the_limits(count: int, vocabulary: int) -> None:
    parts = softmax.chunks(count, vocabulary)
    assert [index for part in parts for index in range(part.start, part.stop)] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert all(size == 1 or size * vocabulary <= softmax.CHUNK_NUMBERS for size in sizes)
    assert not sizes or sizes[0] == max(sizes)


def test_gradients_are_given_away_once() -> None:
    output_nd, decoder, target_n = case(4)
    loss = exact_loss(output_nd, decoder, target_n)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="earlier backward"):
        loss.backward()
