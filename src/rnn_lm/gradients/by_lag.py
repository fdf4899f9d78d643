"""How much of a loss reaches a state k steps earlier: the norm of d loss(T) / d h(T-k), averaged over real text.

loss(T) is the NLL of the one token predicted at T. The gradients are autograd's, through the model's own cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor

from rnn_lm.evaluation.jackknife import mean_interval
from rnn_lm.gradients.coordinates import coordinates, parts_read
from rnn_lm.gradients.results import Band, SlopeJson
from rnn_lm.gradients.unroll import LayerTrace, Link, Trace, cell_path_only, unroll, warm_state, whole_state
from rnn_lm.gradients.windows import Windows
from rnn_lm.layers.cells import TorchCell
from rnn_lm.models.recurrent import RecurrentLanguageModel

COLUMNS_AT_A_TIME = 32
"""Windows differentiated together: bounds the memory that the graph takes."""
SMALLEST = torch.finfo(torch.float64).tiny
"""Stands for a norm of exactly 0 where its logarithm is needed."""


@dataclass(frozen=True)
class LagGradients:
    """The gradient of loss(T) by what the model held at T-k, k = 0...K, for B positions T. The first dimension is k.

    The states are the last layer's: what reaches them has gone through that layer's own recurrence and nothing else,
    which is what Jacobians and exponents speak of.

    Attributes:
        hidden_kbh: by the hidden state h(T-k), all paths; 0 from k = 1 on where no step reads it.
        cell_kbh: by the cell state c(T-k), all paths, the one through h(T-k) = o * tanh(c(T-k)) among them; LSTM only.
        kept_kbh: by c(T-k) with h(T-k) held: only what step T-k+1 reads of it; LSTM only.
        state_kbn: by all that the next step reads (``coordinates``), laid end to end as independent coordinates: of the
            LSTM ``hidden_kbh`` and ``kept_kbh``.
        recurrent_lkbg: by the recurrent pre-activation W_hh h(T-k-1) + b_hh of every layer; None without such matrices.
        previous_lkbh: h(T-k-1) of every layer. Step T-k contributes recurrent^T previous to d loss(T) / d W_hh.
    """

    hidden_kbh: Float[Tensor, "K B H"]
    cell_kbh: Float[Tensor, "K B H"] | None
    kept_kbh: Float[Tensor, "K B H"] | None
    state_kbn: Float[Tensor, "K B N"]
    recurrent_lkbg: Float[Tensor, "L K B GH"] | None
    previous_lkbh: Float[Tensor, "L K B H"] | None


def lag_gradients(model: RecurrentLanguageModel, windows: Windows, lags: int, link: Link = whole_state) -> LagGradients:
    """Differentiate the NLL of each window's last target.

    Args:
        model: in float64.
        windows: of more than ``lags`` + 1 rows; the rows before the last ``lags`` + 1 only bring the state onto the
            text, without gradient.
        lags: K, the longest lag.
        link: cut paths, or none.
    """
    rows = windows.input_tb.shape[0]
    warm = rows - lags - 1
    state = warm_state(model, windows.input_tb[:warm])
    trace = unroll(model, windows.input_tb[warm:], state, link)
    logits_bv = model.logits(trace.output_tbd[-1])
    nll = torch.nn.functional.cross_entropy(logits_bv, windows.target_tb[-1], reduction="sum")
    return _backward(nll, trace)


def _backward(nll: Tensor, trace: Trace) -> LagGradients:
    """One backward pass for all lags, layers and columns: columns share nothing, so the sum of their losses does."""
    last = trace.layers[-1]
    rows, parts = len(last.carried), coordinates(last.layer)
    has_matrices = all(layer.nudges for layer in trace.layers)
    wanted = [[state[0] for state in last.states[1:]]]
    wanted += [layer.nudges for layer in trace.layers] if has_matrices else []
    wanted += [_reached(last, part, held=0 in parts) for part in parts]
    has_cell = isinstance(last.layer, TorchCell) and len(last.states[0]) == 2
    wanted += [[state[1] for state in last.states[1:]]] if has_cell else []
    gradients = torch.autograd.grad(nll, list(chain.from_iterable(wanted)), materialize_grads=True, allow_unused=True)
    found = _by_lag(gradients, rows)
    hidden_kbh, layers = found[0], len(trace.layers) if has_matrices else 0
    by_part = found[1 + layers : 1 + layers + len(parts)]
    state_kbn = torch.cat(by_part, dim=2)
    cell_kbh, kept_kbh = (found[-1], by_part[1]) if has_cell else (None, None)
    if not has_matrices:
        return LagGradients(hidden_kbh, cell_kbh, kept_kbh, state_kbn, None, None)
    previous = [torch.stack([state[0].detach() for state in layer.states[-2::-1]]) for layer in trace.layers]
    recurrent_lkbg = torch.stack(found[1 : 1 + layers])
    return LagGradients(hidden_kbh, cell_kbh, kept_kbh, state_kbn, recurrent_lkbg, torch.stack(previous))


def _reached(layer: LayerTrace, part: int, *, held: bool) -> list[Tensor]:
    """One part of the state after every step; ``held``: only as the next step reads it, the hidden state held."""
    if not held:
        return [state[part] for state in layer.states[1:]]
    carried = [state[part] for state in layer.carried[1:]]
    # The loss reads h(T). Nothing reads the others at T: their gradient with h(T) held is 0, as materialized.
    last = layer.states[-1][part] if part == 0 else torch.zeros_like(layer.states[-1][part])
    # What a link cut off has no gradient, and a part of the state that is made of nothing but constants neither.
    return [one if one.requires_grad else torch.zeros_like(one, requires_grad=True) for one in (*carried, last)]


def _by_lag(gradients: tuple[Tensor, ...], rows: int) -> list[Tensor]:
    """Consecutive runs of ``rows`` gradients in order of time, each stacked in order of lag."""
    return [torch.stack(gradients[start : start + rows]).detach().flip(0) for start in range(0, len(gradients), rows)]


def norms_by_lag(model: RecurrentLanguageModel, windows: Windows, lags: int) -> dict[str, Float[Tensor, "K B"]]:
    """Norms of the state gradients by lag and position, one entry per path.

    ``hidden`` is the norm of d loss(T) / d h(T-k), ``state`` that of the gradient by all that the next step reads. They
    are the same where that is h alone; of the LSTM, h and c are independent coordinates. Where no step reads h, nothing
    flows back through it, and ``hidden`` is ``state`` as well. An LSTM has three more::

        cell       d loss(T) / d c(T-k): all paths
        cell only  the part of it that stays on the cell: with every edge h(t) -> gates(t+1) cut, the only way left is
                   c(T-k) -> c(T-k+1) ... -> c(T) -> h(T), along which it is multiplied by the forget gates:
                   f(T-k+1) * ... * f(T) * o(T) * (1 - tanh(c(T))^2) * d loss(T) / d h(T)
        cell rest  cell - cell only, as vectors: every path that passes through a hidden state and the gates

    Args:
        model: in float64.
        windows: see ``lag_gradients``.
        lags: the longest lag.
    """
    chunks = [_path_norms(model, chunk, lags) for chunk in column_chunks(windows)]
    return {path: torch.cat([chunk[path] for chunk in chunks], dim=1) for path in chunks[0]}


def column_chunks(windows: Windows) -> list[Windows]:
    """The windows, ``COLUMNS_AT_A_TIME`` at a time."""
    starts = range(0, windows.input_tb.shape[1], COLUMNS_AT_A_TIME)
    return [windows.columns(start, start + COLUMNS_AT_A_TIME) for start in starts]


def _path_norms(model: RecurrentLanguageModel, windows: Windows, lags: int) -> dict[str, Tensor]:
    everything = lag_gradients(model, windows, lags)
    followed_kbn = everything.hidden_kbh if 0 in parts_read(model.cells[-1]) else everything.state_kbn
    norms = {"hidden": _norm(followed_kbn), "state": _norm(everything.state_kbn)}
    if everything.cell_kbh is not None:
        only = lag_gradients(model, windows, lags, cell_path_only)
        assert only.cell_kbh is not None
        norms["cell"] = _norm(everything.cell_kbh)
        norms["cell only"] = _norm(only.cell_kbh)
        norms["cell rest"] = _norm(everything.cell_kbh - only.cell_kbh)
    return norms


def _norm(gradient_kbh: Tensor) -> Tensor:
    return torch.linalg.vector_norm(gradient_kbh, dim=-1)


def geometric_summary(norms_kb: Float[Tensor, "K B"]) -> Band:
    """Geometric mean over positions, and the 10th and 90th percentile.

    A product of k factors is averaged by its logarithm: the arithmetic mean would show the few largest alone.
    """
    logs_kb = norms_kb.cpu().clamp_min(SMALLEST).log()
    low, high = torch.quantile(logs_kb, torch.tensor([0.1, 0.9], dtype=logs_kb.dtype), dim=1).exp()
    return {"mean": logs_kb.mean(1).exp().tolist(), "low": low.tolist(), "high": high.tolist()}


@dataclass(frozen=True)
class Slope:
    """Growth of the logarithm of a norm per step, fitted by least squares between two lags.

    Attributes:
        mean: over positions, in nats per step.
        low, high: its 95% interval over positions; None where these are too few.
    """

    mean: float
    low: float | None
    high: float | None

    def to_json(self) -> SlopeJson:
        """Return it as plain values."""
        return {"mean": self.mean, "low": self.low, "high": self.high}


def fitted_slope(norms_kb: Float[Tensor, "K B"], first_lag: int, apart: int | None = None) -> Slope:
    """Fit a line to log norm against lag, from ``first_lag`` to the last, for each position by itself.

    Args:
        norms_kb: by lag and position, positions in the order of the text.
        first_lag: nearer ones are left out.
        apart: how many of the positions are observations of their own (``Windows.apart``); all, by default.
    """
    logs_kb = norms_kb[first_lag:].cpu().clamp_min(SMALLEST).log()
    lag_k = torch.arange(len(logs_kb), dtype=logs_kb.dtype)
    centered_k = lag_k - lag_k.mean()
    slope_b = (centered_k.unsqueeze(1) * logs_kb).sum(0) / centered_k.square().sum()
    found = mean_interval(slope_b.double().numpy(), "positions", apart)
    return Slope(found.value, found.low, found.high)
