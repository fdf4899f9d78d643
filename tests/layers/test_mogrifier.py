"""The Mogrifier's gating: its equations, its gradients, and what it comes to without rounds."""

from __future__ import annotations

import pytest
import torch

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.gradients.jacobians import along
from rnn_lm.gradients.unroll import in_float64, unroll
from rnn_lm.layers import LSTMCell
from rnn_lm.layers.cells import CellParameters, TorchCell
from rnn_lm.layers.cells.mogrifier import MogrifierCell
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator

E, H, K = 3, 4, 2


def gated(rounds: int) -> MogrifierCell:
    cell = MogrifierCell(E, H, rounds=rounds, rank=K).double()
    source = torch.Generator().manual_seed(rounds)
    with torch.no_grad():
        for matrix in cell.parameters():
            matrix.normal_(generator=source)
    return cell


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def test_three_rounds_are_the_equations_written_out():
    cell, x, h = gated(3), draw(2, E), draw(2, H)
    q1, q3 = cell.q_left @ cell.q_right
    (r2,) = cell.r_left @ cell.r_right
    x1 = 2 * torch.sigmoid(h @ q1.T) * x
    h2 = 2 * torch.sigmoid(x1 @ r2.T) * h
    x3 = 2 * torch.sigmoid(h2 @ q3.T) * x1
    found_x, found_h = cell.mogrify(x, h)
    torch.testing.assert_close(found_x, x3)
    torch.testing.assert_close(found_h, h2)


def test_at_zero_matrices_it_is_the_lstm_and_otherwise_not():
    state = (draw(2, H), draw(2, H) / 2)
    parameters = CellParameters(draw(4 * H, E), draw(4 * H, H), draw(4 * H), draw(4 * H) / 2)
    expected = LSTMCell.equations(draw(2, E), state, parameters)
    cell = gated(5)
    assert not torch.allclose(cell.step(draw(2, E), state, parameters)[0], expected[0])
    with torch.no_grad():
        for matrix in (cell.q_left, cell.q_right, cell.r_left, cell.r_right):
            matrix.zero_()
    for found, part in zip(cell.step(draw(2, E), state, parameters), expected, strict=True):
        torch.testing.assert_close(found, part)


def test_the_jacobian_along_its_run_is_that_of_the_gated_step():
    config = ModelConfig(cell="mogrifier", hidden_size=H, mogrifier_rank=K, init_range=0.5)
    model = in_float64(RecurrentLanguageModel(9, E, config, generator(1, "start")))
    (trace,) = unroll(model, torch.tensor([[1], [4], [2]]), model.initial_state(1)).layers
    *_, last_bnn = along(trace, "mogrifier")
    hidden, layer = trace.states[2][0].detach().requires_grad_(), trace.layer
    assert isinstance(layer, TorchCell)
    after, _ = layer.step(trace.input_tbe[2], (hidden, trace.states[2][1]), layer.cell_parameters())
    (row,) = torch.autograd.grad(after[0, 0], hidden)
    torch.testing.assert_close(last_bnn[0, 0, :H], row[0])


@pytest.mark.parametrize("engine", ["library", "fused"])
def test_an_engine_without_the_cell_is_refused_in_one_line(engine):
    config = ModelConfig(cell="mogrifier", engine=engine)
    with pytest.raises(UserError, match=f"--engine {engine} has no code for MogrifierCell: use --engine auto or hand"):
        RecurrentLanguageModel(9, E, config, generator(1, "start"))
