"""Named settings, a TOML file each: those found good for a budget of time, and those of papers, with their perplexity.

Each file is one that ``--config`` would read, with ``[about]`` for what it is; where its values come from, and how the
paper's loss converts to ours, its comments say. ``docs/recipes.md`` says what each published one takes over, what it
does not, and how far our runs of it came.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from rnn_lm.registry import Registry

Values = Mapping[str, Mapping[str, Any]]
"""Settings by table, then by name."""


@dataclass(frozen=True)
class Preset:
    """Defaults that differ from the usual ones.

    Attributes:
        summary: what it is for, in a line.
        values: by sub-config (``model``, ``training``, ...; ``compare`` for flags of that command itself), then by
            field. A command takes what it has.
    """

    summary: str
    values: Values


@dataclass(frozen=True)
class Recipe:
    """One paper's settings for Penn Treebank.

    Attributes:
        paper: authors and year.
        test_perplexity: of one model on the test split, as the paper states it, without dynamic evaluation.
        values: as ``Preset.values``.
    """

    paper: str
    test_perplexity: float
    values: Values


PRESETS: Registry[Preset] = Registry("preset")
RECIPES: Registry[Recipe] = Registry("recipe")

_FILES = (
    "quick", "ten-minutes", "ptb-ten-minutes-gpu", "zaremba-small", "zaremba-medium", "zaremba-large", "awd-lstm",
    "mogrifier", "lstm-24m", "mogrifier-24m",
)  # fmt: skip
"""In the order in which help names them."""


def _register(name: str) -> None:
    values = tomllib.loads(resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    about = values.pop("about")
    values.pop("without_effect", None)
    PRESETS.register(name)(Preset(about["summary"], values))
    if "paper" in about:
        RECIPES.register(name)(Recipe(about["paper"], about["test_perplexity"], values))


for _name in _FILES:
    _register(_name)
