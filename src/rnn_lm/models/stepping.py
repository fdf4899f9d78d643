"""Models laid out in memory for reading one token at a time.

A step at batch 1 is a handful of matrix-vector products, and takes as long as the matrices take to arrive from memory.
``x @ W.T`` runs down the rows of W as it is stored for training; stored column by column the same product reads memory
in one sweep, in two thirds of the time (``benchmarks/inference.py``).
"""

from __future__ import annotations

import copy
from functools import singledispatch

from torch import nn

from rnn_lm.models.language_model import LanguageModel
from rnn_lm.models.neural import NeuralLanguageModel


@singledispatch
def for_stepping(model: LanguageModel) -> LanguageModel:
    """A model that gives the same numbers and steps fast: a copy, or the model itself where there is nothing to gain.

    The copy does not follow later changes of the weights.
    """
    return model


@for_stepping.register
def _(model: NeuralLanguageModel) -> LanguageModel:
    # The parameters are replaced below: handing them over as "copied already" saves copying them twice.
    stepping = copy.deepcopy(model, {id(parameter): parameter for parameter in model.parameters()}).eval()
    for module in list(stepping.modules()):
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.dim() == 2:
                by_column = parameter.detach().t().contiguous().t()
                setattr(module, name, nn.Parameter(by_column, requires_grad=False))
    return stepping
