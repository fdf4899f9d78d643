"""How the next token is drawn from what a model says of it.

Log-probabilities of the next token -> the k most probable kept -> divided by the temperature -> of those, the nucleus
that holds probability p (Holtzman et al. 2020) -> what is left, scaled to sum to one, is drawn from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from rnn_lm.config import GenerationConfig

_POOL = 512
"""Tokens sorted in search of a nucleus before all are: sorting a vocabulary takes longer than a model's step."""


class Candidates(NamedTuple):
    """The tokens that may come next, most probable first, and the probabilities they are drawn with."""

    ids_c: Int64[Tensor, "C"]
    probabilities_c: Float64[Tensor, "C"]


def draw(log_probs_v: Float[Tensor, "V"], config: GenerationConfig, random: torch.Generator) -> int:
    """One token, by inverting the cumulative distribution of what may come next.

    Args:
        log_probs_v: natural logarithms of the model's probabilities; -inf strikes a token out.
        config: temperature, top-k and top-p.
        random: gives one number per token drawn.
    """
    if is_uncut(config):  # nothing to sort
        return draw_uncut(log_probs_v.unsqueeze(0), [config.temperature], [random])[0]
    ids_c, probabilities_c = candidates(log_probs_v, config)
    return int(ids_c[_invert(probabilities_c.unsqueeze(0), [random])[0]])


def is_uncut(config: GenerationConfig) -> bool:
    """Whether every token that is possible may be drawn."""
    return config.temperature > 0 and config.top_k is None and config.top_p in (None, 1)


def draw_uncut(
    log_probs_bv: Float[Tensor, "B V"], temperatures: Sequence[float], random: Sequence[torch.Generator]
) -> list[int]:
    """Return a token for each row, drawn as ``draw`` does where ``is_uncut`` holds.

    Args:
        log_probs_bv: see ``draw``.
        temperatures: of each row, above 0.
        random: of each row; gives one number.
    """
    same = len(set(temperatures)) == 1
    temperature = temperatures[0] if same else torch.tensor(temperatures, dtype=torch.float64).unsqueeze(1)
    return _invert(_tempered(log_probs_bv.double(), temperature), random)


def _invert(weights_bc: Float64[Tensor, "B C"], random: Sequence[torch.Generator]) -> list[int]:
    """The first index of each row whose cumulative weight exceeds a random share of all: never one of weight 0."""
    cumulative_bc = weights_bc.cumsum(1)
    shares_b = torch.stack([torch.rand((), generator=one, dtype=torch.float64) for one in random])
    share_b1 = shares_b.unsqueeze(1) * cumulative_bc[:, -1:]
    found = torch.searchsorted(cumulative_bc, share_b1, right=True).squeeze(1).tolist()
    most = weights_bc.shape[1]  # where the share was rounded up to the whole
    return [index if index < most else int(weights_bc[row].argmax()) for row, index in enumerate(found)]


def _tempered(log_probs_xc: Float64[Tensor, "*X C"], temperature: float | Tensor) -> Float64[Tensor, "*X C"]:
    """Probabilities at a temperature above 0, relative to the most probable token, so that however small it is not
    every exponent becomes -inf; at an infinite one every possible token is as probable as the next."""
    scaled_xc = log_probs_xc - log_probs_xc.amax(-1, keepdim=True)
    if isinstance(temperature, Tensor) or temperature != 1:
        scaled_xc = scaled_xc.div_(temperature).masked_fill_(log_probs_xc.isneginf(), -math.inf)
    return torch.softmax(scaled_xc, dim=-1)


def candidates(log_probs_v: Float[Tensor, "V"], config: GenerationConfig) -> Candidates:
    """What may be drawn next: top-k, temperature, top-p, each applied to what the one before has left.

    Of tokens that are equally probable, those with the smaller ids come first. A nucleus is the shortest list of most
    probable tokens that holds ``config.top_p`` or more; there is always one token at least. Temperature 0 leaves the
    most probable token alone.

    Args:
        log_probs_v: natural logarithms of the model's probabilities; -inf strikes a token out.
        config: the three settings.
    """
    if config.temperature == 0:
        return Candidates(_most_probable(log_probs_v, 1), torch.ones(1, dtype=torch.float64))
    possible = max(1, int(torch.isfinite(log_probs_v).sum()))
    kept = min(config.top_k or possible, possible)
    if config.top_p is None or config.top_p == 1:
        ids_c = _most_probable(log_probs_v, kept)
        return Candidates(ids_c, _tempered(log_probs_v[ids_c].double(), config.temperature))
    if config.top_k is None and possible > _POOL:
        probabilities_v = _tempered(log_probs_v.double(), config.temperature)
        pool_c = _most_probable(log_probs_v, _POOL)
        if float(probabilities_v[pool_c].sum()) >= config.top_p:
            return _nucleus(pool_c, probabilities_v[pool_c], config.top_p)
    ids_c = _most_probable(log_probs_v, kept)
    return _nucleus(ids_c, _tempered(log_probs_v[ids_c].double(), config.temperature), config.top_p)


def _most_probable(log_probs_v: Tensor, count: int) -> Tensor:
    """Ids of the ``count`` most probable tokens, in order; equals by id."""
    if count > len(log_probs_v) // 4:
        return log_probs_v.argsort(descending=True, stable=True)[:count]
    least = log_probs_v.topk(count).values[-1]
    ids_c = torch.nonzero(log_probs_v >= least).squeeze(1)
    return ids_c[log_probs_v[ids_c].argsort(descending=True, stable=True)[:count]]


def _nucleus(ids_c: Tensor, probabilities_c: Tensor, top_p: float) -> Candidates:
    """The shortest start of a list, in order of probability, that holds ``top_p``, scaled to sum to one."""
    held_before_c = probabilities_c.cumsum(0) - probabilities_c
    kept_c = probabilities_c[held_before_c < top_p]
    return Candidates(ids_c[: len(kept_c)], kept_c / kept_c.sum())
