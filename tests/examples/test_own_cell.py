"""A reader's own cell goes from its equations to a row in the comparison."""

import sys
from typing import Any

import pytest
import torch

from by_path import module_at
from rnn_lm.labels import LOOKS
from rnn_lm.layers import CELLS
from rnn_lm.testing import check_cell


@pytest.fixture(scope="module")
def own_cell():
    """The example, whose cell is registered as long as these tests run."""
    registries: tuple[Any, ...] = (CELLS, LOOKS)
    before = [(registry, dict(registry._entries)) for registry in registries]
    yield module_at("examples/own_cell.py")
    for registry, entries in before:
        registry._entries = entries


def test_what_is_not_forgotten_is_not_overwritten(own_cell):
    torch.manual_seed(0)
    input_be, hidden_bh = torch.randn(2, 3), torch.randn(2, 4)
    cell = own_cell.Janet(3, 4)
    both_bd = torch.cat([input_be, hidden_bh], dim=1)
    with torch.no_grad():
        cell.forget.weight.zero_()
        cell.forget.bias.fill_(40.0)
        assert torch.equal(cell.step(input_be, (hidden_bh,))[0], hidden_bh)
        cell.forget.bias.fill_(-40.0)
        assert torch.allclose(cell.step(input_be, (hidden_bh,))[0], torch.tanh(cell.candidate(both_bd)))


def test_it_does_what_every_cell_must(own_cell):
    check_cell(own_cell.Janet)


@pytest.mark.slow
def test_it_is_a_row_in_the_comparison(own_cell, tmp_path, monkeypatch, capsys):
    text = tmp_path / "text.txt"
    text.write_text("\n".join(f"the {'cat' if i % 2 else 'dog'} sees {i % 7} fish ." for i in range(120)))
    words = ["--corpus", str(text), "--budget", "2steps", "--hidden-size", "8", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["own_cell.py", *words])
    own_cell.main()
    assert "JANET" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
