"""Dyck-k: nested brackets of k kinds, and the outermost one to be closed.

    ( [ ] [ ( ... ) ] | )          every bracket closes the latest open one, of its own kind

The distance is a depth: how many brackets are open inside the outermost one at once. A stack as deep has to be kept,
each level of which says which kind of bracket must close: the number of states grows as k to the depth, and no state of
fixed size has room for every depth (Hewitt et al. 2020 count how much is needed for a depth that is bounded).

Pairs that open and close at once stand in between; the outermost bracket is asked for when all others have been closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from rnn_lm.padding import IGNORE
from rnn_lm.probes.minimal_pairs import Suite
from rnn_lm.probes.sentences import Sentences
from rnn_lm.vocabulary import EOS, UNK

BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))
LEAF = 0.25
"""How often a pair that closes at once stands before a bracket."""


@dataclass(frozen=True)
class DyckLanguage:
    """Brackets of ``kinds`` kinds."""

    kinds: int = 2

    eos_id = 1

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token: first all that open, then all that close."""
        pairs = BRACKETS[: self.kinds]
        return (UNK, EOS, *(opens for opens, _ in pairs), *(closes for _, closes in pairs))

    def sentences(self, depths_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Words in which so many brackets nest inside the outermost one."""
        outer_s = torch.randint(self.kinds, depths_s.shape, generator=generator)
        return self._draw(depths_s, outer_s, generator)

    def suite(self, name: str, depths: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """``items`` questions per depth, each kind of bracket in turn; the choices are all that close."""
        depths_s = torch.tensor(depths).repeat_interleave(items)
        outer_s = torch.arange(len(depths_s)) % self.kinds
        text = self._draw(depths_s, outer_s, generator)
        closes_k = 2 + self.kinds + torch.arange(self.kinds)
        others_nk = (torch.arange(self.kinds) != outer_s[:, None]).int().argsort(dim=1, stable=True)
        rows = zip(text.ids_sn.tolist(), (text.lengths_s - 2).tolist(), strict=True)
        return Suite(
            name,
            prefixes=tuple(tuple(row[:end]) for row, end in rows),
            choices_nc=closes_k[others_nk],
            factors={"distance": tuple(depths_s.tolist())},
        )

    def _draw(self, depths_s: Tensor, outer_s: Tensor, generator: torch.Generator) -> Sentences:
        """Down to the depth with leaves before brackets, and up again."""
        count, deepest = len(depths_s), int(depths_s.max()) + 1
        kind_sn = torch.randint(self.kinds, (count, deepest), generator=generator)
        kind_sn[:, 0] = outer_s
        leaf_sn = torch.randint(self.kinds, (count, deepest), generator=generator)
        has_leaf_sn = torch.rand(count, deepest, generator=generator) < LEAF
        first_close = 2 + self.kinds
        rows: list[list[int]] = []
        for depth, kinds, leaves, has_leaf in zip(
            depths_s.tolist(), kind_sn.tolist(), leaf_sn.tolist(), has_leaf_sn.tolist(), strict=True
        ):
            down: list[int] = []
            for level in range(depth + 1):
                if level and has_leaf[level]:
                    down += [2 + leaves[level], first_close + leaves[level]]
                down.append(2 + kinds[level])
            rows.append([*down, *(first_close + kind for kind in reversed(kinds[: depth + 1])), self.eos_id])
        longest = max(map(len, rows))
        return Sentences(torch.tensor([row + [IGNORE] * (longest - len(row)) for row in rows]), self.eos_id)
