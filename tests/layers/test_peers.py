"""The cells against public implementations, in float64, each from one file of its package.

    pip install --no-deps --target peers minGRU-pytorch xlstm
    PYTHONPATH=peers python -m pytest tests/layers/test_peers.py

Only the file is executed, not its package, which may want what is not installed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from rnn_lm.layers import MinGRUCell, MLSTMCell, SLSTMCell
from rnn_lm.layers.cells import Cell

E, B, T = 5, 2, 70


def file_of(package: str, name: str) -> ModuleType:
    """A file of an installed package as a module; skips where either is missing."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    path = Path(found.submodule_search_locations[0]) / name
    if not path.exists():
        pytest.skip(f"{package} has no {name}")
    spec = importlib.util.spec_from_file_location(f"peer_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(cell: Cell) -> Cell:
    source = torch.Generator().manual_seed(5)
    cell = cell.double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(generator=source)
    return cell


def inputs() -> torch.Tensor:
    return torch.randn(T, B, E, dtype=torch.float64, generator=torch.Generator().manual_seed(6))


def test_mingru() -> None:
    """Its candidate is g(x), which is x + 1/2 from 0 on: where ours has the half in its bias, they are the same."""
    peer: Any = file_of("minGRU_pytorch", "minGRU.py").minGRU(E).double()
    cell, xs = drawn(MinGRUCell(E, E)), inputs().abs()
    assert isinstance(cell, MinGRUCell)
    update, candidate = cell.weight.detach().chunk(2)
    with torch.no_grad():
        candidate.abs_()
        cell.bias.copy_(torch.tensor([0.0] * E + [0.5] * E))
        peer.to_hidden_and_gate.weight.copy_(torch.cat([candidate, update]))
    expected = peer(xs.transpose(0, 1)).transpose(0, 1)
    torch.testing.assert_close(cell(xs, cell.initial_state(B))[0], expected, rtol=1e-8, atol=1e-9)


def test_mlstm() -> None:
    peer = file_of("xlstm", "blocks/mlstm/backends.py")
    cell, xs = drawn(MLSTMCell(E, 32)), inputs()
    assert isinstance(cell, MLSTMCell)
    query, key, value, output, i, _ = cell.parts_of(xs)
    f = torch.nn.functional.linear(xs, cell.gate_weight, cell.gate_bias).chunk(2, dim=-1)[1]
    by_head = [part.permute(1, 2, 0, 3) for part in (query, key * 4, value)]  # it divides keys by sqrt(16) itself
    gates = [gate.permute(1, 2, 0).unsqueeze(-1) for gate in (i, f)]
    expected = peer.parallel_stabilized_simple(*by_head, *gates, eps=0.0).permute(2, 0, 1, 3).flatten(2)
    found, _ = cell(xs, cell.initial_state(B))
    torch.testing.assert_close(found, output * expected, rtol=1e-8, atol=1e-9)


def test_slstm() -> None:
    step = file_of("xlstm", "blocks/slstm/src/vanilla/slstm.py").slstm_forward_pointwise
    cell, xs = drawn(SLSTMCell(E, 6)), inputs()
    assert isinstance(cell, SLSTMCell)
    states, expected = torch.zeros(4, B, 6, dtype=torch.float64), []
    for x in xs:
        states, _ = step(x @ cell.weight_ih.T, states[0] @ cell.weight_hh.T, cell.bias[None], states, {})
        expected.append(states[0])
    torch.testing.assert_close(cell(xs, cell.initial_state(B))[0], torch.stack(expected), rtol=1e-8, atol=1e-9)
