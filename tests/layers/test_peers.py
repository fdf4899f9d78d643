"""The cells against public implementations, in float64, each from one file of its package.

    pip install --no-deps --target peers minGRU-pytorch xlstm fla-core einops recurrentgemma fastai==1.0.61
    PYTHONPATH=peers python -m pytest -m '' tests/layers/test_peers.py

Only the file is executed, not its package, which may want what is not installed; what the file takes from its package
is given to it. transformers, whose files need their package, is imported as it is installed.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

import pytest
import torch
from torch import nn

from rnn_lm.layers import DeltaNetCell, HGRNCell, MinGRUCell, MinLSTMCell, MLSTMCell, QRNNCell, RGLRUCell, SLSTMCell
from rnn_lm.layers.cells import Cell

E, B, T = 5, 2, 70


def path_of(package: str, name: str) -> Path:
    """A file of an installed package; skips where either is missing."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    path = Path(found.submodule_search_locations[0]) / name
    if not path.exists():
        pytest.skip(f"{package} has no {name}")
    return path


def executed(path: Path, called: str | None = None) -> Any:
    """The file as a module, ``called`` so where it imports from its neighbours."""
    spec = importlib.util.spec_from_file_location(called or f"peer_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def file_of(package: str, name: str) -> Any:
    return executed(path_of(package, name))


def given(monkeypatch: pytest.MonkeyPatch, name: str, **values: Any) -> None:
    """Let the file that is executed next import ``values`` from ``name``, and nothing from the package of that name."""
    module = ModuleType(name)
    module.__path__ = []
    vars(module).update(values)
    monkeypatch.setitem(sys.modules, name, module)


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


def test_minlstm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its candidate is as that of its minGRU; its order is candidate, forget, input."""
    path = path_of("minGRU_pytorch", "minLSTM.py")
    shared = vars(executed(path.with_name("minGRU.py")))
    given(monkeypatch, "minGRU_pytorch")
    given(monkeypatch, "minGRU_pytorch.minGRU", **{name: shared[name] for name in shared if not name.startswith("__")})
    peer = executed(path).minLSTM(E).double()
    cell, xs = drawn(MinLSTMCell(E, E)), inputs().abs()
    assert isinstance(cell, MinLSTMCell)
    enter, forget, candidate = cell.weight.detach().chunk(3)
    with torch.no_grad():
        candidate.abs_()
        cell.bias.copy_(torch.tensor([0.0] * 2 * E + [0.5] * E))
        peer.to_hidden_and_f_i_gate.weight.copy_(torch.cat([candidate, forget, enter]))
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


@pytest.mark.slow
def test_mlstm_in_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its steps: the form without the package of xLSTM's authors, which it would take where that is installed."""
    utils = pytest.importorskip("transformers.utils")
    monkeypatch.setattr(utils, "is_xlstm_available", lambda: False)
    peer = importlib.import_module("transformers.models.xlstm.modeling_xlstm")
    cell, xs = drawn(MLSTMCell(E, 32)), inputs()
    assert isinstance(cell, MLSTMCell)
    query, key, value, output, i, _ = cell.parts_of(xs)
    f = torch.nn.functional.linear(xs, cell.gate_weight, cell.gate_bias).chunk(2, dim=-1)[1]
    by_head = [part.permute(1, 2, 0, 3) for part in (query, key * 4, value)]  # it divides queries by sqrt(16) itself
    gates = [gate.permute(1, 2, 0) for gate in (i, f)]
    expected = peer.mlstm_recurrent_sequence_native(*by_head, *gates, eps=0.0, dtype_state=torch.float64)
    expected = expected.permute(2, 0, 1, 3).flatten(2)
    torch.testing.assert_close(cell(xs, cell.initial_state(B))[0], output * expected, rtol=1e-8, atol=1e-9)


def test_deltanet(monkeypatch: pytest.MonkeyPatch) -> None:
    """It computes in float32; here what it would make a float becomes a double."""
    peer = file_of("fla", "ops/delta_rule/naive.py")
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    cell, xs = drawn(DeltaNetCell(E, 6)), inputs()
    assert isinstance(cell, DeltaNetCell)
    key, query, value, rate = (part.transpose(0, 1).unsqueeze(1) for part in cell.parts_of(xs))
    found, last = cell(xs, cell.initial_state(B))
    expected, memory = peer.delta_rule_recurrence(4 * query, key, value, rate)  # it divides queries by sqrt(16)
    torch.testing.assert_close(found, expected.squeeze(1).transpose(0, 1), rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(torch.stack(last[1:], dim=1), memory.squeeze(1), rtol=1e-8, atol=1e-9)
    expected, _ = peer.delta_rule_chunkwise(4 * query, key, value, rate.squeeze(-1), chunk_size=T // 2)
    torch.testing.assert_close(found, expected.squeeze(1).transpose(0, 1), rtol=1e-8, atol=1e-9)


def test_hgrn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recurrence, from gates that ours has made: f, and 1 - f times the candidate."""
    peer = file_of("fla", "ops/hgrn/naive.py")
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    cell, xs = drawn(HGRNCell(E, 6)), inputs()
    assert isinstance(cell, HGRNCell)
    candidate, forget, output = (gate.transpose(0, 1) for gate in cell.gates_of(xs))
    expected, last = peer.naive_recurrent_hgrn((1 - forget) * candidate, forget.log(), output_final_state=True)
    found, state = cell(xs, cell.initial_state(B))
    torch.testing.assert_close(found.transpose(0, 1), output * expected, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(state[1], last, rtol=1e-8, atol=1e-9)


def rg_lru() -> RGLRUCell:
    cell = drawn(RGLRUCell(E, 6))
    assert isinstance(cell, RGLRUCell)
    return cell


def check_rg_lru(cell: RGLRUCell, peer: Any, blocks: dict[str, str]) -> None:
    """Ours beside its layer, which reads u, with the gates' matrices in one block.

    Positions begin at 1: at 0, which is where a text begins for it, it does not scale the input, and ours does.
    """
    recurrence, gate = (weight.T.reshape(1, 6, 6) for weight in cell.gate_weight.chunk(2))
    recurrence_bias, gate_bias = (bias.reshape(1, 6) for bias in cell.gate_bias.chunk(2))
    values = {"decay": -cell.decay, "r": recurrence, "r bias": recurrence_bias, "i": gate, "i bias": gate_bias}
    peer.load_state_dict({blocks[name]: value.detach() for name, value in values.items()})
    xs = inputs()
    (u,) = cell.project(xs)
    positions = torch.arange(1, T + 1).expand(B, T)
    expected = peer(u.transpose(0, 1), positions)
    expected = expected[0] if isinstance(expected, tuple) else expected
    found = cell(xs, cell.initial_state(B))[0]
    torch.testing.assert_close(found, expected.transpose(0, 1), rtol=1e-8, atol=1e-9)


def test_rg_lru(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its state in float32; here in float64."""
    path = path_of("recurrentgemma", "torch/layers.py")
    types = executed(path.with_name("array_typing.py"))
    given(monkeypatch, "recurrentgemma")
    given(monkeypatch, "recurrentgemma.torch", array_typing=types)
    module = executed(path)
    module.rnn_scan = functools.partial(module.rnn_scan, acc_dtype=torch.float64)
    blocks = {"decay": "a_param", "r": "a_gate.w", "r bias": "a_gate.b", "i": "input_gate.w", "i bias": "input_gate.b"}
    check_rg_lru(rg_lru(), module.RGLRU(6, 1).double(), blocks)


@pytest.mark.slow
def test_rg_lru_in_transformers() -> None:
    """It keeps its state in float32; here in float64."""
    transformers = pytest.importorskip("transformers")
    module = importlib.import_module("transformers.models.recurrent_gemma.modeling_recurrent_gemma")
    peer = module.RecurrentGemmaRglru(transformers.RecurrentGemmaConfig(lru_width=6, num_attention_heads=1)).double()
    peer._rnn_scan = functools.partial(peer._rnn_scan, acc_dtype=torch.float64)
    blocks = {"decay": "recurrent_param", "r": "recurrent_gate_weight", "r bias": "recurrent_gate_bias",
              "i": "input_gate_weight", "i bias": "input_gate_bias"}  # fmt: skip
    check_rg_lru(rg_lru(), peer, blocks)


@torch.no_grad()
def test_qrnn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its f is what enters, ours what is kept: 1 - f, which is the gate of what is negated."""
    path = path_of("fastai", "text/models/qrnn.py")
    given(monkeypatch, "fastai")
    given(monkeypatch, "fastai.torch_core", torch=torch, nn=nn, Module=nn.Module, Tensor=torch.Tensor, Path=Path,
          Optional=Optional, partial=functools.partial)  # fmt: skip
    module = executed(path, "fastai.text.models.qrnn")
    module.ifnone = lambda value, other: other if value is None else value
    cell, xs = drawn(QRNNCell(E, 6)), inputs()
    assert isinstance(cell, QRNNCell)
    sign_g = torch.ones(18, dtype=torch.float64)
    sign_g[6:12] = -1
    peer = module.QRNNLayer(E, 6, window=2, batch_first=False).double()
    peer.linear.weight.copy_(sign_g[:, None] * torch.cat([cell.weight, cell.weight_before], dim=1))
    peer.linear.bias.copy_(sign_g * cell.bias)
    expected, last = peer(xs)
    found, state = cell(xs, cell.initial_state(B))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(state[1], last, rtol=1e-8, atol=1e-9)
