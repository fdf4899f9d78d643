"""Linear probes: can a property of the text be read off the units, and off which?

A probe of thousands of weights may find anything, also what it learned by itself. So the same probe is put to a control
task (Hewitt and Liang 2019): every word type gets a label drawn once, with the property's own frequencies, and what
carries the property over the text carries that. Accuracy on the property minus accuracy on the control is the probe's
selectivity: how much of what it found was in the states for it to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor

from rnn_lm.explorer.tracked import UNLABELLED, Tracked
from rnn_lm.seeding import generator

MOST_PLACES = 6000
"""Labelled places that a probe learns from."""
_PENALTY = 1e-2
_STEPS = 40


@dataclass(frozen=True)
class Probed:
    """What a probe found.

    Attributes:
        name: of the property.
        classes: its labels.
        accuracy: on places held out.
        majority: of always saying the label that is most frequent where the probe learned.
        control: accuracy on the control task, on the same places.
        places: held out, that is.
        weights_cu: of each class and unit, of units scaled to the same spread.
        best_unit: the one that alone, by a threshold, tells the most frequent class from the others best.
        best_accuracy: of that unit, on places held out.
        best_majority: of always saying whether it is the most frequent class.
    """

    name: str
    classes: tuple[str, ...]
    accuracy: float
    majority: float
    control: float
    places: int
    weights_cu: Float[ndarray, "C U"]
    best_unit: int
    best_accuracy: float
    best_majority: float

    @property
    def selectivity(self) -> float:
        """Accuracy on the property minus accuracy on the control task."""
        return self.accuracy - self.control


def probe(values_nu: Float[ndarray, "N U"], tracked: Tracked, stretch: int) -> Probed | None:
    """Return how well a property can be read off units; None where too little is labelled.

    Places of every fourth stretch are held out: of one that holds all of a sample, its last quarter.

    Args:
        values_nu: of the units, after each token.
        tracked: the property.
        stretch: tokens of each stretch.
    """
    labels_n = tracked.labels_n
    held_out_n = _held_out(len(labels_n), stretch)
    learn = np.flatnonzero((labels_n != UNLABELLED) & ~held_out_n)
    test = np.flatnonzero((labels_n != UNLABELLED) & held_out_n)
    if len(test) < 2 or len(np.unique(labels_n[learn])) < 2:
        return None
    learn = learn[:: -(-len(learn) // MOST_PLACES)]
    mean_u, spread_u = values_nu[learn].mean(axis=0), values_nu[learn].std(axis=0) + 1e-6
    inputs = [torch.from_numpy((values_nu[rows] - mean_u) / spread_u).float() for rows in (learn, test)]
    kinds = len(tracked.classes)
    weights_cu, accuracy = _accuracy(inputs, labels_n[learn], labels_n[test], kinds)
    control_n = control_labels(tracked, learn)
    _, control = _accuracy(inputs, control_n[learn], control_n[test], kinds)
    frequent = int(np.bincount(labels_n[learn]).argmax())
    is_learn, is_test = labels_n[learn] == frequent, labels_n[test] == frequent
    best_unit, best_accuracy = _best_unit(inputs, is_learn, is_test)
    return Probed(
        tracked.name, tracked.classes, accuracy, float(is_test.mean()), control, len(test), weights_cu.numpy(),
        best_unit, best_accuracy, max(float(is_test.mean()), 1 - float(is_test.mean()))
    )  # fmt: skip


def _held_out(count: int, stretch: int) -> Bool[ndarray, "N"]:
    place_n = np.arange(count)
    return place_n // stretch % 4 == 3 if count >= 4 * stretch else place_n >= count - count // 4


def control_labels(tracked: Tracked, learn: Int[ndarray, "L"]) -> Int[ndarray, "N"]:
    """Return the control task: a label per word type, drawn with the frequencies that the property has at ``learn``."""
    types, type_n = np.unique(tracked.source_n, return_inverse=True)
    shares_c = np.bincount(tracked.labels_n[learn], minlength=len(tracked.classes)).astype(float)
    drawn = torch.rand(len(types), generator=generator(1, "control task"), dtype=torch.float64).numpy()
    label_t = np.searchsorted(np.cumsum(shares_c / shares_c.sum()), drawn, side="right").clip(0, len(shares_c) - 1)
    return label_t[type_n]


def _accuracy(inputs: Sequence[Tensor], learn: ndarray, test: ndarray, kinds: int) -> tuple[Tensor, float]:
    weights_cu, bias_c = fit(inputs[0], torch.from_numpy(learn), kinds)
    said = (inputs[1] @ weights_cu.T + bias_c).argmax(1)
    return weights_cu, float((said == torch.from_numpy(test)).double().mean())


def fit(inputs_nu: Float[Tensor, "N U"], labels_n: Int[Tensor, "N"], kinds: int) -> tuple[Tensor, Tensor]:
    """Return weights (C, U) and biases (C) of a multinomial logistic regression with a small quadratic penalty."""
    weights_cu = torch.zeros(kinds, inputs_nu.shape[1], requires_grad=True)
    bias_c = torch.zeros(kinds, requires_grad=True)
    search = torch.optim.LBFGS([weights_cu, bias_c], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        fitted = torch.nn.functional.cross_entropy(inputs_nu @ weights_cu.T + bias_c, labels_n)
        penalized = fitted + _PENALTY * weights_cu.square().sum()
        penalized.backward()
        return penalized

    with torch.enable_grad():
        search.step(loss)  # pyright: ignore[reportArgumentType]
    return weights_cu.detach(), bias_c.detach()


def _best_unit(inputs: Sequence[Tensor], learn: ndarray, test: ndarray) -> tuple[int, float]:
    """(the unit that by its best threshold tells two classes apart best where it is learned, its accuracy elsewhere)"""
    values_nu, order_nu = inputs[0].sort(dim=0)
    is_n = torch.from_numpy(learn)
    # With the threshold behind the k smallest: so many below are of the class, so many above are not.
    below_nu = is_n[order_nu].double().cumsum(0)
    above_nu = (~is_n).sum() - (~is_n)[order_nu].double().cumsum(0)
    right_nu = below_nu + above_nu
    either_nu = torch.maximum(right_nu, len(is_n) - right_nu)
    either_nu[:-1][values_nu[1:] == values_nu[:-1]] = 0  # no threshold parts equals
    unit = int(either_nu.max(dim=0).values.argmax())
    place = int(either_nu[:, unit].argmax())
    below = inputs[1][:, unit] <= values_nu[place, unit]
    right = float((below == torch.from_numpy(test)).double().mean())
    turned = bool(right_nu[place, unit] < len(is_n) / 2)
    return unit, 1 - right if turned else right
