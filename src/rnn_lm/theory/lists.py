"""What the recall exercise asks for: lists in their order, or values by their keys.

    order    <eos> s_1 ... s_k <eos>               asked for s_1 ... s_k: what comes next depends on where one is
    pairs    <eos> (a, x) (b, y) ... <eos> b a     asked for y x: each token is a key with its value, then keys alone

Both store k symbols, drawn independently and evenly from K, which is k log2 K bits: the keys of pairs are told again
when their values are asked for, so they need not be kept. In pairs everything that belongs together comes in one token.
In a list in order nothing but time says what follows what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.theory.config import TheoryConfig


class Lists(NamedTuple):
    """Texts of the experiment, in the two parts between which the state is all that is carried."""

    stored_tb: Int[Tensor, "R B"]
    asked_tb: Int[Tensor, "A B"]
    answer_tb: Int[Tensor, "A B"]

    def to(self, device: torch.device) -> Lists:
        """The same texts on ``device``."""
        return Lists(*(ids_tb.to(device) for ids_tb in self))


@dataclass(frozen=True)
class InOrder:
    """Lists to be repeated; ids are the symbols, and ``<eos>`` after them."""

    symbols: int

    @property
    def tokens(self) -> int:
        """How many ids stand in the lists."""
        return self.symbols + 1

    def draw(self, length: int, batch: int, random: torch.Generator) -> Lists:
        """``batch`` lists of ``length`` symbols, each drawn evenly."""
        list_kb = torch.randint(self.symbols, (length, batch), generator=random)
        eos_1b = torch.full((1, batch), self.symbols)
        return Lists(torch.cat([eos_1b, list_kb]), torch.cat([eos_1b, list_kb[:-1]]), list_kb)


@dataclass(frozen=True)
class ByKey:
    """Pairs, asked for in another order; ids are the symbols, every pair of key and symbol, keys, and ``<eos>``."""

    symbols: int
    keys: int

    @property
    def tokens(self) -> int:
        """How many ids stand in the lists."""
        return self.symbols + self.keys * self.symbols + self.keys + 1

    def draw(self, length: int, batch: int, random: torch.Generator) -> Lists:
        """``batch`` lists of ``length`` pairs, no key twice in a list, each symbol drawn evenly."""
        key_kb = self._orders(self.keys, batch, random)[:length]
        value_kb = torch.randint(self.symbols, (length, batch), generator=random)
        order_kb = self._orders(length, batch, random)
        pairs, keys = self.symbols, self.symbols + self.keys * self.symbols
        eos_1b = torch.full((1, batch), self.tokens - 1)
        return Lists(
            torch.cat([eos_1b, pairs + key_kb * self.symbols + value_kb, eos_1b]),
            keys + key_kb.gather(0, order_kb),
            value_kb.gather(0, order_kb),
        )

    @staticmethod
    def _orders(size: int, batch: int, random: torch.Generator) -> Int[Tensor, "N B"]:
        return torch.stack([torch.randperm(size, generator=random) for _ in range(batch)], dim=1)


def task_of(config: TheoryConfig) -> InOrder | ByKey:
    """What the settings ask for; pairs have twice as many keys as the longest list has pairs."""
    if config.recall_task == "order":
        return InOrder(config.recall_symbols)
    return ByKey(config.recall_symbols, 2 * config.recall_length)
