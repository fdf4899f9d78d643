"""Dynamic evaluation (Krause, Kahembwe, Murray and Renals 2018, arXiv 1709.07432).

The text is read in short segments. Each is scored, and the gradient of its mean NLL then moves the parameters p, which
are drawn back at the same time to their trained values p_0::

    sgd    p <- p - rate g                                      + decay (p_0 - p)
    rms    p <- p - rate g / (RMS + epsilon)                    + min(decay RMS / mean RMS, 1) (p_0 - p)

RMS is the root mean square of the same gradient over segments of the train split, parameter by parameter; its mean is
over all parameters.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_lm.adaptation.config import DynamicSettings
from rnn_lm.evaluation.perplexity import evaluating
from rnn_lm.layers.state import detach
from rnn_lm.models.neural import NeuralLanguageModel
from rnn_lm.progress import Progress
from rnn_lm.stream import EncodedText

EPSILON = 1e-3
"""Keeps parameters whose gradient is next to nothing in training (rare words) from moving far."""
_SEGMENTS = 500
"""Segments of train whose gradients make up the mean square."""
_CONTEXT = 100
"""Tokens read before each of them, so that its state is that of a reader in mid-text."""


@dataclass(frozen=True)
class Dynamic:
    """Dynamic evaluation with all that it needs to know.

    Attributes:
        settings: which update, how far, how often.
        rms: of the train split's gradients, by parameter, for the update "rms"; empty for "sgd".
    """

    settings: DynamicSettings
    rms: dict[str, Tensor]


def adapted_parameters(model: NeuralLanguageModel) -> dict[str, Tensor]:
    """What dynamic evaluation moves: every parameter that is not frozen."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def gradients(nll: Tensor, parameters: dict[str, Tensor]) -> list[Tensor]:
    """Of a scalar, in the order of ``parameters``; zeros for what it does not depend on. ``.grad`` is left alone."""
    return list(torch.autograd.grad(nll, list(parameters.values()), materialize_grads=True))


@contextlib.contextmanager
def adapting(model: NeuralLanguageModel, dynamic: Dynamic) -> Iterator[Callable[[Tensor], None]]:
    """Gives a function that moves the parameters by one segment's mean NLL; the trained ones are back afterwards.

    They come back after an error and after Ctrl-C, too, to the bit.
    """
    parameters = adapted_parameters(model)
    trained = [parameter.detach().clone() for parameter in parameters.values()]
    rates, decays = _rates_and_decays(dynamic, list(parameters))

    def adapt(nll: Tensor) -> None:
        moving = zip(parameters.values(), gradients(nll, parameters), trained, rates, decays, strict=True)
        with torch.no_grad():
            for parameter, gradient, start, rate, decay in moving:
                if isinstance(decay, Tensor) or decay > 0:
                    parameter.lerp_(start, decay)
                if isinstance(rate, Tensor):
                    parameter.addcmul_(gradient, rate, value=-1)
                else:
                    parameter.sub_(gradient, alpha=rate)

    try:
        yield adapt
    finally:
        with torch.no_grad():
            for parameter, start in zip(parameters.values(), trained, strict=True):
                parameter.copy_(start)


def _rates_and_decays(dynamic: Dynamic, names: list[str]) -> tuple[list[Tensor | float], list[Tensor | float]]:
    """What each parameter's gradient, and its way back, are multiplied by."""
    settings = dynamic.settings
    if settings.dynamic_update == "sgd":
        return [settings.rate] * len(names), [settings.dynamic_decay] * len(names)
    rms = [dynamic.rms[name] for name in names]
    mean = sum(float(one.sum(dtype=torch.float64)) for one in rms) / sum(one.numel() for one in rms)
    decays = [(one * (settings.dynamic_decay / mean)).clamp_(max=1) if mean > 0 else 0.0 for one in rms]
    return [settings.rate / (one + EPSILON) for one in rms], decays


def root_mean_square_gradients(
    model: NeuralLanguageModel, train: EncodedText, length: int, progress: Progress
) -> dict[str, Tensor]:
    """RMS of the gradient of a segment's mean NLL over segments spread evenly over ``train``, by parameter.

    Args:
        model: with its trained parameters.
        train: the text it was trained on; no other text may set the scale of the updates.
        length: tokens per segment, as adapted to.
        progress: told the segments done.
    """
    parameters = adapted_parameters(model)
    mean_squares = [torch.zeros_like(parameter) for parameter in parameters.values()]
    input_n, target_n = train.inputs_and_targets()
    count = min(_SEGMENTS, max(1, len(train) // length))
    device = model.device
    with evaluating(model), progress.task("gradients", count) as task:
        for number in range(count):
            first = number * max(0, len(train) - length) // count
            state = model.initial_state(1)
            before = input_n[max(0, first - _CONTEXT) : first, None].to(device)
            if len(before):
                with torch.no_grad():
                    state = detach(model.encode(before, state)[1])
            segment = slice(first, first + length)
            with torch.enable_grad():
                nll_tb, _ = model.score(input_n[segment, None].to(device), target_n[segment, None].to(device), state)
                found = gradients(nll_tb.mean(), parameters)
            for mean_square, gradient in zip(mean_squares, found, strict=True):
                mean_square.addcmul_(gradient, gradient, value=1 / count)
            task.update(number + 1.0)
    return {name: square.sqrt_() for name, square in zip(parameters, mean_squares, strict=True)}
