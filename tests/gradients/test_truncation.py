from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.config import ModelConfig
from rnn_lm.gradients.by_lag import lag_gradients
from rnn_lm.gradients.truncation import dropped_by_segments, dropped_by_window, dropped_share, truncation
from rnn_lm.gradients.unroll import in_float64
from rnn_lm.gradients.windows import Windows
from rnn_lm.models.recurrent import RecurrentLanguageModel

WARM, LAGS, COLUMNS = 2, 7, 3
CELLS = ("rnn", "gru", "lstm")


def tiny(cell: str, layers: int) -> RecurrentLanguageModel:
    config = ModelConfig(cell=cell, hidden_size=4, layers=layers)
    return in_float64(RecurrentLanguageModel(9, 4, config, torch.Generator().manual_seed(3)))


def windows() -> Windows:
    ids_tb = torch.randint(9, (WARM + LAGS + 2, COLUMNS), generator=torch.Generator().manual_seed(6))
    return Windows(ids_tb[:-1], ids_tb[1:], ids_tb.shape[1])


def truncated_gradient(model: RecurrentLanguageModel, steps: int) -> torch.Tensor:
    """d loss(T) / d W_hh of the last layer, by running autograd over the last ``steps`` steps alone."""
    tokens = windows()
    weight = model.torch_cells[-1].weight_hh
    before = len(tokens.input_tb) - steps
    state = tuple(part.detach() for part in model.encode(tokens.input_tb[:before], model.initial_state(COLUMNS))[1])
    weight.requires_grad_(True)
    nll_tb, _ = model.score(tokens.input_tb[before:], tokens.target_tb[before:], state)
    (gradient,) = torch.autograd.grad(nll_tb[-1].sum(), weight)
    weight.requires_grad_(False)
    return gradient


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_contributions_add_up_to_autograd_s_gradient(cell: str, layers: int) -> None:
    model = tiny(cell, layers)
    gradients = lag_gradients(model, windows(), LAGS)
    assert gradients.recurrent_lkbg is not None
    assert gradients.previous_lkbh is not None
    total = torch.einsum("kbg,kbh->gh", gradients.recurrent_lkbg[-1], gradients.previous_lkbh[-1])
    torch.testing.assert_close(total, truncated_gradient(model, LAGS + 1))


@pytest.mark.parametrize("cell", CELLS)
def test_errors_equal_those_of_gradients_that_were_truncated(cell: str) -> None:
    model = tiny(cell, 1)
    lengths = (1, 2, 5, LAGS + 1)
    cut = truncation(model, windows(), LAGS, lengths)
    gradients = {steps: truncated_gradient(model, steps) for steps in range(1, LAGS + 2)}
    whole = gradients[LAGS + 1]
    for index, length in enumerate(lengths):
        by_row = torch.stack([gradients[row + 1] for row in range(length)]).mean(0)
        window, segments = ((whole - kept).norm() / whole.norm() for kept in (gradients[length], by_row))
        assert cut.window_error[index] == pytest.approx(float(window), abs=1e-12)
        assert cut.segments_error[index] == pytest.approx(float(segments), abs=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_shares_fall_from_at_most_1_to_0_at_full_length(cell: str) -> None:
    cut = truncation(tiny(cell, 2), windows(), LAGS, range(1, LAGS + 5))
    assert cut.bptt_length == list(range(1, LAGS + 2))  # longer ones are beyond what was measured
    for shares in (cut.window_share, cut.segments_share):
        assert all(0 <= share <= 1 for share in shares)
        assert shares == sorted(shares, reverse=True)
    assert cut.window_share[-1] == 0
    assert cut.window_error[-1] == pytest.approx(0, abs=1e-12)
    assert all(segments >= window for segments, window in zip(cut.segments_share, cut.window_share, strict=True))


@settings(max_examples=25, deadline=None)
@given(lags=st.integers(0, 12), seed=st.integers(0, 10_000))
def test_share_is_monotone_for_any_masses(lags: int, seed: int) -> None:
    mass_kb = torch.rand(lags + 1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 1e-9
    for dropped in (dropped_by_window, dropped_by_segments):
        shares = [dropped_share(mass_kb, dropped(length, lags)) for length in range(1, 30)]
        assert all(0 <= share <= 1 for share in shares)
        assert all(later <= earlier + 1e-12 for earlier, later in pairwise(shares))
    assert dropped_share(mass_kb, dropped_by_window(lags + 1, lags)) == 0
