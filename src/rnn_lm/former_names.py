"""How the parameters of a recurrent language model were called in files of version 0.1, for those who read them.

Their names bore the shapes of the tensors; now they are the field's: ``embedding.weight``, ``layers.0.weight_hh``.
"""

from __future__ import annotations

import re

from torch import Tensor

_RENAMED = {
    "embedding_ve": "embedding.weight",
    "projection_eh": "projection.weight",
    "decoder_vd": "decoder.weight",
    "decoder_bias_v": "decoder.bias",
}
_OF_A_CELL = re.compile(r"layers\.(\d+)\.cell\.([qr]_(?:left|right))_[a-z]{3}")
_PREFIXES = ("model.", "average.")


def current_name(name: str) -> str:
    """The present name of the parameter that version 0.1 called ``name``; most have kept theirs."""
    return _RENAMED.get(name) or _OF_A_CELL.sub(r"layers.\1.\2", name)


def with_current_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a checkpoint of version 0.1, weights and their mean under their present names."""
    return {_current(name): tensor for name, tensor in tensors.items()}


def _current(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return prefix + current_name(name.removeprefix(prefix))
    return name
