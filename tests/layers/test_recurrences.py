"""The recurrences of today against their papers' equations, written once more as plain loops in float64."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, sigmoid, tanh

from rnn_lm.layers import (
    CELLS,
    DeltaNetCell,
    HGRNCell,
    MinGRUCell,
    MinLSTMCell,
    MLSTMCell,
    QRNNCell,
    RGLRUCell,
    SLSTMCell,
    Start,
)
from rnn_lm.layers.cells import Cell
from rnn_lm.layers.chunks import CHUNK

E, H, B = 3, 4, 2
NEW = ("mingru", "minlstm", "qrnn", "hgrn", "rg-lru", "slstm", "mlstm", "deltanet")


def drawn(name: str, hidden_size: int = H) -> Cell:
    cell = CELLS[name].of(E, hidden_size, {"engine": "auto"}).double()
    source = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(generator=source)
    return cell


def rows(tensor: Tensor) -> tuple[Tensor, ...]:
    """Blocks of H rows."""
    return tensor.split(H)


def mingru(cell: MinGRUCell, xs: Tensor) -> list[Tensor]:
    (w_z, w_n), (b_z, b_n) = rows(cell.weight), rows(cell.bias)
    h, out = xs.new_zeros(B, H), []
    for x in xs:
        z = 1 / (1 + torch.exp(-(x @ w_z.T + b_z)))
        h = h + z * (x @ w_n.T + b_n - h)
        out.append(h)
    return out


def minlstm(cell: MinLSTMCell, xs: Tensor) -> list[Tensor]:
    (w_i, w_f, w_g), (b_i, b_f, b_g) = rows(cell.weight), rows(cell.bias)
    h, out = xs.new_zeros(B, H), []
    for x in xs:
        i, f = sigmoid(x @ w_i.T + b_i), sigmoid(x @ w_f.T + b_f)
        h = (f * h + i * (x @ w_g.T + b_g)) / (f + i)
        out.append(h)
    return out


def qrnn(cell: QRNNCell, xs: Tensor) -> list[Tensor]:
    filters = list(zip(rows(cell.weight_before), rows(cell.weight), rows(cell.bias), strict=True))
    c, out = xs.new_zeros(B, H), []
    for before, x in zip(chain([torch.zeros_like(xs[0])], xs), xs, strict=False):
        z, f, o = (before @ v.T + x @ w.T + b for v, w, b in filters)
        c = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(z)
        out.append(sigmoid(o) * c)
    return out


def hgrn(cell: HGRNCell, xs: Tensor) -> list[Tensor]:
    (w_c, w_f, w_o), (b_c, b_f, b_o) = rows(cell.weight), rows(cell.bias)
    least = sigmoid(cell.lower_bound)
    s, out = xs.new_zeros(B, H), []
    for x in xs:
        c = x @ w_c.T + b_c
        keep = least + (1 - least) * sigmoid(x @ w_f.T + b_f)
        s = keep * s + (1 - keep) * c * sigmoid(c)
        out.append(sigmoid(x @ w_o.T + b_o) * s)
    return out


def rg_lru(cell: RGLRUCell, xs: Tensor) -> list[Tensor]:
    (w_r, w_i), (b_r, b_i) = rows(cell.gate_weight), rows(cell.gate_bias)
    h, out = xs.new_zeros(B, H), []
    for x in xs:
        u = x @ cell.weight.T + cell.bias
        a = sigmoid(cell.decay) ** (8 * sigmoid(u @ w_r.T + b_r))
        h = a * h + (1 - a**2) ** 0.5 * sigmoid(u @ w_i.T + b_i) * u
        out.append(h)
    return out


def slstm(cell: SLSTMCell, xs: Tensor) -> list[Tensor]:
    """Without the stabilizer, which changes no output."""
    gates = [rows(parameter) for parameter in (cell.weight_ih, cell.weight_hh, cell.bias)]
    h = c = n = xs.new_zeros(B, H)
    out = []
    for x in xs:
        i, f, z, o = (x @ w.T + h @ r.T + b for w, r, b in zip(*gates, strict=True))
        c = sigmoid(f) * c + torch.exp(i) * tanh(z)
        n = sigmoid(f) * n + torch.exp(i)
        h = sigmoid(o) * c / n
        out.append(h)
    return out


def mlstm(cell: MLSTMCell, xs: Tensor) -> list[Tensor]:
    """Without the stabilizer, text by text and head by head, each head's rows cut out of the matrices."""
    width = cell.hidden_size
    columns = []
    for column in range(B):
        heads = []
        for head, begin in enumerate(range(0, width, cell.head_size)):
            own = slice(begin, min(begin + cell.head_size, width))
            (w_q, w_k, w_v, w_o), (b_q, b_k, b_v, b_o) = (
                [part.split(width)[gate][own] for gate in range(4)] for part in (cell.weight, cell.bias)
            )
            w_i, w_f = cell.gate_weight.view(2, -1, E)[:, head]
            b_i, b_f = cell.gate_bias.view(2, -1)[:, head]
            memory, normalizer, out = xs.new_zeros(len(w_v), len(w_k)), xs.new_zeros(len(w_k)), []
            for x in xs[:, column]:
                key = (w_k @ x + b_k) / cell.head_size**0.5
                write, keep = torch.exp(w_i @ x + b_i), sigmoid(w_f @ x + b_f)
                memory = keep * memory + write * torch.outer(w_v @ x + b_v, key)
                normalizer = keep * normalizer + write * key
                query = w_q @ x + b_q
                below = (normalizer @ query).abs().clamp_min(1)
                out.append(sigmoid(w_o @ x + b_o) * (memory @ query) / below)
            heads.append(torch.stack(out))
        columns.append(torch.cat(heads, dim=1))
    return list(torch.stack(columns, dim=1))


def deltanet(cell: DeltaNetCell, xs: Tensor) -> list[Tensor]:
    """Text by text, with the memory as (I - b k k^T) acts on it from the right."""
    columns = []
    for column in range(B):
        memory, out = xs.new_zeros(H, len(cell.key_weight)), []
        for x in xs[:, column]:
            k, q = (w @ x * sigmoid(w @ x) for w in (cell.key_weight, cell.query_weight))
            k, q = k / (k @ k + 1e-6) ** 0.5, q / (q @ q + 1e-6) ** 0.5
            b = sigmoid(cell.gate_weight[0] @ x + cell.gate_bias[0])
            forget = torch.eye(len(k), dtype=k.dtype) - b * torch.outer(k, k)
            memory = memory @ forget + b * torch.outer(cell.value_weight @ x, k)
            out.append(memory @ q)
        columns.append(torch.stack(out))
    return list(torch.stack(columns, dim=1))


REFERENCES: dict[str, Callable[..., list[Tensor]]] = {
    "mingru": mingru, "minlstm": minlstm, "qrnn": qrnn, "hgrn": hgrn, "rg-lru": rg_lru, "slstm": slstm,
    "mlstm": mlstm, "deltanet": deltanet,
}  # fmt: skip


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("steps", [1, 6, 70])
def test_outputs_and_gradients_are_those_of_the_equations(name, steps):
    _agree(drawn(name), name, steps)


def test_heads_of_the_mlstm_do_not_meet_and_the_last_may_be_what_is_left():
    cell = drawn("mlstm", hidden_size=37)
    assert isinstance(cell, MLSTMCell)
    assert cell.heads == 3
    _agree(cell, "mlstm", 40)


def _agree(cell: Cell, name: str, steps: int) -> None:
    xs = torch.randn(steps, B, E, dtype=torch.float64, generator=torch.Generator().manual_seed(8)).requires_grad_()
    wanted = torch.stack(REFERENCES[name](cell, xs))
    found, _ = cell(xs, cell.initial_state(B))
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)
    weight = torch.randn(found.shape, dtype=found.dtype, generator=torch.Generator().manual_seed(9))
    learned = [xs, *cell.parameters()]
    expected = torch.autograd.grad((weight * wanted).sum(), learned, allow_unused=True)
    gradients = torch.autograd.grad((weight * found).sum(), learned, allow_unused=True)
    for one, other in zip(gradients, expected, strict=True):
        if one is None or other is None:  # of one step, nothing is before it
            assert (0 if one is None else one.abs().max()) == 0
            assert (0 if other is None else other.abs().max()) == 0
        else:
            torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NEW)
def test_extreme_inputs_leave_outputs_and_gradients_finite(name):
    cell = drawn(name).float()
    xs = torch.tensor([-300.0, 0.0, 300.0]).repeat(30).view(-1, 1, 1).repeat(1, B, E).requires_grad_()
    found, state = cell(xs, cell.initial_state(B))
    found.sum().backward()
    for one in (found, *state, xs.grad, *(parameter.grad for parameter in cell.parameters())):
        assert one is not None
        assert torch.isfinite(one).all()


def test_where_both_gates_of_the_minlstm_are_closed_their_shares_are_still_right():
    cell = MinLSTMCell(1, 1)
    with torch.no_grad():
        cell.weight.zero_()
        cell.bias.copy_(torch.tensor([-200.0, -201.0, 1.0]))
    gates = cell.gate_values(torch.zeros(1, 1), cell.initial_state(1))
    torch.testing.assert_close(gates["input"].item(), 1 / (1 + torch.e**-1))
    torch.testing.assert_close((gates["input"] + gates["forget"]).item(), 1.0)


@given(
    name=st.sampled_from(["mlstm", "deltanet"]),
    steps=st.integers(1, 2 * CHUNK + 3),
    hidden_size=st.sampled_from([1, 3, 16, 19]),
    batch=st.integers(1, 3),
    spread=st.sampled_from([0.1, 1.0, 30.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=20, deadline=None)
def test_chunks_are_one_step_after_another_from_any_state(name, steps, hidden_size, batch, spread, seed):
    """Values, states and gradients, also where gates are wide open or shut."""
    cell, source = drawn(name, hidden_size), torch.Generator().manual_seed(seed)
    xs = spread * torch.randn(steps, batch, E, dtype=torch.float64, generator=source)
    zeros = cell.initial_state(batch)
    state = [torch.randn(part.shape, dtype=part.dtype, generator=source) for part in zeros]
    given_ = [xs.requires_grad_(), *(part.requires_grad_() for part in state), *cell.parameters()]
    chunks, by_steps = cell.run(xs, tuple(state)), Cell.run(cell, xs, tuple(state))
    found, wanted = [chunks[0], *chunks[1]], [by_steps[0], *by_steps[1]]
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)
    weight = torch.randn(found[0].shape, dtype=torch.float64, generator=source)
    pairs = [
        torch.autograd.grad((weight * output).sum(), given_, allow_unused=True) for output in (found[0], wanted[0])
    ]
    for one, other in zip(*pairs, strict=True):
        assert (one is None or not one.any()) if other is None else one is not None
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8 * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("name", ["minlstm", "qrnn", "slstm"])
def test_the_forget_bias_opens_the_forget_gate(name):
    cell = CELLS[name].of(E, H, {"engine": "auto"})
    assert "forget_bias" in cell.settings
    bias = dict(cell.named_parameters())["bias"]
    for wanted in (1.0, 3.0):
        cell.reset_parameters(start=Start(forget_bias=wanted))
        assert rows(bias)[1].eq(wanted).all()
        assert rows(bias)[0].eq(0).all()


def test_the_forget_bias_opens_the_forget_gates_of_the_mlstm_s_heads():
    cell = CELLS["mlstm"].of(E, 37, {"engine": "auto"})
    assert isinstance(cell, MLSTMCell)
    assert "forget_bias" in cell.settings
    cell.reset_parameters(start=Start(forget_bias=3.0))
    assert cell.gate_bias.tolist() == [0.0] * 3 + [3.0] * 3


def test_the_slowest_decay_of_the_rg_lru_is_between_what_the_paper_says():
    cell = RGLRUCell(E, 2000)
    slowest = torch.sigmoid(cell.decay) ** 8
    assert 0.9 <= slowest.min() < 0.91
    assert 0.99 < slowest.max() < 0.9991


def test_the_hgrn_keeps_at_least_its_bound():
    cell = drawn("hgrn")
    assert isinstance(cell, HGRNCell)
    forget = cell.gate_values(torch.full((1, E), -9.0, dtype=torch.float64), cell.initial_state(1))["forget"]
    assert (forget >= sigmoid(cell.lower_bound)).all()
    cell.reset_parameters()
    assert sigmoid(cell.lower_bound).eq(0.5).all()


@pytest.mark.parametrize("name", NEW)
def test_gates_are_named_and_are_those_of_the_step(name):
    cell, x = drawn(name), torch.ones(B, E, dtype=torch.float64)
    state = tuple(0.5 + part for part in cell.initial_state(B))
    gates = cell.gate_values(x, state)
    assert all(gate.shape == (B, H) for gate in gates.values())
    after = cell.step(x, state)
    if name == "mingru":
        torch.testing.assert_close(after[0], (1 - gates["update"]) * 0.5 + gates["update"] * gates["candidate"])
    elif name == "minlstm":
        torch.testing.assert_close(after[0], gates["forget"] * 0.5 + gates["input"] * gates["candidate"])
    elif name in ("qrnn", "hgrn"):
        kept = gates["forget"] * 0.5 + (1 - gates["forget"]) * gates["candidate"]
        torch.testing.assert_close(after[:2], (gates["output"] * kept, kept))
    else:
        named = {"rg-lru": {"recurrence", "input"}, "slstm": set(), "deltanet": {"correction"}}
        assert set(gates) == {**named, "mlstm": {"input", "forget", "output"}}[name]


def test_what_the_delta_rule_writes_it_reads_back():
    """With b = 1 a key gives back its latest value, whatever was written under it before."""
    cell = drawn("deltanet")
    assert isinstance(cell, DeltaNetCell)
    with torch.no_grad():
        cell.gate_bias.fill_(100)
        cell.query_weight.copy_(cell.key_weight)
    x = torch.ones(B, E, dtype=torch.float64)
    state = cell.initial_state(B)
    for repeated in repeat(x, 3):
        state = cell.step(repeated, state)
        torch.testing.assert_close(state[0], x @ cell.value_weight.T, rtol=1e-4, atol=1e-4)


def test_the_norm_divides_what_a_deltanet_reads_and_leaves_its_memory() -> None:
    bare, normed = drawn("deltanet"), CELLS["deltanet"].of(E, H, {"engine": "auto", "read_norm": True}).double()
    normed.load_state_dict(bare.state_dict())
    xs = torch.randn(40, B, E, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    read, (_, *memory) = bare.run(xs, bare.initial_state(B))
    found, (last, *kept) = normed.run(xs, normed.initial_state(B))
    torch.testing.assert_close(found, read / (read.square().mean(-1, keepdim=True) + 1e-6).sqrt(), atol=1e-12, rtol=0)
    torch.testing.assert_close(Cell.run(normed, xs, normed.initial_state(B))[0], found, atol=1e-8, rtol=0)
    assert torch.equal(last, found[-1])
    for before, after in zip(memory, kept, strict=True):
        assert torch.equal(before, after)
