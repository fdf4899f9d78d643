"""How many texts can be stepped together so that each gets the bits that it would get alone.

A product of matrices adds in an order that depends on how many rows there are, and what is left over at the end of a
vector may go through other instructions than its middle. A probability may then differ in its last binary digit, and
once in many thousand words the draw falls on the other side of a boundary: another text for the same seed. So texts are
only ever stepped in batches of sizes that were found, on this machine and with this model, to give every row the same
bits in every place and in any company; a smaller number is filled up to such a size.

                                  one text alone     2     3    17    1,000
    LSTM of 300 units              a batch of 2      2     4    32    32 x 31 + 8
    GRU of 329 units                         32     32    32    32    32 x 32
    attention (its state grows)               1    1+1  each alone
"""

from __future__ import annotations

import torch

from rnn_lm.layers.state import State, select
from rnn_lm.models.language_model import LanguageModel

LARGEST = 32
"""Texts of a batch: beyond it products are no faster per text."""
SIZES = (1, 2, 4, 8, 16)
"""Smaller batches that are tried."""


@torch.inference_mode()
def state_is_constant(model: LanguageModel, eos_id: int) -> bool:
    """Return whether a state stays as large as it begins: those that do can be put side by side at any time."""
    start = model.initial_state(1)
    _, after = model.step(torch.tensor([eos_id], device=model.device), start)
    return [part.shape for part in start] == [part.shape for part in after]


@torch.inference_mode()
def agreeing_sizes(model: LanguageModel, eos_id: int) -> tuple[int, ...]:
    """Return the batch sizes, rising, that give a text the same bits whichever of them it is stepped in.

    They are found by trying: twice as many texts as the largest batch holds, each in several places, beside others.

    Args:
        model: in evaluation mode.
        eos_id: read before each text.

    Returns:
        The largest may be 1: each text is stepped alone.
    """
    if not state_is_constant(model, eos_id):
        return (1,)
    random, count = torch.Generator().manual_seed(0), 2 * LARGEST
    state = model.initial_state(count)
    token_n = torch.full((count,), eos_id)
    for _ in range(4):
        _, state = model.step(token_n.to(model.device), state)
        token_n = torch.randint(model.vocabulary_size, (count,), generator=random)
    orders = [torch.arange(count), torch.arange(count).flip(0), torch.randperm(count, generator=random)]
    expected = _stepped(model, token_n, state, orders[0], LARGEST)
    if not all(_same(expected, _stepped(model, token_n, state, order, LARGEST)) for order in orders[1:]):
        return (1,)
    smaller = [
        size for size in SIZES if all(_same(expected, _stepped(model, token_n, state, order, size)) for order in orders)
    ]
    return (*smaller, LARGEST)


def _stepped(
    model: LanguageModel, token_n: torch.Tensor, state: State, order_n: torch.Tensor, size: int
) -> list[torch.Tensor]:
    """log P(next) and the state after one step of every text, in batches of ``size``, in the texts' own order."""
    rows: list[torch.Tensor] = []
    parts: list[State] = []
    for columns in order_n.split(size):
        log_prob_bv, after = model.step(token_n[columns].to(model.device), select(state, columns.to(state[0].device)))
        rows.append(log_prob_bv)
        parts.append(after)
    back = order_n.argsort().to(rows[0].device)
    joined = [torch.cat(same, dim=1).index_select(1, back.to(same[0].device)) for same in zip(*parts, strict=True)]
    return [torch.cat(rows).index_select(0, back), *joined]


def _same(expected: list[torch.Tensor], found: list[torch.Tensor]) -> bool:
    return all(map(torch.equal, expected, found))
