"""State tracking: what a sequence of operations comes to, which nothing but following it tells.

    ball2 swap1-3 swap2-5 swap1-2 ... | ball4        where is the ball, after d swaps of five cups?

Every operation matters to the answer, and their order does (but for sums): there is no one word to latch, and none to
look up. The first token says the state at the start, which is drawn evenly; so whatever the operations, every state is
equally likely at every length, and whoever has lost track is at chance.

    parity          even or odd, after d bits                                Z_2, solvable and abelian
    counting        a counter modulo 5, after d steps of +1, 0, -1   Z_5 (cycle navigation in Deletang et al. 2023)
    shuffle-3       one of three cups, after d swaps of two                  S_3, solvable
    shuffle-5       one of five cups                                         S_5, not solvable

Composing permutations of five is complete for NC^1 (Barrington 1989): if, as is believed, threshold circuits of fixed
depth cannot do it, neither can attention or a diagonal linear recurrence of fixed depth, which are such circuits
(Merrill, Petty and Sabharwal 2024), while one step of a nonlinear recurrence can hold the whole machine.

Models are trained to say the state after every operation, as in Merrill et al.; a text of the suite, as an n-gram reads
it, has it once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.stream import Segment
from rnn_lm.vocabulary import EOS, UNK


@dataclass(frozen=True)
class Machine:
    """A finite machine.

    Attributes:
        start: what the first token is called, with the state behind it.
        operations: what the others are called.
        next_os: [o, s]: the state after operation o in state s.
    """

    start: str
    operations: tuple[str, ...]
    next_os: Int[Tensor, "O S"]

    @property
    def states(self) -> int:
        """How many there are."""
        return self.next_os.shape[1]


def adding(modulus: int, terms: tuple[int, ...], start: str) -> Machine:
    """A counter that each operation adds to, modulo ``modulus``."""
    state_s = torch.arange(modulus)
    names = tuple(f"{term:+d}" for term in terms)
    return Machine(start, names, torch.stack([(state_s + term) % modulus for term in terms]))


def shuffling(cups: int) -> Machine:
    """The place of a ball under one of some cups; each operation swaps two of them."""
    swaps = list(combinations(range(cups), 2))
    next_os = torch.arange(cups).repeat(len(swaps), 1)
    for row, (one, other) in enumerate(swaps):
        next_os[row, one], next_os[row, other] = other, one
    return Machine("ball", tuple(f"swap{one + 1}-{other + 1}" for one, other in swaps), next_os)


@dataclass(frozen=True)
class Tracked(Sentences):
    """Texts of operations, each closed by the state it comes to; trained on to say the state after every operation.

    Attributes:
        state_sn: ids of the states after the operation that stands there; ``IGNORE`` behind the last.
    """

    state_sn: Int[Tensor, "S N"]

    def segment(self, rows_b: Int[Tensor, "B"]) -> Segment:
        """Inputs are <eos> and the operations; targets the states after them, none after <eos>."""
        told_b = self.lengths_s[rows_b] - 2
        target_tb = self.state_sn[rows_b, : int(told_b.max())].t()
        input_tb = self.ids_sn[rows_b, : int(told_b.max())].t().masked_fill(target_tb == IGNORE, self.eos_id)
        first_b = torch.full((1, len(rows_b)), self.eos_id)
        return Segment(
            torch.cat([first_b, input_tb]),
            torch.cat([torch.full_like(first_b, IGNORE), target_tb]),
            int(told_b.sum()),
        )


class TrackingLanguage:
    """Operations of a machine as a language."""

    eos_id = 1

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token: states as they are said at the start, operations, states as they are answered."""
        states = range(1, self.machine.states + 1)
        first = (f"{self.machine.start}{state}" for state in states)
        return (UNK, EOS, *first, *self.machine.operations, *(f"={state}" for state in states))

    def sentences(self, lengths_s: Int[Tensor, "S"], generator: torch.Generator) -> Tracked:
        """Texts of so many operations."""
        return self._run(lengths_s, torch.randint(self.machine.states, lengths_s.shape, generator=generator), generator)

    def suite(self, name: str, lengths: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """``items`` questions per length; the choices are all states, the right one first."""
        lengths_s = torch.tensor(lengths).repeat_interleave(items)
        text = self.sentences(lengths_s, generator)
        right_s = text.ids_sn.gather(1, lengths_s[:, None] + 1)
        answers_k = self._first_answer + torch.arange(self.machine.states)
        others_nk = (answers_k != right_s).int().argsort(dim=1, stable=True)
        rows = zip(text.ids_sn.tolist(), lengths_s.tolist(), strict=True)
        return Suite(
            name,
            prefixes=tuple(tuple(row[: length + 1]) for row, length in rows),
            choices_nc=answers_k[others_nk],
            factors={"distance": tuple(lengths_s.tolist())},
        )

    @property
    def _first_answer(self) -> int:
        return 2 + self.machine.states + len(self.machine.operations)

    def _run(self, lengths_s: Tensor, start_s: Tensor, generator: torch.Generator) -> Tracked:
        count, longest = len(lengths_s), int(lengths_s.max())
        operation_sn = torch.randint(len(self.machine.operations), (count, longest), generator=generator)
        ids_sn = torch.full((count, longest + 3), IGNORE)
        state_sn = torch.full_like(ids_sn, IGNORE)
        ids_sn[:, 0], state_s = 2 + start_s, start_s
        state_sn[:, 0] = state_s
        for place in range(longest):
            state_s = self.machine.next_os[operation_sn[:, place], state_s]
            ids_sn[:, place + 1] = 2 + self.machine.states + operation_sn[:, place]
            state_sn[:, place + 1] = state_s
        after_sn = torch.arange(longest + 3) - lengths_s[:, None]
        final_s = self._first_answer + state_sn.gather(1, lengths_s[:, None])
        ids_sn = torch.where(after_sn == 1, final_s, ids_sn)
        ids_sn[after_sn == 2] = self.eos_id
        ids_sn[after_sn > 2] = IGNORE
        state_sn = (self._first_answer + state_sn).masked_fill(after_sn > 0, IGNORE)
        return Tracked(ids_sn, self.eos_id, state_sn)


MACHINES: dict[str, Callable[[], Machine]] = {
    "parity": lambda: adding(2, (0, 1), "bit"),
    "counting": lambda: adding(5, (-1, 0, 1), "at"),
    "shuffle-3": lambda: shuffling(3),
    "shuffle-5": lambda: shuffling(5),
}
