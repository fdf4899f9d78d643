"""Weights of other programs' word-level models, under the names that these have, to ours and back.

    word_language_model                 AWD-LSTM                                            here
    encoder.weight                      encoder.weight                                      embedding.weight
    rnn.weight_ih_l0, rnn.weight_hh_l0  rnns.0.[module.]weight_ih_l0, weight_hh_l0[_raw]    layers.0.weight_ih, ...
    rnn.bias_ih_l0, rnn.bias_hh_l0      rnns.0.[module.]bias_ih_l0, bias_hh_l0              layers.0.bias_ih, ...
    decoder.weight, decoder.bias        decoder.weight, decoder.bias                        the same

The blocks of the gates lie in torch's order in all of them. Which cell it is is told by how many blocks there are; a
decoder that is the encoder's matrix is tied. ``_raw`` is the recurrent matrix before weight drop, which is what it is
once dropout is off. A prefix that is common to all names (``module.``) is taken off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from rnn_lm.config import ModelConfig
from rnn_lm.errors import UserError
from rnn_lm.layers.cells import TorchCell
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.models.recurrent import RecurrentLanguageModel
from rnn_lm.seeding import generator

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_LAYER = re.compile(
    r"rnn\.(?P<part>\w+?)_l(?P<index>\d+)(?P<backwards>_reverse)?"
    r"|rnns\.(?P<module>\d+)\.(?:module\.)?(?P<single>\w+?)_l0"
)
_CELLS = {4: "lstm", 3: "gru"}


def foreign_names(model: NeuralLanguageModel) -> dict[str, Tensor] | None:
    """Return the weights of a model as ``word_language_model`` would name them, or AWD-LSTM where layers are of unequal
    size; None where its cells are none of torch's, layers are added up, or its decoder is no matrix."""
    if not isinstance(model, RecurrentLanguageModel) or model.decoder is None:
        return None
    cells = [cell for cell in model.cells if isinstance(cell, TorchCell) and cell.kernel]
    if len(cells) < len(model.cells) or model.config.skip_connections:
        return None
    decoder = model.decoder_weight
    if model.projection is not None:  # (h P^T) W^T = h (W P)^T
        decoder = decoder @ model.projection.weight
    names = {"encoder.weight": model.embedding.weight, "decoder.weight": decoder, "decoder.bias": model.decoder.bias}
    equal = len(set(model.layer_sizes)) == 1
    for index, cell in enumerate(cells):
        for part in PARTS:
            name = f"rnn.{part}_l{index}" if equal else f"rnns.{index}.{part}_l0"
            names[name] = getattr(cell, part)
    return {name: tensor.detach().float().cpu().clone() for name, tensor in names.items()}


def read_foreign(
    found: Mapping[str, Tensor], source: str, nonlinearity: Literal["tanh", "relu"] = "tanh"
) -> RecurrentLanguageModel:
    """Return the model of a foreign state dict; its rows are in the order in which they stand there.

    Args:
        found: names to tensors.
        source: what they were read from, for messages.
        nonlinearity: of an RNN without gates, which its weights do not tell.

    Raises:
        UserError: names are missing, or are none of those that this module says; or shapes do not fit.
    """
    named = _without_prefix(found)
    layers = _layers(named, source)
    encoder = _matrix(named, "encoder.weight", source)
    sizes = [layer["weight_hh"].shape[1] for layer in layers]
    gates = layers[0]["weight_hh"].shape[0] // max(1, sizes[0])
    cell = _CELLS.get(gates, "rnn-relu" if nonlinearity == "relu" else "rnn")
    if gates not in (1, *_CELLS):
        raise UserError(f"{source}: {gates} blocks of gates in a layer, where an RNN has 1, a GRU 3 and an LSTM 4")
    if len(set(sizes[:-1])) > 1:
        raise UserError(f"{source}: layers of {sizes} units; all but the last must be of one size")
    decoder = named.get("decoder.weight", encoder)
    tied = decoder.shape == encoder.shape and bool(torch.equal(decoder, encoder))
    config = ModelConfig(
        cell=cell,
        hidden_size=sizes[0],
        layers=len(sizes),
        last_hidden_size=sizes[-1] if sizes[-1] != sizes[0] else None,
        tie_weights=tied and encoder.shape[1] == sizes[-1],
    )
    model = RecurrentLanguageModel(len(encoder), encoder.shape[1], config, generator(0, "initialization"))
    ours = {"embedding.weight": encoder, "decoder.bias": named.get("decoder.bias", torch.zeros(len(encoder)))}
    if not config.tie_weights:
        ours["decoder.weight"] = decoder
    for index, layer in enumerate(layers):
        ours |= {f"layers.{index}.{part}": tensor for part, tensor in layer.items()}
    _load(model, ours, source)
    return model


def reordered(model: RecurrentLanguageModel, rows: Sequence[int | None]) -> RecurrentLanguageModel:
    """Return a model whose word i is word ``rows[i]`` of ``model``; None: a word that is never predicted."""
    new = RecurrentLanguageModel(len(rows), model.embedding.embedding_dim, model.config, generator(0, "initialization"))
    weights = dict(model.state_dict())
    for name in ("embedding.weight", "decoder.weight", "decoder.bias"):
        if name in weights:
            absent = torch.full_like(weights[name][0], _NEVER if name == "decoder.bias" else 0.0)
            weights[name] = torch.stack([absent if row is None else weights[name][row] for row in rows])
    new.load_state_dict(weights)
    return new


_NEVER = -1e4
"""The logit of a word that is never predicted: its probability is 0 in a float."""


def _without_prefix(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same without what stands before ``encoder.weight`` in all names."""
    prefixes = [name.removesuffix("encoder.weight") for name in found if name.endswith("encoder.weight")]
    prefix = prefixes[0] if prefixes and all(name.startswith(prefixes[0]) for name in found) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in found.items()}


def _layers(named: Mapping[str, Tensor], source: str) -> list[dict[str, Tensor]]:
    """The parameters of each layer, from input to output; missing biases are 0."""
    layers: dict[int, dict[str, Tensor]] = {}
    for name, tensor in sorted(named.items()):  # a name with _raw comes after the one without, and counts
        if (match := _LAYER.fullmatch(name.removesuffix("_raw"))) is None:
            if name.removeprefix("decoder.").removeprefix("encoder.") not in ("weight", "bias"):
                raise UserError(
                    f"{source}: {name[:60]!r} is none of the names that can be read; docs/export.md has them"
                )
            continue
        part, index = match["part"] or match["single"], int(match["index"] or match["module"] or 0)
        if part not in PARTS or match["backwards"]:
            raise UserError(f"{source}: {name[:60]!r}: layers with projections or two directions cannot be read")
        layers.setdefault(index, {})[part] = tensor
    if sorted(layers) != list(range(len(layers))) or not layers:
        shown = ", ".join(map(str, sorted(layers))) or "none"
        raise UserError(f"{source}: has layers {shown}, where rnn.weight_ih_l0 or rnns.0.weight_ih_l0 is the first")
    for index, layer in layers.items():
        for part in ("weight_ih", "weight_hh"):
            if part not in layer or layer[part].dim() != 2:
                raise UserError(f"{source}: layer {index} has no matrix {part}")
        for part in ("bias_ih", "bias_hh"):
            layer.setdefault(part, torch.zeros(len(layer["weight_ih"])))
    return [layers[index] for index in sorted(layers)]


def _matrix(named: Mapping[str, Tensor], name: str, source: str) -> Tensor:
    tensor = named.get(name)
    if tensor is None or tensor.dim() != 2 or tensor.numel() == 0:
        raise UserError(f"{source}: has no matrix {name}; docs/export.md has the names that are read")
    return tensor


def _load(model: RecurrentLanguageModel, ours: Mapping[str, Tensor], source: str) -> None:
    for name, parameter in model.state_dict().items():
        tensor = ours.get(name)
        if tensor is None or tensor.shape != parameter.shape:
            shape = None if tensor is None else tuple(tensor.shape)
            raise UserError(f"{source}: what is {name} here has shape {shape}, not {tuple(parameter.shape)}")
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{source}: what is {name} here holds what is no number")
    model.load_state_dict({name: tensor.float() for name, tensor in ours.items()})
