"""Dropout masks: how many entries are left out, whatever they are drawn by."""

from __future__ import annotations

import math

import pytest
import torch

from rnn_lm.models.dropout import LEAST_OF_16_BITS, draw_mask
from rnn_lm.seeding import generator

ENTRIES = 200_000


@pytest.mark.parametrize("under_autocast", [False, True])
@pytest.mark.parametrize(
    "probability", [LEAST_OF_16_BITS / 2, LEAST_OF_16_BITS, 0.2, 0.5, 0.75, 1 - LEAST_OF_16_BITS / 2]
)
def test_entries_are_left_out_with_the_probability_wherever_they_stand(probability, under_autocast):
    """Also those of each place among the four that share a number; five standard deviations are allowed."""
    with torch.autocast("cpu", torch.bfloat16, enabled=under_autocast):
        mask = draw_mask((ENTRIES // 8, 8), probability, generator(1, "masks"))
    assert mask is not None
    assert mask.dtype == torch.float32
    assert set(mask.unique().tolist()) <= {0.0, float(torch.tensor(1 / (1 - probability)))}
    left_out_n4 = (mask == 0).double().view(-1, 4)
    for place in left_out_n4.unbind(1):
        deviation = math.sqrt(probability * (1 - probability) / len(place))
        assert abs(float(place.mean()) - probability) < 5 * deviation
    pairs = float((left_out_n4[:, 0] * left_out_n4[:, 1]).mean())  # neighbors are independent
    assert abs(pairs - probability**2) < 5 * probability / math.sqrt(len(left_out_n4))


def test_a_mask_repeats_its_bits_and_goes_on():
    with torch.autocast("cpu", torch.bfloat16):
        source = generator(1, "masks")
        first, second = (draw_mask((7, 3), 0.5, source) for _ in range(2))
        again = draw_mask((7, 3), 0.5, generator(1, "masks"))
    assert first is not None
    assert again is not None
    assert second is not None
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_in_float32_the_cpu_draws_what_it_always_drew():
    """What a seed means does not change: the numbers of torch's own generator, one an entry."""
    mask = draw_mask((50, 20), 0.3, generator(4, "masks"))
    assert mask is not None
    expected = torch.empty(50, 20).bernoulli_(0.7, generator=generator(4, "masks")) / 0.7
    torch.testing.assert_close(mask, expected)
