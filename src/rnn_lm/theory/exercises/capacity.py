"""Exercise 5 checked: what a state of fixed size holds, exactly and after training."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.labels import label_of
from rnn_lm.layers import ElmanCell
from rnn_lm.layers.cells import CellParameters
from rnn_lm.seeding import generator
from rnn_lm.theory.capacity import (
    Machine,
    counting_bound,
    enumerate_recall,
    fano_bits,
    linear_memory,
    shift_register_length,
    significant_bits,
)
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.exercises.spectral import orthogonal
from rnn_lm.theory.recall import FLOAT_BITS, MATRICES, VECTORS
from rnn_lm.theory.results import Delay, ExactCurves, Network
from rnn_lm.theory.results import Machine as MachineJson
from rnn_lm.theory.statement import Statement, at_least, at_most, equal

DELAYS = 300
"""Delays over which linear memory is summed; at radius 0.9 what is left beyond is below 1e-25."""
MACHINE_BITS = (1, 2, 3)


def run(config: TheoryConfig) -> tuple[list[Statement], ExactCurves]:
    """The exact part: linear memory, the shift register, and a machine whose every text is read."""
    random = generator(config.theory_seed, "theory: capacity")
    memory, curve = _linear(config.theory_size, random)
    machines, points = _machines(random)
    return [*memory, *_registers(random), *machines], {"memory": curve, "units": config.theory_size, "machines": points}


def _linear(size: int, random: torch.Generator) -> tuple[list[Statement], list[Delay]]:
    """Jaeger's memory function of a linear network, against the best linear reader of the Elman cell near rest."""
    weight_hh = 0.9 * orthogonal(size, random)
    input_h = torch.randn(size, generator=random, dtype=torch.float64)
    predicted = linear_memory(weight_hh, input_h, DELAYS)
    echoes_jh = _echoes(weight_hh, input_h, DELAYS)
    covariance_hh = echoes_jh.T @ echoes_jh
    measured = (echoes_jh * torch.linalg.solve(covariance_hh, echoes_jh.T).T).sum(1)
    detail = f"orthogonal W at radius 0.9, {size} units, delays 0 ... {DELAYS - 1}"
    statements = [
        equal(
            "linear memory by delay",
            "m_j = (W^j w)^⊤ C^{-1} W^j w",
            predicted,
            measured,
            f"{detail}; norm over delays",
            tolerance=1e-8,
        ),
        equal("linear memory in total", "∑_j m_j = H", float(size), float(measured.sum()), detail, tolerance=1e-8),
    ]
    pairs = zip(predicted.tolist(), measured.tolist(), strict=True)
    return statements, [{"delay": j, "predicted": a, "measured": b} for j, (a, b) in enumerate(pairs) if j < 3 * size]


def _echoes(weight_hh: Tensor, input_h: Tensor, delays: int) -> Float[Tensor, "J H"]:
    """d h_T / d x_{T-j} of the tanh cell at rest, from autograd: what is left of one input after j more steps."""
    size = len(weight_hh)
    zero_h = torch.zeros(size, dtype=torch.float64)
    parameters = CellParameters(input_h.unsqueeze(1), weight_hh, zero_h, zero_h)
    inputs = [torch.zeros(1, 1, dtype=torch.float64, requires_grad=True) for _ in range(delays)]
    state = (zero_h.unsqueeze(0),)
    for input_11 in inputs:
        state = ElmanCell.equations(input_11, state, parameters)
    every_unit = torch.eye(size, dtype=torch.float64)
    by_input = torch.autograd.grad(state[0].squeeze(0), inputs, every_unit, is_grads_batched=True)
    return torch.stack([echo_h11.flatten() for echo_h11 in by_input]).flip(0)


def _registers(random: torch.Generator) -> list[Statement]:
    """One number, filled to its last digit."""
    return [
        equal(
            f"one {str(dtype).removeprefix('torch.')} recalls its significant bits",
            "k = p",
            float(significant_bits(dtype)),
            float(shift_register_length(dtype, random)),
            "h' = (h + x) / 2, read back by doubling; longest list of bits recalled without error",
            tolerance=0.0,
        )
        for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64)
    ]


def _machines(random: torch.Generator) -> tuple[list[Statement], list[MachineJson]]:
    """Tanh networks with a rounded state, every text of every length read, against counting and Fano."""
    units, choices, longest = 3, 2, 12
    parameters = CellParameters(
        torch.randn(units, choices, generator=random, dtype=torch.float64),
        0.9 * orthogonal(units, random),
        torch.zeros(units, dtype=torch.float64),
        torch.zeros(units, dtype=torch.float64),
    )
    statements: list[Statement] = []
    points: list[MachineJson] = []
    for bits in MACHINE_BITS:
        machine = Machine(parameters, bits)
        for length in range(1, longest + 1):
            found = enumerate_recall(machine, choices, length)
            bound = counting_bound(choices, length, machine.state_bits)
            points.append(
                {"bits": machine.state_bits, "stored": float(length), "recalled": found.information, "bound": bound}
            )
        statements += _filled(machine, choices)
    return statements, points


def _filled(machine: Machine, choices: int) -> list[Statement]:
    """A machine that reads texts of as many bits as its state has: the counting bound would let it recall them all."""
    length = machine.state_bits
    found = enumerate_recall(machine, choices, length)
    name = f"{machine.state_bits}-bit state"
    units = machine.state_bits // machine.bits
    detail = f"{units} tanh units of {machine.bits} bits, all {choices**length} texts of {length} bits"
    return [
        at_most(
            f"{name}: recalled bits",
            "I ≤ min(k log_2 K, b H)",
            counting_bound(choices, length, machine.state_bits),
            found.information,
            detail,
        ),
        at_least(
            f"{name}: Fano's inequality",
            "I ≥ k log_2 K - h(e) - e log_2 (K^k - 1)",
            fano_bits(found.error, choices**length),
            found.information,
            f"{detail}; e = {found.error:.4f}",
        ),
    ]


def judge(config: TheoryConfig, networks: list[Network]) -> list[Statement]:
    """What the trained networks must show: no more than their states hold, and less than attention recalls."""
    longest = config.recall_length
    stored = longest * math.log2(config.recall_symbols)
    at_longest = {(n["name"], n["numbers"]): n["by_length"][-1]["bits"] for n in networks}
    (attention,) = [bits for (name, _), bits in at_longest.items() if name == "attention"]
    best_recurrent = max(bits for (name, _), bits in at_longest.items() if name != "attention")
    detail = f"{longest} symbols out of {config.recall_symbols}, {config.recall_updates} updates"
    return [
        *(_within_counting(network, config) for network in networks if network["name"] != "attention"),
        at_most("attention: recalled bits", "I ≤ k log_2 K", stored, attention, detail),
        at_least(
            "attention recalls more than any fixed state", "I_{att} ≥ max I_{rec}", best_recurrent, attention, detail
        ),
        *_growth(config, networks),
    ]


def _within_counting(network: Network, config: TheoryConfig) -> Statement:
    """The rounding at which a network comes nearest to what its state can hold."""
    tightest = max(network["by_rounding"], key=lambda point: point["bits"] / point["state_bits"])
    bound = counting_bound(config.recall_symbols, tightest["length"], tightest["state_bits"])
    return at_most(
        f"{label_of(network['name'])} of {network['numbers']} numbers: recalled bits",
        "I ≤ min(k log_2 K, b n)",
        bound,
        tightest["bits"],
        f"state rounded to {tightest['bits_per_number']} bits per number; unrounded it holds "
        f"{FLOAT_BITS * network['numbers']} bits and recalls {max(p['bits'] for p in network['by_length']):.1f}",
    )


def _growth(config: TheoryConfig, networks: list[Network]) -> list[Statement]:
    """For every cell of more than one size, the largest state recalls at least as much as the smallest."""
    statements = []
    for name in (*VECTORS, *MATRICES):
        best = {n["numbers"]: max(p["bits"] for p in n["by_length"]) for n in networks if n["name"] == name}
        if len(best) < 2:
            continue
        small, large = min(best), max(best)
        detail = f"{small} and {large} numbers; most bits over lists of 1 to {config.recall_length} symbols"
        statements.append(
            at_least(
                f"{label_of(name)}: a larger state recalls more",
                "I(n_{max}) ≥ I(n_{min})",
                best[small],
                best[large],
                detail,
            )
        )
    return statements
