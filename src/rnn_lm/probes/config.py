"""What the long-range probe trains and asks, and the two budgets it comes in."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnn_lm.conditions import holding, only
from rnn_lm.errors import require, unknown_name
from rnn_lm.limits import at_least, check_numbers

PROBE_NAMES = ("agreement", "recall", "reference")
MODEL_NAMES = ("ngram", "rnn", "gru", "lstm", "attention")
"""What is run unless others are asked for; the registries know more."""
STATE_NAMES = ("parity", "counting", "shuffle-3", "shuffle-5", "dyck")
"""The suites that ``--probes state-tracking`` stands for."""
STATE_MODELS = ("rnn", "gru", "lstm", "mingru", "deltanet", "attention")
"""What is run on them unless others are asked for: no count of words follows a machine."""
_NETWORKS = holding(*MODEL_NAMES[1:], usual=MODEL_NAMES)


@dataclass(frozen=True)
class ProbeConfig:
    """The long-range probe: which languages, which models, and how much training and testing."""

    probes: tuple[str, ...] = PROBE_NAMES
    """agreement (a verb with its subject, across phrases and clauses), recall (one symbol across distractors),
    reference (a verb with one noun out of several, any of which may be asked for), agreement-discourse (the same in
    Latin sentences, many questions to a text), agreement-load (the same once to three times at the end of a text),
    state-tracking (parity, counting, shuffle-3, shuffle-5 and dyck: machines to be followed; also one by one), or what
    other packages offer."""
    models: tuple[str, ...] = MODEL_NAMES
    """ngram, rnn, gru, lstm, attention, the last four at matched parameter counts; and rnn-uniform, the rnn with a
    recurrent matrix that starts uniform instead of orthogonal, mingru and deltanet. Default for state tracking alone:
    rnn, gru, lstm, mingru, deltanet, attention."""
    seeds: int = 5
    """Each model is trained with this many seeds: its start, its training text and the order of the text."""
    steps: int = field(default=1500, metadata=only(models=_NETWORKS))
    """Training steps per model and seed."""
    batch_size: int = field(default=64, metadata=only(models=_NETWORKS))
    """Sentences per step."""
    sentences: int = 50_000
    """Sentences of training text, drawn anew for each seed."""
    trained_distance: int = 24
    """The longest distance in the training text, in tokens; distance d is drawn with weight 1 / (d + 1)."""
    distances: tuple[int, ...] = (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96)
    """Distances asked at, in tokens, beyond the trained ones too."""
    items: int = 200
    """Questions per distance."""
    symbols: int = field(default=16, metadata=only(probes=holding("recall", usual=PROBE_NAMES)))
    """recall: symbols to choose among."""
    nouns: int = field(default=8, metadata=only(probes=holding("reference", usual=PROBE_NAMES)))
    """reference: nouns that may be asked for, 2 to 32."""
    workers: int | None = None
    """Models trained side by side, a process each. Default: one per core, on a GPU at most 4."""

    def __post_init__(self) -> None:
        check_numbers(self)
        named = (STATE_NAMES if name == "state-tracking" else (name,) for name in self.probes)
        object.__setattr__(self, "probes", tuple(name for names in named for name in names))
        if self.models is MODEL_NAMES and self.probes and set(self.probes) <= set(STATE_NAMES):
            object.__setattr__(self, "models", STATE_MODELS)
        for kind, names, usual, known in (
            ("probe", self.probes, PROBE_NAMES, _known_probes),
            ("model", self.models, MODEL_NAMES, _known_models),
        ):
            # Most ask for the usual ones, and --help for nothing else: the registries import torch.
            unusual = [name for name in names if name not in usual]
            unknown = [name for name in unusual if name not in known()]
            if unknown:
                raise unknown_name(kind, unknown[0], known())
            require(len(set(names)) == len(names) > 0, f"--{kind}s needs one name or more, each once")
        at_least(self, seeds=1, steps=1, batch_size=1, sentences=1, trained_distance=1, items=2, symbols=2)
        require(2 <= self.nouns <= 32, "--nouns must be 2 to 32")
        require(self.workers is None or self.workers >= 1, "--workers must be at least 1")
        rising = list(self.distances) == sorted(set(self.distances)) and min(self.distances, default=-1) >= 0
        require(rising and len(self.distances) >= 3, "--distances needs three rising numbers or more, from 0 up")


def _known_probes() -> Iterable[str]:
    return importlib.import_module("rnn_lm.probes.tasks").PROBES


def _known_models() -> Iterable[str]:
    models = importlib.import_module("rnn_lm.probes.models")
    return ("ngram", *models.PRESETS)


SMALL = ProbeConfig(probes=("agreement", "reference"), seeds=3, steps=800, items=100)
"""What runs inside ``compare``: a minute and a half on two cores. With two seeds the intervals hold everything."""
