"""Exercise 5, first half: how much a state of fixed size can hold, exactly.

The derivation is ``docs/theory/5-fixed-state.md``; the trained half is ``theory/recall.py``. Information is in
bits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.layers import ElmanCell
from rnn_lm.layers.cells import CellParameters


def binary_entropy(probability: float) -> float:
    """Entropy in bits of a coin that falls with ``probability``."""
    if probability in (0.0, 1.0):
        return 0.0
    return -probability * math.log2(probability) - (1 - probability) * math.log2(1 - probability)


def fano_bits(error: float, choices: int) -> float:
    """The least that is known of one of ``choices`` equally likely things when a guess is wrong with ``error``.

    Fano's inequality (Cover and Thomas 2006, Theorem 2.10.1): H(X|S) <= h(e) + e log2(K - 1), hence
    I(X;S) >= log2 K - h(e) - e log2(K - 1), and never less than 0.
    """
    unknown = binary_entropy(error) + error * math.log2(choices - 1 if choices > 1 else 1)
    return max(math.log2(choices) - unknown, 0.0)


def counting_bound(symbols: int, length: int, state_bits: int) -> float:
    """Bits that can be recalled at most: what was stored, or what the state holds, whichever is less."""
    return min(length * math.log2(symbols), float(state_bits))


def quantize(state: Float[Tensor, "*shape H"], reach_h: Float[Tensor, " H"], bits: int) -> Float[Tensor, "*shape H"]:
    """Round each number to the nearest of 2^bits levels evenly spaced over [-reach, reach] of its unit."""
    top = 2**bits - 1
    level = ((state / reach_h).clamp(-1, 1) + 1) / 2 * top
    return (level.round() / top * 2 - 1) * reach_h


class Machine(NamedTuple):
    """A tanh network whose state is rounded to ``bits`` per unit after every step: a finite automaton."""

    parameters: CellParameters
    bits: int

    @property
    def state_bits(self) -> int:
        """log2 of the number of states that there are."""
        return self.bits * self.parameters.weight_hh.shape[1]

    def read(self, symbols_tn: Int[Tensor, "T N"], choices: int) -> Float[Tensor, "N H"]:
        """The state after each of N texts of T symbols out of ``choices``."""
        size = self.parameters.weight_hh.shape[1]
        hidden_nh = torch.zeros(symbols_tn.shape[1], size, dtype=torch.float64)
        reach_h = torch.ones(size, dtype=torch.float64)
        for symbols_n in symbols_tn:
            onehot_nk = torch.nn.functional.one_hot(symbols_n, choices).double()
            (hidden_nh,) = ElmanCell.equations(onehot_nk, (hidden_nh,), self.parameters)
            hidden_nh = quantize(hidden_nh, reach_h, self.bits)
        return hidden_nh


class Recalled(NamedTuple):
    """What the best possible reader of a machine's last state knows, over all texts of one length.

    Attributes:
        states: different states that were reached.
        error: how often its best guess of the whole text is wrong.
        information: I(text; state) in bits.
    """

    states: int
    error: float
    information: float


def every_text(choices: int, length: int) -> Int[Tensor, "T N"]:
    """All choices^length texts, one per column."""
    ids_n = torch.arange(choices**length)
    return torch.stack([ids_n // choices**place % choices for place in range(length)])


def enumerate_recall(machine: Machine, choices: int, length: int) -> Recalled:
    """Read every text, and count how many end in the same state. The best guess is any one of those."""
    hidden_nh = machine.read(every_text(choices, length), choices)
    _, texts_per_state = torch.unique(hidden_nh, dim=0, return_counts=True)
    texts = choices**length
    share = texts_per_state.double() / texts
    unknown = float((share * texts_per_state.double().log2()).sum())
    return Recalled(len(texts_per_state), 1 - len(texts_per_state) / texts, math.log2(texts) - unknown)


def shift_register_length(dtype: torch.dtype, random: torch.Generator) -> int:
    """How many bits one number holds: pushed in by h' = (h + x) / 2, read back by doubling, tried on random texts."""
    length = 0
    while _register_recalls(dtype, length + 1, random):
        length += 1
    return length


def _register_recalls(dtype: torch.dtype, length: int, random: torch.Generator, texts: int = 256) -> bool:
    bits_tn = torch.randint(2, (length, texts), generator=random)
    bits_tn[0, 0] = bits_tn[-1, 0] = 1  # first and last bit set: needs all the digits between them
    hidden_n = torch.zeros(texts, dtype=dtype)
    for bits_n in bits_tn:
        hidden_n = (hidden_n + bits_n.to(dtype)) / 2
    for bits_n in bits_tn.flip(0):
        read_n = (hidden_n >= 0.5).to(dtype)
        if not torch.equal(read_n.long(), bits_n):
            return False
        hidden_n = 2 * hidden_n - read_n
    return True


def significant_bits(dtype: torch.dtype) -> int:
    """p: binary digits of a floating-point number, the leading one included."""
    return 1 - round(math.log2(torch.finfo(dtype).eps))


def linear_memory(weight_hh: Float[Tensor, "H H"], input_h: Float[Tensor, " H"], delays: int) -> Float[Tensor, " J"]:
    """Share of the variance of x_{t-j} that the best linear reader of h_t explains, in closed form.

    The network is h' = W h + w x with white noise x. With C = sum_j (W^j w)(W^j w)^T, the covariance of the state, the
    share is (W^j w)^T C^-1 (W^j w). Over all delays it sums to trace(C^-1 C) = H: as many numbers as there are units
    (Jaeger 2002).
    """
    echo_jh = [input_h]
    for _ in range(delays - 1):
        echo_jh.append(weight_hh @ echo_jh[-1])
    echoes = torch.stack(echo_jh)
    return (echoes * torch.linalg.solve(state_covariance(weight_hh, input_h), echoes.T).T).sum(1)


def state_covariance(weight_hh: Float[Tensor, "H H"], input_h: Float[Tensor, " H"]) -> Float[Tensor, "H H"]:
    """C = W C W^T + w w^T, by doubling: the sum of 2^n terms after n rounds. The spectral radius must be below 1."""
    total_hh, power_hh = torch.outer(input_h, input_h), weight_hh
    for _ in range(20):
        total_hh = total_hh + power_hh @ total_hh @ power_hh.T
        power_hh = power_hh @ power_hh
    return total_hh
