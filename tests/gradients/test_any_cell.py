"""Gradients of cells whose parameters do not lie as torch.nn's: linear ones from their gates, any other by autograd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_lm.commands import gradients
from rnn_lm.config import CorpusConfig, ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.gradients import run as module
from rnn_lm.gradients.by_lag import lag_gradients, norms_by_lag
from rnn_lm.gradients.config import GradientsConfig
from rnn_lm.gradients.coordinates import MOST_NUMBERS, coordinates, parts_read, require_cell_within_reach
from rnn_lm.gradients.diagonal import gate_error, gated_norms, gated_product, gated_run, gates_along
from rnn_lm.gradients.jacobians import along, jacobian_by_autograd, log_product_norms
from rnn_lm.gradients.lyapunov import lyapunov_run
from rnn_lm.gradients.run import run_gradients
from rnn_lm.gradients.unroll import in_float64, unroll
from rnn_lm.gradients.windows import Windows
from rnn_lm.layers.cells import CELLS, Cell, TorchCell
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.prepare import prepare
from rnn_lm.progress import SilentProgress
from rnn_lm.report.figures_gradients import gradient_charts
from rnn_lm.report.results_gradients import inconsistencies
from rnn_lm.seeding import generator

LINEAR = ("mingru", "minlstm", "qrnn", "hgrn", "rg-lru")
OTHERS = ("slstm", "mlstm", "deltanet")
V, E, H, LAGS = 11, 4, 3, 6


def model_of(cell: str, seed: int = 1) -> RecurrentLanguageModel:
    config = ModelConfig(cell=cell, hidden_size=H, layers=2)
    model = in_float64(RecurrentLanguageModel(V, E, config, generator(seed, "start")))
    source = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, dtype=parameter.dtype, generator=source))
    return model


def windows(columns: int = 2, rows: int = 2 * LAGS) -> Windows:
    ids = torch.randint(V, (rows + 1, columns), generator=torch.Generator().manual_seed(3))
    return Windows(ids[:-1], ids[1:], columns)


def last_trace(model: RecurrentLanguageModel, texts: Windows):
    return unroll(model, texts.input_tb, model.initial_state(texts.input_tb.shape[1])).layers[-1]


@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 10_000))
@pytest.mark.parametrize("name", LINEAR)
def test_of_a_linear_cell_the_gates_predict_the_gradient_to_rounding(name: str, seed: int) -> None:
    model, texts = model_of(name, seed), windows()
    measured_kbn = lag_gradients(model, texts, LAGS).state_kbn
    gates_tbh = gates_along(last_trace(model, texts))
    predicted_kb = gated_norms(gates_tbh, measured_kbn[0], LAGS)
    torch.testing.assert_close(predicted_kb, measured_kbn.norm(dim=2), rtol=1e-10, atol=1e-14)
    assert gate_error(last_trace(model, texts)) < 1e-14


@pytest.mark.parametrize("name", LINEAR)
def test_the_gate_is_all_of_a_linear_cell_s_jacobian(name: str) -> None:
    trace = last_trace(model_of(name), windows())
    gates_tbh = gates_along(trace)
    for row, state in enumerate(trace.states[:-1]):
        found_bnn = jacobian_by_autograd(trace.layer, trace.input_tbe[row], state)
        torch.testing.assert_close(found_bnn, torch.diag_embed(gates_tbh[row]), rtol=1e-12, atol=1e-14)
    # So what is made of gates is what is made of matrices.
    matrices = [torch.diag_embed(gate_bh) for gate_bh in gates_tbh]
    from_matrices = lyapunov_run(iter(matrices), H, 2, torch.Generator().manual_seed(1)).exponents_bq
    from_gates = gated_run(gates_tbh, H, 2).exponents_bq
    torch.testing.assert_close(from_gates.sum(1), from_matrices.sum(1))
    norms = log_product_norms(iter(matrix[:1] for matrix in matrices), [1, 3, 5])[:, 0]
    torch.testing.assert_close(torch.tensor(gated_product(gates_tbh[:, 0], [1, 3, 5]), dtype=norms.dtype), norms)


@pytest.mark.parametrize("name", OTHERS)
def test_gradients_of_any_other_cell_flow_back_by_its_jacobians(name: str) -> None:
    model, texts = model_of(name), windows()
    by_state_kbn = lag_gradients(model, texts, LAGS).state_kbn
    trace = last_trace(model, texts)
    jacobians = list(along(trace, name))
    flowing_bn = by_state_kbn[0]
    for lag in range(1, LAGS + 1):
        flowing_bn = (jacobians[-lag].mT @ flowing_bn.unsqueeze(2)).squeeze(2)
        torch.testing.assert_close(by_state_kbn[lag], flowing_bn, rtol=1e-9, atol=1e-13)
    assert flowing_bn.abs().max() > 0


def test_coordinates_are_what_the_next_step_reads() -> None:
    settings_ = {"engine": "auto"}
    found = {name: coordinates(CELLS[name].of(E, H, settings_)) for name in (*LINEAR, *OTHERS, "lstm", "gru")}
    assert found["qrnn"] == found["hgrn"] == (1,)
    assert found["mingru"] == found["minlstm"] == found["rg-lru"] == found["gru"] == (0,)
    assert found["lstm"] == (0, 1)
    assert found["slstm"] == (0, 1, 2, 3)
    assert found["mlstm"] == (0, 1, 2, 3, 17, 18)  # of 16 columns those of a head of 3 units, n and m
    assert found["deltanet"] == tuple(range(17))
    assert parts_read(CELLS["deltanet"].of(E, H, settings_)) == tuple(range(1, 17))


def test_where_no_step_reads_the_hidden_state_the_state_is_followed() -> None:
    for name in ("hgrn", "deltanet"):
        norms = norms_by_lag(model_of(name), windows(), LAGS)
        assert torch.equal(norms["hidden"], norms["state"])
        assert norms["hidden"][-1].min() > 0


class Three(TorchCell):
    """A cell in torch's layout with three parts, none of which is one of the house's."""

    state_parts = 3

    @staticmethod
    def equations(input_be, state, parameters):
        weight_ih, weight_hh, bias_ih, bias_hh = parameters
        hidden = torch.tanh(input_be @ weight_ih.T + bias_ih + state[0] @ weight_hh.T + bias_hh + state[1])
        return hidden, 0.5 * state[1] + 0.1 * hidden, 0.9 * state[2] + hidden


class Memoryless(Cell):
    """One whose step reads nothing of its state."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.weight = torch.nn.Parameter(torch.ones(hidden_size, input_size))

    def step(self, input_be, state):
        return (input_be @ self.weight.T + 0 * state[0],)


@pytest.fixture
def own_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CELLS, "_entries", {**CELLS._entries, "three": Three, "memoryless": Memoryless})


@pytest.mark.usefixtures("own_cells")
def test_a_cell_in_torch_s_layout_may_have_three_parts() -> None:
    model, texts = model_of("three"), windows()
    found = lag_gradients(model, texts, LAGS)
    assert found.cell_kbh is None
    assert found.recurrent_lkbg is not None
    assert found.recurrent_lkbg.shape == (2, LAGS + 1, 2, H)
    *_, jacobian_bnn = along(last_trace(model, texts), "three")
    expected_bn = (jacobian_bnn.mT @ found.state_kbn[0].unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(found.state_kbn[1], expected_bn, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("own_cells")
def test_what_cannot_be_looked_into_is_refused_before_training(monkeypatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cell memoryless: a step reads nothing"):
        require_cell_within_reach("memoryless", 8)
    with pytest.raises(UserError, match=rf"cell deltanet: .*2,176 rows.*--probe-size, to {MOST_NUMBERS // 17} or less"):
        require_cell_within_reach("deltanet", 128)
    require_cell_within_reach("deltanet", 60)
    require_cell_within_reach("mingru", 5000)

    def forbidden(*_: Any) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(module, "train_subject", forbidden)
    (tmp_path / "text.txt").write_text("the cat sat\n" * 60)
    prepared = prepare(CorpusConfig(corpus=(str(tmp_path / "text.txt"),)), SilentProgress())
    for cell, message in (("memoryless", "reads nothing"), ("no-such", "no-such")):
        with pytest.raises(UserError, match=message):
            run_gradients(GradientsConfig(cells=("gru", cell)), prepared, tmp_path, SilentProgress())


def test_the_whole_of_it_is_measured_drawn_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "clip", lambda *_: {"rows": [], "runs": [], "vocabulary_size": 2})
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "the", "dog", "that", "ran", "to", "it"]
    lines = [" ".join(words[(line + step * step) % len(words)] for step in range(9)) for line in range(300)]
    (tmp_path / "text.txt").write_text("\n".join(lines))
    prepared = prepare(CorpusConfig(corpus=(str(tmp_path / "text.txt"),)), SilentProgress())
    small = GradientsConfig(
        cells=("mingru", "qrnn", "slstm"), probe_size=6, probe_budget="2steps", lags=12, warm_up=5, positions=4,
        trajectories=2, jacobians=5,
    )  # fmt: skip
    results: Any = run_gradients(small, prepared, tmp_path / "run", SilentProgress())
    by_name = {model["name"]: model for model in results["models"] if model["weights"] == "trained"}
    for name in ("mingru", "qrnn"):
        assert by_name[name]["prediction"]["factor"] == pytest.approx(1.0, abs=1e-6)
        assert by_name[name]["closed_form_error"] < 1e-14
        assert "truncation" not in by_name[name]
        assert len(by_name[name]["lyapunov"]["exponents"]) == 6
    assert by_name["slstm"]["closed_form_error"] is None
    assert len(by_name["slstm"]["lyapunov"]["exponents"]) == 24
    assert not [line for line in inconsistencies(results) if "clipping" not in line]
    names = {"clipping_norms_figure", "clipping_outcome_figure", "vanishing_figure"}
    for name in names:
        monkeypatch.setattr(f"rnn_lm.report.figures_gradients.{name}", lambda _: alt.Chart().mark_point())
    drawn = {name for name, _ in gradient_charts(results)}
    assert {"gradient-norm-by-lag", "gradient-prediction", "jacobian-product", "lyapunov-spectrum"} <= drawn
    assert "gradient-truncation" not in drawn


def test_a_refused_cell_leaves_nothing_in_out(tmp_path: Path) -> None:
    """What is too large is known before the folder is a run's, which would ask for --resume or another name."""
    (tmp_path / "text.txt").write_text("the cat sat\n" * 60)
    options = gradients.Options(
        out=tmp_path / "out",
        corpus=CorpusConfig(corpus=(str(tmp_path / "text.txt"),)),
        gradients=GradientsConfig(cells=("deltanet",)),
    )
    with pytest.raises(UserError, match="lower --probe-size"):
        gradients.run(options)
    assert not (tmp_path / "out").exists()
