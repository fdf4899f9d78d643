"""Recall over delay: one of K symbols, N distractors, a question mark, and the same symbol again.

    s17 d4 d0 d11 d4 ... d2 ? s17 <eos>

Distractors are drawn independently and say nothing about the symbol, so a model that has lost it answers at chance,
1 / K. There is no grammar to learn: what remains of the symbol after N steps is all that is measured.
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


@dataclass(frozen=True)
class RecallLanguage:
    """The language with K ``symbols`` and a number of ``distractors``, all equally frequent."""

    symbols: int = 16
    distractors: int = 16

    eos_id = 1
    question_id = 2

    @property
    def tokens(self) -> tuple[str, ...]:
        """Every token of the language; the index is the id."""
        symbols = (f"s{index}" for index in range(self.symbols))
        distractors = (f"d{index}" for index in range(self.distractors))
        return (UNK, EOS, "?", *symbols, *distractors)

    @property
    def symbol_ids_k(self) -> Int[Tensor, "K"]:
        """Ids of the symbols."""
        return self.question_id + 1 + torch.arange(self.symbols)

    def sentences(self, delays_s: Int[Tensor, "S"], generator: torch.Generator) -> Sentences:
        """Sentences with the given numbers of distractors between the symbol and the question mark."""
        count, length = len(delays_s), int(delays_s.max()) + 4
        symbol_s = self.symbol_ids_k[torch.randint(self.symbols, (count,), generator=generator)]
        first_distractor = self.question_id + 1 + self.symbols
        ids_sn = first_distractor + torch.randint(self.distractors, (count, length), generator=generator)
        ids_sn[:, 0] = symbol_s
        position_sn = torch.arange(length) - delays_s[:, None] - 1
        ids_sn[position_sn == 0] = self.question_id
        ids_sn = torch.where(position_sn == 1, symbol_s[:, None], ids_sn)
        ids_sn[position_sn == 2] = self.eos_id
        ids_sn[position_sn > 2] = IGNORE
        return Sentences(ids_sn, self.eos_id)

    def suite(self, delays: tuple[int, ...], items: int, generator: torch.Generator) -> Suite:
        """``items`` questions per delay; the choices are all K symbols, the right one first."""
        delays_s = torch.tensor(delays).repeat_interleave(items)
        ids_sn = self.sentences(delays_s, generator).ids_sn
        rows = zip(ids_sn.tolist(), delays_s.tolist(), strict=True)
        others_nk = (self.symbol_ids_k != ids_sn[:, :1]).int().argsort(dim=1, stable=True)
        return Suite(
            "recall",
            prefixes=tuple(tuple(row[: delay + 2]) for row, delay in rows),
            choices_nc=self.symbol_ids_k[others_nk],
            factors={"distance": tuple(delays_s.tolist())},
        )
