"""Exercise 1: backpropagation through time by hand, the product of Jacobians, and what truncation cuts off.

The derivation is ``docs/theory/1-bptt.md``. Everything here is computed from the forward pass alone, without autograd;
``theory/exercises/bptt.py`` compares it with what autograd says about the very model that trains.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnn_lm.layers.state import State
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.padding import IGNORE

SLOPE = {"rnn": lambda hidden: 1 - hidden.square(), "rnn-relu": lambda hidden: (hidden > 0).to(hidden)}
"""f'(a) written in terms of h = f(a), for each activation of an Elman cell."""


class LayerGradients(NamedTuple):
    """The loss' derivatives by one Elman layer's parameters, by its input and by the state it started from."""

    weight_ih: Float[Tensor, "H E"]
    weight_hh: Float[Tensor, "H H"]
    bias_ih: Float[Tensor, " H"]
    bias_hh: Float[Tensor, " H"]
    input_tbe: Float[Tensor, "T B E"]
    initial_bh: Float[Tensor, "B H"]


def softmax_error(logits_tbv: Float[Tensor, "T B V"], target_tb: Int[Tensor, "T B"]) -> Float[Tensor, "T B V"]:
    """d(sum of NLL) / d logits = softmax(logits) - onehot(target); 0 where the target is ``IGNORE``."""
    counted_tb1 = (target_tb != IGNORE).unsqueeze(-1)
    onehot_tbv = torch.nn.functional.one_hot(target_tb.clamp_min(0), logits_tbv.shape[-1])
    return (logits_tbv.softmax(-1) - onehot_tbv) * counted_tb1


def layer_backward(
    weight_ih: Float[Tensor, "H E"],
    weight_hh: Float[Tensor, "H H"],
    input_tbe: Float[Tensor, "T B E"],
    hidden_sbh: Float[Tensor, "S B H"],
    slope_tbh: Float[Tensor, "T B H"],
    upstream_tbh: Float[Tensor, "T B H"],
) -> LayerGradients:
    """BPTT through one Elman layer: delta_t = f'(a_t) * (upstream_t + W_hh^T delta_{t+1}).

    Args:
        weight_ih, weight_hh: the layer's matrices.
        input_tbe: what the layer read.
        hidden_sbh: its states h_0 ... h_T; the first is the one it started from.
        slope_tbh: f'(a_t).
        upstream_tbh: dL/dh_t by every way that does not lead through h_{t+1}.
    """
    delta_tbh = torch.empty_like(upstream_tbh)
    carried_bh = torch.zeros_like(upstream_tbh[0])
    for t in reversed(range(len(upstream_tbh))):
        delta_tbh[t] = slope_tbh[t] * (upstream_tbh[t] + carried_bh)
        carried_bh = delta_tbh[t] @ weight_hh
    bias_h = delta_tbh.sum(dim=(0, 1))
    return LayerGradients(
        weight_ih=torch.einsum("tbh,tbe->he", delta_tbh, input_tbe),
        weight_hh=torch.einsum("tbh,tbg->hg", delta_tbh, hidden_sbh[:-1]),
        bias_ih=bias_h,
        bias_hh=bias_h,
        input_tbe=delta_tbh @ weight_ih,
        initial_bh=carried_bh,
    )


@torch.no_grad()
def model_gradients(
    model: RecurrentLanguageModel, input_tb: Int[Tensor, "T B"], target_tb: Int[Tensor, "T B"], state: State
) -> dict[str, Tensor]:
    """d(sum of NLL in nats) / d parameter for every parameter of an Elman language model, by its name in the model.

    Any number of layers, tied or untied decoder, with or without a projection. The entry "initial" is the derivative
    by the initial hidden state (L, B, H).
    """
    (initial_lbh,) = state
    slope = SLOPE[model.config.cell]
    signal_tbe = model.embedding.weight[input_tb]
    trace = []
    for layer, initial_bh in zip(model.torch_cells, initial_lbh, strict=True):
        hidden_tbh, _ = layer(signal_tbe, (initial_bh,))
        trace.append((signal_tbe, torch.cat([initial_bh.unsqueeze(0), hidden_tbh])))
        signal_tbe = hidden_tbh
    gradients, upstream_tbh = decoder_gradients(model, signal_tbe, target_tb)
    initials = []
    for index in reversed(range(len(trace))):
        read_tbe, hidden_sbh = trace[index]
        weights = model.torch_cells[index].cell_parameters()
        found = layer_backward(
            weights.weight_ih, weights.weight_hh, read_tbe, hidden_sbh, slope(hidden_sbh[1:]), upstream_tbh
        )
        gradients |= {f"layers.{index}.{name}": getattr(found, name) for name in weights._fields}
        upstream_tbh = found.input_tbe
        initials.insert(0, found.initial_bh)
    by_token_ve = torch.zeros_like(model.embedding.weight)
    by_token_ve.index_add_(0, input_tb.flatten(), upstream_tbh.flatten(0, 1))
    gradients["embedding.weight"] = gradients.get("embedding.weight", 0) + by_token_ve
    return gradients | {"initial": torch.stack(initials)}


def decoder_gradients(
    model: RecurrentLanguageModel, hidden_tbh: Tensor, target_tb: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Derivatives by the decoder's parameters, and by the hidden states that it reads."""
    projection_eh = None if model.projection is None else model.projection.weight
    decoded_tbd = hidden_tbh if projection_eh is None else hidden_tbh @ projection_eh.T
    error_tbv = softmax_error(model.logits(decoded_tbd.flatten(0, 1)).unflatten(0, target_tb.shape), target_tb)
    upstream_tbd = error_tbv @ model.decoder_weight
    name = "embedding.weight" if model.decoder_weight is model.embedding.weight else "decoder.weight"
    gradients = {
        name: torch.einsum("tbv,tbd->vd", error_tbv, decoded_tbd),
        "decoder.bias": error_tbv.sum(dim=(0, 1)),
    }
    if projection_eh is None:
        return gradients, upstream_tbd
    gradients["projection.weight"] = torch.einsum("tbd,tbh->dh", upstream_tbd, hidden_tbh)
    return gradients, upstream_tbd @ projection_eh


def jacobian_products(weight_hh: Float[Tensor, "H H"], slope_th: Float[Tensor, "T H"]) -> Float[Tensor, "T+1 H H"]:
    """dh_T / dh_{T-k} for k = 0 ... T: the product of the one-step Jacobians diag(f'(a_t)) W_hh, latest on the left."""
    products = [torch.eye(len(weight_hh), dtype=weight_hh.dtype)]
    for slope_h in reversed(slope_th.unbind()):
        products.append(products[-1] @ (slope_h.unsqueeze(1) * weight_hh))
    return torch.stack(products)


def pair_gradients(
    weight_hh: Float[Tensor, "H H"],
    hidden_sbh: Float[Tensor, "S B H"],
    slope_tbh: Float[Tensor, "T B H"],
    upstream_tbh: Float[Tensor, "T B H"],
) -> Float[Tensor, "T T H H"]:
    """The gradient of W_hh taken apart: entry [t, k] is what the loss at step t says through the state at step k <= t.

    Pascanu et al. 2013, equations 3 to 5. The sum over all entries is the gradient of BPTT; the sum over the entries
    whose t and k lie in one segment is that of truncated BPTT; the entry's lag is t - k.
    """
    steps, _, size = slope_tbh.shape
    pairs_tkhh = torch.zeros(steps, steps, size, size, dtype=weight_hh.dtype)
    for t in range(steps):
        carried_bh = upstream_tbh[t]
        for k in range(t, -1, -1):
            delta_bh = slope_tbh[k] * carried_bh
            pairs_tkhh[t, k] = delta_bh.T @ hidden_sbh[k]
            carried_bh = delta_bh @ weight_hh
    return pairs_tkhh


def within_segments(steps: int, bptt_length: int) -> Float[Tensor, "T T"]:
    """1 at [t, k] where t and k fall into the same segment of ``bptt_length`` steps and k <= t, else 0."""
    segment_t = torch.arange(steps) // bptt_length
    return torch.tril((segment_t[:, None] == segment_t[None, :]).double())
