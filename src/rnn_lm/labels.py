"""What a model is called and how it is drawn: the one place that reports, figures and claims ask.

A cell says both where it is registered (``layers.cells.base.register_cell``), so that a new one needs no entry
elsewhere; what is no cell stands here. A name that nobody has described is shown as it is::

    label_of("lstm")           LSTM
    label_of("gru-random")     GRU, random input
    label_of("my-model")       my-model
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass

from rnn_lm.registry import Registry


@dataclass(frozen=True)
class ModelStyle:
    """How one model is drawn.

    Attributes:
        color: hex color.
        dash: lengths of dash and gap in px; ``(1, 0)`` is a solid line.
        marker: a Vega symbol.
    """

    color: str
    dash: tuple[int, ...]
    marker: str


@dataclass(frozen=True)
class Look:
    """What a model is called, and how it is drawn in every figure; None for whatever style is free there."""

    label: str
    style: ModelStyle | None = None


LOOKS: Registry[Look] = Registry("model")

LOOKS.register("ngram")(Look("n-gram", ModelStyle("#4d4d4d", (2, 3), "square")))
LOOKS.register("attention")(Look("Attention", ModelStyle("#cc79a7", (9, 2, 2, 2, 2, 2), "triangle-down")))
LOOKS.register("lstm-random")(Look("LSTM, random input", ModelStyle("#56b4e9", (14, 4), "cross")))

VARIANTS = {"-random": ", random input", "-uniform": ", uniform start"}
"""What may stand behind the name of a model, and what that adds to its label."""


def label_of(name: str) -> str:
    """What the model called ``name`` is called: its own label, that of what it is a variant of, or the name."""
    found = _look(name)
    if found is not None:
        return found.label
    for ending, words in VARIANTS.items():
        if name.endswith(ending) and len(name) > len(ending):
            return label_of(name.removesuffix(ending)) + words
    return name


def labels_of(names: Iterable[str]) -> dict[str, str]:
    """Name to label, in the order of ``names``, which is that of legends."""
    return {name: label_of(name) for name in names}


def style_of(name: str) -> ModelStyle | None:
    """The fixed style of the model called ``name``; None where it has none."""
    found = _look(name)
    return found.style if found is not None else None


def _look(name: str) -> Look | None:
    if name not in LOOKS:
        importlib.import_module("rnn_lm.layers.cells")  # each cell describes itself where it is registered
    return LOOKS[name] if name in LOOKS else None  # noqa: SIM401 (a registry, not a dict)
