"""Exercise 6 checked: gates of ``theory/linear.py`` against autograd through the minGRU that trains, and its limits."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnn_lm.layers import MinGRUCell, linear_scan
from rnn_lm.seeding import generator
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.linear import after, by_doubling, flowing_back, gate_products, sign_changes, swap
from rnn_lm.theory.results import KeptLag, LinearCurves, ParityPoint
from rnn_lm.theory.statement import Statement, at_most, equal

BIASES = (0.0, -2.0, -4.0)
"""Of the update gate, for the figure: a minGRU that keeps half, 88 % and 98 % of a number in a step."""
READERS = 500
"""Random linear readers of one network's states."""
PARITY_STEPS = 24


def minimal(size: int, bias: float, random: torch.Generator) -> MinGRUCell:
    """A minGRU in float64 with random matrices, ``bias`` on its update gate."""
    cell = MinGRUCell(size, size).double().requires_grad_(False)
    cell.weight.copy_((2 * torch.rand(2 * size, size, generator=random, dtype=torch.float64) - 1) * size**-0.5)
    cell.bias[:size] = bias
    cell.bias[size:] = torch.randn(size, generator=random, dtype=torch.float64)
    return cell


def run(config: TheoryConfig) -> tuple[list[Statement], LinearCurves]:
    """The exercise's statements and the curves of its figure."""
    random = generator(config.theory_seed, "theory: linear")
    size, steps = config.theory_size, config.theory_steps
    input_te = torch.randn(steps, size, generator=random, dtype=torch.float64)
    cell = minimal(size, -1.0, random)
    update_th, candidate_th = cell.gates_of(input_te)
    decay_th, entering_th = 1 - update_th, update_th * candidate_th
    statements = [
        *_gradient(cell, input_te, decay_th),
        *_in_parallel(decay_th, entering_th, random),
        *_what_is_lost(size, random),
    ]
    lags: list[KeptLag] = [point for bias in BIASES for point in _kept(bias, minimal(size, bias, random), input_te)]
    return statements, {"lags": lags, "parity": _parity(size)}


def _jacobians(cell: MinGRUCell, input_te: Tensor) -> Tensor:
    """d h_T / d h_{T-k} for k = 0 ... T by autograd through the cell's steps, (T + 1, H, H)."""
    states = [torch.zeros(1, cell.hidden_size, dtype=torch.float64, requires_grad=True)]
    for input_e in input_te:
        states += cell.step(input_e.unsqueeze(0), (states[-1],))
    every_unit = torch.eye(cell.hidden_size, dtype=torch.float64).unsqueeze(1)
    found = torch.autograd.grad(states[-1], states, every_unit, is_grads_batched=True)
    return torch.stack(found).flip(0).squeeze(2)


def _gradient(cell: MinGRUCell, input_te: Tensor, decay_th: Tensor) -> list[Statement]:
    measured_khh = _jacobians(cell, input_te)
    detail = f"minGRU of {cell.hidden_size} units, {len(input_te)} steps, every lag"
    return [
        equal(
            "the derivative is a product of gates, without a matrix",
            "{∂h_T}//{∂h_{T-k}} = ∏_{t=T-k+1}^{T} diag(a_t)",
            torch.diag_embed(gate_products(decay_th)),
            measured_khh,
            detail,
        ),
        at_most(
            "it never grows, whatever the weights",
            "‖{∂h_T}//{∂h_{T-k}}‖ ≤ 1",
            1.0,
            float(torch.linalg.matrix_norm(measured_khh, 2).max()),
            detail,
        ),
    ]


def _in_parallel(decay_th: Tensor, entering_th: Tensor, random: torch.Generator) -> list[Statement]:
    steps, size = decay_th.shape
    first, second, third = ((decay_th[t], entering_th[t]) for t in range(3))
    start_h = torch.randn(size, generator=random, dtype=torch.float64)
    (whole_th, gathered_th), rounds = by_doubling(decay_th, entering_th)
    decay_t1h, entering_t1h = decay_th.unsqueeze(1), entering_th.unsqueeze(1)
    inputs = [entering_t1h.clone().requires_grad_(), decay_t1h.clone().requires_grad_()]
    hidden_t1h = linear_scan(inputs[1], inputs[0], start_h.unsqueeze(0))
    read_th = torch.randn(steps, size, generator=random, dtype=torch.float64)
    by_entering, by_decay = torch.autograd.grad((read_th * hidden_t1h.squeeze(1)).sum(), inputs)
    flowing_th = flowing_back(decay_th, read_th)
    before_th = torch.cat([start_h.unsqueeze(0), hidden_t1h.detach().squeeze(1)[:-1]])
    detail = f"{size} units, {steps} steps"
    return [
        equal(
            "two steps are one of the same kind, in any grouping",
            "(m_3 ∘ m_2) ∘ m_1 = m_3 ∘ (m_2 ∘ m_1)",
            torch.stack(after(third, after(second, first))),
            torch.stack(after(after(third, second), first)),
            f"{size} units",
        ),
        equal(
            "so all steps are made at once, in rounds",
            "h_t = A_t h_0 + B_t",
            whole_th * start_h + gathered_th,
            hidden_t1h.detach().squeeze(1),
            f"{detail}; {rounds} rounds",
        ),
        equal(
            "as many rounds as T can be halved", "⌈log_2 T⌉", float(math.ceil(math.log2(steps))), float(rounds), detail
        ),
        equal(
            "the gradient is the same recurrence, from the end",
            "{∂L}//{∂b_t} = g_t = {∂ℓ}//{∂h_t} + a_{t+1} g_{t+1}",
            flowing_th,
            by_entering.squeeze(1),
            detail,
        ),
        equal(
            "and the gates' is a product of the two",
            "{∂L}//{∂a_t} = g_t h_{t-1}",
            flowing_th * before_th,
            by_decay.squeeze(1),
            detail,
        ),
    ]


def _what_is_lost(size: int, random: torch.Generator) -> list[Statement]:
    ones_k1e = torch.ones(4 * size + 8, 1, size, dtype=torch.float64)
    cell = minimal(size, 0.0, random)
    hidden_k1h, _ = cell(ones_k1e, (2 * torch.randn(1, size, generator=random, dtype=torch.float64),))
    readers_rh = torch.randn(READERS, size, generator=random, dtype=torch.float64)
    offsets_r1 = torch.randn(READERS, 1, generator=random, dtype=torch.float64)
    read_rk = readers_rh @ hidden_k1h.squeeze(1).T + offsets_r1
    bits_t = torch.randint(2, (64,), generator=random).double()
    flips_t = 1 - 2 * bits_t
    signs_t1h = linear_scan(
        flips_t.view(-1, 1, 1), torch.zeros(64, 1, 1, dtype=torch.float64), torch.ones(1, 1).double()
    )
    parity_t = 1 - 2 * (bits_t.cumsum(0) % 2)
    there, back = swap(3, 0, 1), swap(3, 1, 2)
    cycle = torch.eye(3, dtype=torch.float64)[[2, 0, 1]]  # (1, 2, 3) to (3, 1, 2)
    left_h, right_h = (torch.rand(size, generator=random, dtype=torch.float64) for _ in range(2))
    return [
        at_most(
            "parity of a run of ones: a reader of H positive gates changes its mind H times at most",
            "#{k: y_k y_{k+1} < 0} ≤ H",
            float(size),
            float(sign_changes(read_rk)),
            f"minGRU of {size} units, {len(ones_k1e)} ones, {READERS} readers; parity changes at every one",
        ),
        equal(
            "with gates of -1 and 1, one unit has it",
            "h_t = (1 - 2 x_t) h_{t-1} = (-1)^{x_1 + … + x_t}",
            parity_t,
            signs_t1h.flatten(),
            "64 random bits",
        ),
        equal(
            "gates commute: their product forgets the order",
            "diag(a) diag(b) = diag(b) diag(a)",
            torch.diag(left_h) @ torch.diag(right_h),
            torch.diag(right_h) @ torch.diag(left_h),
            f"{size} units",
        ),
        equal(
            "steps of the delta rule do not: two exchanges make the cycle of S_3",
            "(I - 2 k k^T) (I - 2 l l^T) = P_{cycle}",
            cycle,
            there @ back,
            "k, l = (e_1 - e_2)/√2, (e_2 - e_3)/√2",
        ),
        equal(
            "and in the other order its inverse",
            "(I - 2 l l^T) (I - 2 k k^T) = P_{cycle}^{-1}",
            cycle.T,
            back @ there,
            "k, l = (e_1 - e_2)/√2, (e_2 - e_3)/√2",
        ),
    ]


def _kept(bias: float, cell: MinGRUCell, input_te: Tensor) -> list[KeptLag]:
    """Norm by lag as the root mean square over directions, 1 at lag 0."""
    scale = cell.hidden_size**-0.5
    predicted_k = torch.linalg.vector_norm(gate_products(1 - cell.gates_of(input_te)[0]), dim=1) * scale
    measured_k = torch.linalg.matrix_norm(_jacobians(cell, input_te)) * scale
    pairs = zip(predicted_k.tolist(), measured_k.tolist(), strict=True)
    return [{"bias": bias, "lag": lag, "predicted": one, "measured": other} for lag, (one, other) in enumerate(pairs)]


def _parity(size: int) -> list[ParityPoint]:
    """The parity of k ones, and what the best linear reader of ``size`` positive gates and a constant makes of it."""
    k = torch.arange(PARITY_STEPS + 1, dtype=torch.float64)
    gates_h = torch.linspace(0.1, 0.95, min(size, 8), dtype=torch.float64)
    seen_kh = torch.cat([gates_h ** k.unsqueeze(1), torch.ones(len(k), 1, dtype=torch.float64)], dim=1)
    parity_k = 1 - 2 * (k % 2)
    fitted_k = seen_kh @ torch.linalg.lstsq(seen_kh, parity_k.unsqueeze(1)).solution.squeeze(1)
    flipped_k = (-1.0) ** k
    return [
        {"ones": int(one), "parity": float(a), "positive": float(b), "negative": float(c)}
        for one, a, b, c in zip(k, parity_k, fitted_k, flipped_k, strict=True)
    ]
