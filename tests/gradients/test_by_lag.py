import pytest
import torch

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.gradients.by_lag import fitted_slope, geometric_summary, lag_gradients, norms_by_lag
from rnn_lm.gradients.unroll import cell_path_only, in_float64, unroll, warm_state
from rnn_lm.gradients.windows import Windows, spread_windows
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.stream import EncodedText

WARM, LAGS, COLUMNS = 3, 6, 4
CELLS = ("rnn", "rnn-relu", "gru", "lstm")


def tiny(cell: str, layers: int = 1) -> RecurrentLanguageModel:
    config = ModelConfig(cell=cell, hidden_size=5, layers=layers)
    return in_float64(RecurrentLanguageModel(11, 4, config, torch.Generator().manual_seed(2)))


def windows() -> Windows:
    ids_tb = torch.randint(11, (WARM + LAGS + 2, COLUMNS), generator=torch.Generator().manual_seed(5))
    return Windows(ids_tb[:-1], ids_tb[1:], ids_tb.shape[1])


def brute_force(model: RecurrentLanguageModel, lag: int) -> list[torch.Tensor]:
    """Gradient by every part of the last layer's state at T-lag, through torch's own kernels: a state is put in by hand
    and the rest of the window is read from there."""
    tokens = windows()
    before = WARM + LAGS + 1 - lag
    _, reached = model.encode(tokens.input_tb[:before], model.initial_state(COLUMNS))
    leaves = [part[-1].clone().requires_grad_() for part in reached]
    state = tuple(torch.cat([part[:-1], leaf.unsqueeze(0)]) for part, leaf in zip(reached, leaves, strict=True))
    nll_tb, _ = model.score(tokens.input_tb[before:], tokens.target_tb[before:], state)
    return list(torch.autograd.grad(nll_tb[-1].sum(), leaves))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_brute_force(cell: str, layers: int) -> None:
    model = tiny(cell, layers)
    gradients = lag_gradients(model, windows(), LAGS)
    for lag in range(1, LAGS + 1):
        hidden, *kept = brute_force(model, lag)
        torch.testing.assert_close(gradients.hidden_kbh[lag], hidden, rtol=1e-9, atol=1e-12)
        if kept:
            assert gradients.kept_kbh is not None
            torch.testing.assert_close(gradients.kept_kbh[lag], kept[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_lag_0_is_the_decoder_s_gradient(cell: str) -> None:
    model = tiny(cell)
    tokens = windows()
    output_tbd, _ = model.encode(tokens.input_tb, model.initial_state(COLUMNS))
    by_logits = torch.softmax(model.logits(output_tbd[-1]), 1)
    by_logits[torch.arange(COLUMNS), tokens.target_tb[-1]] -= 1
    assert model.projection is not None
    expected = by_logits @ model.decoder_weight @ model.projection.weight
    torch.testing.assert_close(lag_gradients(model, tokens, LAGS).hidden_kbh[0], expected)


def test_the_cell_path_is_the_product_of_forget_gates() -> None:
    model = tiny("lstm")
    tokens = windows()
    only = lag_gradients(model, tokens, LAGS, cell_path_only).cell_kbh
    by_hidden = lag_gradients(model, tokens, LAGS).hidden_kbh[0]
    assert only is not None
    trace = unroll(model, tokens.input_tb, model.initial_state(COLUMNS)).layers[0]
    weight_ih, weight_hh, bias_ih, bias_hh = model.torch_cells[0].cell_parameters()
    forget, output = [], []
    for row, input_be in enumerate(trace.input_tbe):
        gates = input_be @ weight_ih.T + bias_ih + trace.states[row][0] @ weight_hh.T + bias_hh
        _, f, _, o = gates.chunk(4, dim=1)
        forget.append(torch.sigmoid(f))
        output.append(torch.sigmoid(o))
    product = output[-1] * (1 - torch.tanh(trace.states[-1][1]).square()) * by_hidden
    for lag in range(LAGS + 1):
        torch.testing.assert_close(only[lag], product, rtol=1e-9, atol=1e-14)
        product = product * forget[-1 - lag]


def test_the_paths_of_an_lstm_add_up() -> None:
    model = tiny("lstm")
    everything = lag_gradients(model, windows(), LAGS)
    norms = norms_by_lag(model, windows(), LAGS)
    assert everything.cell_kbh is not None
    assert everything.kept_kbh is not None
    # c(T-k) reaches the loss through step T-k+1's cell and through h(T-k) = o * tanh(c).
    trace = unroll(model, windows().input_tb[WARM:], warm_state(model, windows().input_tb[:WARM])).layers[0]
    for lag in range(LAGS + 1):
        hidden, cell = trace.states[-1 - lag]
        slope = hidden / torch.tanh(cell) * (1 - torch.tanh(cell).square())
        total = everything.kept_kbh[lag] + slope * everything.hidden_kbh[lag]
        torch.testing.assert_close(everything.cell_kbh[lag], total)
    assert (norms["cell"] <= norms["cell only"] + norms["cell rest"] + 1e-15).all()
    assert (norms["cell rest"][0] < 1e-15).all()
    torch.testing.assert_close(norms["state"].square(), norms["hidden"].square() + everything.kept_kbh.norm(dim=2) ** 2)


def test_columns_are_independent_of_how_many_are_differentiated_together(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("gru")
    together = norms_by_lag(model, windows(), LAGS)["hidden"]
    monkeypatch.setattr("rnn_lm.gradients.by_lag.COLUMNS_AT_A_TIME", 3)
    torch.testing.assert_close(norms_by_lag(model, windows(), LAGS)["hidden"], together)


def test_windows_are_spread_over_the_whole_text_and_shifted_by_one() -> None:
    text = EncodedText(torch.arange(100) % 7, 0, 100)
    chosen = spread_windows(text, 20, 3)
    inputs_n, targets_n = text.inputs_and_targets()
    for column, start in enumerate((0, 40, 80)):
        assert chosen.input_tb[:, column].equal(inputs_n[start : start + 20])
        assert chosen.target_tb[:, column].equal(targets_n[start : start + 20])
    assert chosen.apart == 1
    assert spread_windows(text, 99, 64).input_tb.shape == (99, 2)
    with pytest.raises(UserError, match=r"100 tokens.*--lags"):
        spread_windows(text, 101, 3)


def test_slope_and_summary_of_an_exponential() -> None:
    rates_b = torch.tensor([-0.5, -0.1], dtype=torch.float64)
    norms_kb = torch.exp(torch.arange(9, dtype=torch.float64).unsqueeze(1) * rates_b)
    assert fitted_slope(norms_kb, 2).mean == pytest.approx(-0.3)
    summary = geometric_summary(norms_kb)
    assert summary["mean"][8] == pytest.approx(torch.exp(torch.tensor(-0.3 * 8)).item())
    assert summary["low"][8] < summary["mean"][8] < summary["high"][8]
    assert fitted_slope(torch.zeros_like(norms_kb), 0).mean == 0.0


def test_positions_that_share_a_topic_are_one_observation() -> None:
    """1,000 sentences of ten tokens: 64 windows of 150 fit side by side, but only 10 are 100 sentences apart."""
    text = EncodedText((torch.arange(1, 10_001) % 10 != 0).long(), 0, 10_000)
    windows = spread_windows(text, 150, 64)
    assert (windows.input_tb.shape[1], windows.apart) == (64, 10)
    assert windows.chosen(torch.tensor([3, 20, 40, 60])).apart == 4


def test_a_slope_has_students_interval_over_positions() -> None:
    rates_b = torch.tensor([-0.1, -0.2, -0.3, -0.4, -0.5], dtype=torch.float64)
    norms_kb = torch.exp(torch.arange(9, dtype=torch.float64).unsqueeze(1) * rates_b)
    found = fitted_slope(norms_kb, 2)
    assert found.low == pytest.approx(-0.3 - 2.7764 * (0.025 / 5) ** 0.5, rel=1e-4)
    few = fitted_slope(norms_kb, 2, apart=3)
    assert (few.low, few.high) == (None, None)
    assert few.mean == pytest.approx(-0.3)
