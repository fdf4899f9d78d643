"""Matrix memories chunk by chunk: what two cells do one step after another, in a few products per chunk of L steps.

A memory S that is changed by one outer product per step, S_t = f_t S_{t-1} + u_t k_t^T, need not be made at every step.
Within a chunk that begins with S_0, what a query reads at step t is

    S_t q_t  =  (f_1 .. f_t) S_0 q_t  +  sum over s <= t of (f_{s+1} .. f_t) (k_s q_t) u_s

so all L answers are one product with S_0, and one with the lower triangle of L x L numbers k_s q_t. Only from chunk to
chunk is there a recurrence left. The steps' equations stand in ``cells/``; here are the same numbers, to rounding:

    mLSTM       f and u are known from the inputs. Where the chunk's own largest exponent and what is carried into it
                meet, both are scaled to the larger: m_t = max(m of the chunk, m_0 + log f_1 .. f_t).
    DeltaNet    f = 1, but u_t = b_t (v_t - S_{t-1} k_t) depends on the u before it, linearly. With a row per step,
                (I + strictly lower part of (b K) K^T) U = b (V - K S_0^T): a triangular system, solved for V and K
                once for all chunks (the WY form; Yang et al. 2024, arXiv 2406.06484, section 3.2).

Autograd differentiates both. ``benchmarks/recurrences.py --chunks`` measures them beside the steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

CHUNK = 32
"""Steps of a chunk: about what a step's part of the memory costs (16 columns), half of it for the triangle."""
LEAST_EXPONENT = -80.0
"""Below it exp(m) counts as this: e^80 still is a float, and what is divided by it is nothing."""


def delta_chunks(
    key_tbk: Float[Tensor, "T B K"],
    query_tbk: Float[Tensor, "T B K"],
    value_tbh: Float[Tensor, "T B H"],
    rate_tb1: Float[Tensor, "T B 1"],
    memory_bhk: Float[Tensor, "B H K"],
    size: int = CHUNK,
) -> tuple[Float[Tensor, "T B H"], Float[Tensor, "B H K"]]:
    """Return S_t q_t of every step of the delta rule S_t = S_{t-1} + b_t (v_t - S_{t-1} k_t) k_t^T, and the last S.

    Args:
        key_tbk, query_tbk, value_tbh: k, q and v.
        rate_tb1: b.
        memory_bhk: S before the first step; everything is computed in its type.
        size: steps of a chunk.
    """
    given = [part.to(memory_bhk.dtype) for part in (key_tbk, query_tbk, value_tbh, rate_tb1)]
    outputs = []
    with torch.autocast(memory_bhk.device.type, enabled=False):
        for begin, end, length in _pieces(len(key_tbk), size):
            key, query, value, rate = (_rows(part[begin:end], length) for part in given)
            weighted = rate * key
            system = torch.tril(weighted @ key.mT, -1)  # ones on the diagonal are taken as read
            both = torch.linalg.solve_triangular(
                system, torch.cat([rate * value, weighted], -1), upper=False, unitriangular=True
            )
            written_nblh, erased_nblk = both.split([value.shape[-1], key.shape[-1]], -1)
            seen_nbll = torch.tril(query @ key.mT)
            for chunk in range(len(key)):
                change_blh = written_nblh[chunk] - erased_nblk[chunk] @ memory_bhk.mT
                read_blh = query[chunk] @ memory_bhk.mT + seen_nbll[chunk] @ change_blh
                memory_bhk = memory_bhk + change_blh.mT @ key[chunk]
                outputs.append(read_blh.transpose(0, 1))
    return torch.cat(outputs), memory_bhk


def mlstm_chunks(
    query_tbad: Float[Tensor, "T B A D"],
    key_tbad: Float[Tensor, "T B A D"],
    value_tbad: Float[Tensor, "T B A D"],
    input_tba: Float[Tensor, "T B A"],
    log_forget_tba: Float[Tensor, "T B A"],
    memory_baed: Float[Tensor, "B A E D"],
    stabilizer_ba: Float[Tensor, "B A"],
    size: int = CHUNK,
) -> tuple[Float[Tensor, "T B A D"], Float[Tensor, "B A E D"], Float[Tensor, "B A"]]:
    """Return C_t q_t / max(|n_t q_t|, e^-m_t) of every step of the mLSTM, and the last C, n and m.

    n is what C would be for values of 1: the last of the E = D + 1 rows of the memory.

    Args:
        query_tbad, key_tbad, value_tbad: q, k and v of A heads.
        input_tba: the input gate before its exponential.
        log_forget_tba: the logarithm of the forget gate.
        memory_baed: C and n before the first step, both times e^-m; everything is computed in its type.
        stabilizer_ba: m before the first step.
        size: steps of a chunk.
    """
    valued_tbae = functional.pad(value_tbad, (0, 1), value=1.0)
    given = [part.to(memory_baed.dtype) for part in (query_tbad, key_tbad, valued_tbae)]
    gates = [part.to(memory_baed.dtype).unsqueeze(-1) for part in (input_tba, log_forget_tba)]
    outputs = []
    with torch.autocast(memory_baed.device.type, enabled=False):
        for begin, end, length in _pieces(len(query_tbad), size):
            query, key, value, input_l1, forget_l1 = (_rows(part[begin:end], length) for part in (*given, *gates))
            kept_l1 = forget_l1.cumsum(-2)  # log f_1 .. f_t
            # The logarithm of what is left at step t (rows) of what was written at step s.
            left_ll = kept_l1 - kept_l1.mT + input_l1.mT
            ahead_ll = torch.ones(length, length, dtype=torch.bool, device=left_ll.device).triu(1)
            left_ll = left_ll.masked_fill(ahead_ll, -math.inf)
            most_l1 = left_ll.amax(-1, keepdim=True)
            last_1l, most_11, kept_11 = left_ll[..., -1:, :], most_l1[..., -1:, :], kept_l1[..., -1:, :]
            added = (value.mT * torch.exp(last_1l - most_11)) @ key
            memories, carried = [memory_baed], [stabilizer_ba[..., None, None]]
            for total, most, change in zip(kept_11, most_11, added, strict=True):
                flowing = carried[-1] + total
                carried.append(torch.maximum(flowing, most))
                memories.append(
                    torch.exp(flowing - carried[-1]) * memories[-1] + torch.exp(most - carried[-1]) * change
                )
            memory_baed, stabilizer_ba = memories.pop(), carried.pop()[..., 0, 0]
            flowing_l1 = kept_l1 + torch.stack(carried)
            stabilizer_l1 = torch.maximum(flowing_l1, most_l1)
            read = (torch.exp(left_ll - stabilizer_l1) * (query @ key.mT)) @ value
            read = read + torch.exp(flowing_l1 - stabilizer_l1) * (query @ torch.stack(memories).mT)
            outputs.append(_in_time(normalized(read, stabilizer_l1)))
    return torch.cat(outputs), memory_baed, stabilizer_ba


def normalized(read: Float[Tensor, "*any E"], stabilizer: Float[Tensor, "*any 1"]) -> Float[Tensor, "*any D"]:
    """Return C q / max(|n q|, e^-m): all but the last of what was read, by the last."""
    floor = torch.exp(-stabilizer.clamp_min(LEAST_EXPONENT))
    return read[..., :-1] / torch.maximum(read[..., -1:].abs(), floor)


def _pieces(steps: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Where runs of equal chunks begin and end, and how long their chunks are: the whole ones, then what is left.

    As many chunks as ``size`` asks for, evenly long: 35 steps are 18 and 17 rather than 32 and 3.
    """
    size = math.ceil(steps / math.ceil(steps / size))
    whole = steps // size * size
    if whole:
        yield 0, whole, size
    if whole < steps:
        yield whole, steps, steps - whole


def _rows(values_tbx: Tensor, length: int) -> Tensor:
    """(T, B, ..., X) to (chunks, B, ..., L, X): a row for each step of a chunk."""
    return values_tbx.unflatten(0, (-1, length)).movedim(1, -2)


def _in_time(values_nblx: Tensor) -> Tensor:
    """What ``_rows`` has arranged, in time again."""
    return values_nblx.movedim(-2, 1).flatten(0, 1)
