"""Suites of minimal pairs: a prefix, and words of which one is the right one to come next.

Every prefix is scored from the initial state with <eos> before it, so that no item sees another, and through the
``LanguageModel`` protocol alone, so that the n-gram, the recurrent models and attention are asked the same question:
does P(right | prefix) exceed P(wrong | prefix)?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rnn_lm.models.language_model import LanguageModel


@dataclass(frozen=True)
class Suite:
    """N items with C choices each.

    Attributes:
        name: what is tested.
        prefixes: ids of what is read, without the <eos> that comes first.
        choices_nc: (N, C) ids; the first column is the right one.
        factors: for each item the conditions it was made under ("distance", "attractors", "construction"...).
    """

    name: str
    prefixes: tuple[tuple[int, ...], ...]
    choices_nc: Int[Tensor, "N C"]
    factors: dict[str, tuple[int | str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in self.factors.items():
            if len(values) != len(self):
                raise ValueError(f"factor {name!r} has {len(values)} values for {len(self)} items")

    @classmethod
    def of_forms(
        cls,
        name: str,
        ids_sn: Int[Tensor, "S N"],
        place_s: Int[Tensor, "S"],
        forms_wk: Int[Tensor, "W 2"],
        factors: Mapping[str, Int[Tensor, "S"]],
    ) -> Suite:
        """Cut minimal pairs out of whole texts: the word at a place is right, its other form is wrong.

        Args:
            name: what is tested.
            ids_sn: the texts.
            place_s: where the word stands in each.
            forms_wk: singular and plural of every word that may stand there.
            factors: see the attribute.
        """
        right_s = ids_sn.gather(1, place_s[:, None]).squeeze(1)
        wrong_s = forms_wk.flip(1).flatten()[(forms_wk.flatten() == right_s[:, None]).int().argmax(1)]
        return cls(
            name,
            prefixes=tuple(tuple(row[:end]) for row, end in zip(ids_sn.tolist(), place_s.tolist(), strict=True)),
            choices_nc=torch.stack([right_s, wrong_s], dim=1),
            factors={factor: tuple(values_s.tolist()) for factor, values_s in factors.items()},
        )

    def __len__(self) -> int:
        return len(self.prefixes)

    @property
    def chance(self) -> float:
        """Accuracy of a blind guess."""
        return 1 / self.choices_nc.shape[1]

    def groups(self, *factors: str) -> dict[tuple[int | str, ...], Int[Tensor, "M"]]:
        """Indices of the items under each combination of conditions, in sorted order of the combinations."""
        members: dict[tuple[int | str, ...], list[int]] = defaultdict(list)
        for index, key in enumerate(zip(*(self.factors[name] for name in factors), strict=True)):
            members[key].append(index)
        return {key: torch.tensor(members[key]) for key in sorted(members)}


@torch.no_grad()
def choice_log_probabilities(
    model: LanguageModel, suite: Suite, eos_id: int, batch_size: int = 512
) -> Float[Tensor, "N C"]:
    """log P(choice | <eos> prefix) in nats, from the initial state. Items of one length are read side by side."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, prefix in enumerate(suite.prefixes):
        by_length[len(prefix)].append(index)
    result_nc = torch.zeros(suite.choices_nc.shape, dtype=torch.float64)
    for items in by_length.values():
        for batch in torch.tensor(items).split(batch_size):
            read_tb = torch.tensor([(eos_id, *suite.prefixes[index]) for index in batch.tolist()]).t()
            state = model.initial_state(len(batch))
            if len(read_tb) > 1:
                _, state = model.score(read_tb[:-1].to(model.device), read_tb[1:].to(model.device), state)
            log_probs_bv = model.step(read_tb[-1].to(model.device), state)[0].cpu()
            result_nc[batch] = log_probs_bv.gather(1, suite.choices_nc[batch]).double()
    return result_nc


def right_choices(model: LanguageModel, suite: Suite, eos_id: int) -> Bool[Tensor, "N"]:
    """Whether the right choice is more probable than every wrong one. A tie counts as wrong."""
    log_probs_nc = choice_log_probabilities(model, suite, eos_id)
    return log_probs_nc[:, 0] > log_probs_nc[:, 1:].amax(1)
