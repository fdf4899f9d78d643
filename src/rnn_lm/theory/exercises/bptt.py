"""Exercise 1 checked: the gradients of ``theory/bptt.py`` against autograd through ``models/recurrent.py``."""

from __future__ import annotations

import torch
from torch import Tensor

from rnn_lm.config import ModelConfig
from rnn_lm.layers import ElmanCell
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator
from rnn_lm.theory.bptt import (
    SLOPE,
    decoder_gradients,
    jacobian_products,
    model_gradients,
    pair_gradients,
    within_segments,
)
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.measure import autograd_gradients, jacobians_by_lag, truncated_gradients
from rnn_lm.theory.results import BpttCurves, CutLength, GainLag, MeasuredLag
from rnn_lm.theory.statement import Statement, equal


def run(config: TheoryConfig) -> tuple[list[Statement], BpttCurves]:
    """The exercise's statements and the curves of its figure."""
    random = generator(config.theory_seed, "theory: bptt")
    input_tb, target_tb = (torch.randint(VOCABULARY, (config.theory_steps, 2), generator=random) for _ in range(2))
    models = {gain: _single_layer(config, gain, random) for gain in (0.8, 1.0, 1.5)}
    statements = [
        *_each_parameter(models[1.0], input_tb, target_tb, random),
        *_stacked(config, input_tb, target_tb, random),
    ]
    lags: list[GainLag] = []
    for gain, model in models.items():
        statement, curve = _jacobians(model, input_tb[:, :1])
        statements.append(statement)
        lags += [GainLag(gain=gain, **point) for point in curve]
    truncation, cuts = _truncation(models[1.0], input_tb, target_tb)
    return [*statements, *truncation], {"lags": lags, "truncation": cuts}


VOCABULARY = 11

EMBEDDING_SIZE = 7


def _single_layer(config: TheoryConfig, gain: float, random: torch.Generator) -> RecurrentLanguageModel:
    """An untied Elman model, its embedding long enough for the tanh to bend."""
    settings = ModelConfig(
        cell="rnn", engine="hand", hidden_size=config.theory_size, tie_weights=False, recurrent_gain=gain
    )
    model = RecurrentLanguageModel(VOCABULARY, EMBEDDING_SIZE, settings, random).double()
    with torch.no_grad():
        model.embedding.weight.normal_(generator=random)
    return model


_FORMULAS = {
    "decoder.weight": "∂L/∂W_d = ∑_t e_t h_t^⊤",
    "decoder.bias": "∂L/∂b_d = ∑_t e_t",
    "layers.0.weight_ih": "∂L/∂W_ih = ∑_t δ_t x_t^⊤",
    "layers.0.weight_hh": "∂L/∂W_hh = ∑_t δ_t h_{t-1}^⊤",
    "layers.0.bias_ih": "∂L/∂b_ih = ∑_t δ_t",
    "layers.0.bias_hh": "∂L/∂b_hh = ∑_t δ_t",
    "embedding.weight": "∂L/∂E_v = ∑_{t: w_t = v} W_ih^⊤ δ_t",
    "initial": "∂L/∂h_0 = W_hh^⊤ δ_1",
}


def _each_parameter(
    model: RecurrentLanguageModel, input_tb: Tensor, target_tb: Tensor, random: torch.Generator
) -> list[Statement]:
    """One statement per parameter of a single-layer model, from a state that is not zero."""
    shape = (1, input_tb.shape[1], model.config.hidden_size)
    state = (torch.randn(shape, generator=random, dtype=torch.float64).tanh(),)
    by_hand = model_gradients(model, input_tb, target_tb, state)
    measured = autograd_gradients(model, input_tb, target_tb, state)
    steps, batch = input_tb.shape
    detail = f"{steps} steps, {batch} texts, {model.config.hidden_size} units; norm of the gradient"
    return [
        equal(f"gradient of {name.removeprefix('layers.0.')}", formula, by_hand[name], measured[name], detail)
        for name, formula in _FORMULAS.items()
    ]


def _stacked(config: TheoryConfig, input_tb: Tensor, target_tb: Tensor, random: torch.Generator) -> list[Statement]:
    """Two layers, tied decoder, projection: all parameters as one vector, by hand and through torch's kernel."""
    settings = ModelConfig(cell="rnn", engine="library", hidden_size=config.theory_size, layers=2)
    model = RecurrentLanguageModel(VOCABULARY, EMBEDDING_SIZE, settings, random).double()
    state = model.initial_state(input_tb.shape[1])
    by_hand = model_gradients(model, input_tb, target_tb, state)
    measured = autograd_gradients(model, input_tb, target_tb, state)
    predicted, found = (torch.cat([grads[name].flatten() for name in measured]) for grads in (by_hand, measured))
    detail = f"2 layers, tied decoder with projection, torch's kernel; all {len(found)} derivatives as one vector"
    return [equal("gradient of a stack of layers", "g_t^{(l)} = W_ih^{(l+1)⊤} δ_t^{(l+1)}", predicted, found, detail)]


def _jacobians(model: RecurrentLanguageModel, input_t1: Tensor) -> tuple[Statement, list[MeasuredLag]]:
    layer = model.torch_cells[0]
    with torch.no_grad():
        hidden_tbh, _ = layer(model.embedding.weight[input_t1], tuple(part[0] for part in model.initial_state(1)))
        predicted = jacobian_products(layer.weight_hh, SLOPE[model.config.cell](hidden_tbh[:, 0]))
    start_h = torch.zeros(model.config.hidden_size, dtype=torch.float64)
    embedded_t1e = model.embedding.weight[input_t1].detach()
    measured = jacobians_by_lag(ElmanCell, layer.cell_parameters(), embedded_t1e, (start_h,))
    gain = model.config.recurrent_gain
    detail = f"recurrent gain {gain}, every lag from 0 to {len(input_t1)}; norm of all products together"
    formula = "{∂h_T}//{∂h_k} = ∏_{t=k+1}^T diag(1 - h_t^2) W_hh"
    norms = zip(*(torch.linalg.matrix_norm(products, 2).tolist() for products in (predicted, measured)), strict=True)
    curve: list[MeasuredLag] = [
        {"lag": lag, "predicted": left, "measured": right} for lag, (left, right) in enumerate(norms)
    ]
    return equal(f"product of Jacobians, gain {gain}", formula, predicted, measured, detail), curve


def _truncation(
    model: RecurrentLanguageModel, input_tb: Tensor, target_tb: Tensor
) -> tuple[list[Statement], list[CutLength]]:
    """Full and truncated gradients of W_hh as sums over pairs of steps, against autograd with a detached state."""
    name = "layers.0.weight_hh"
    steps = len(input_tb)
    layer = model.torch_cells[0]
    with torch.no_grad():
        state = tuple(part[0] for part in model.initial_state(input_tb.shape[1]))
        hidden_tbh, _ = layer(model.embedding.weight[input_tb], state)
        _, upstream_tbh = decoder_gradients(model, hidden_tbh, target_tb)
        hidden_sbh = torch.cat([state[0].unsqueeze(0), hidden_tbh])
        pairs_tkhh = pair_gradients(layer.weight_hh, hidden_sbh, SLOPE[model.config.cell](hidden_tbh), upstream_tbh)
    full_hh = truncated_gradients(model, input_tb, target_tb, steps)[name]
    detail = f"{steps * (steps + 1) // 2} pairs of steps"
    formula = "∂L/∂W_hh = ∑_t ∑_{k≤t} {∂ℓ_t}//{∂h_t} {∂h_t}//{∂h_k} {∂^+ h_k}//{∂W_hh}"
    statements = [equal("gradient as a sum over pairs", formula, pairs_tkhh.sum((0, 1)), full_hh, detail)]
    lengths = [length for length in range(1, steps + 1) if steps % length == 0]
    kept = torch.stack([torch.einsum("tk,tkhg->hg", within_segments(steps, k), pairs_tkhh) for k in lengths])
    measured = torch.stack([truncated_gradients(model, input_tb, target_tb, length)[name] for length in lengths])
    detail = f"state detached every {', '.join(map(str, lengths))} steps; norm of all these gradients"
    formula = "g_τ = ∑_{t,k: ⌊t/τ⌋=⌊k/τ⌋} g_{t,k}"
    statements.append(equal("gradient of truncated BPTT", formula, kept, measured, detail))
    lost = (torch.linalg.matrix_norm(part - full_hh) / torch.linalg.matrix_norm(full_hh) for part in (kept, measured))
    pairs = zip(lengths, *(part.tolist() for part in lost), strict=True)
    return statements, [{"bptt_length": length, "predicted": a, "measured": b} for length, a, b in pairs]
