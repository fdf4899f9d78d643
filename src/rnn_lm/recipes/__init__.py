"""Published recipes: the settings of a paper, next to the perplexity that it reports. Registered as presets.

``docs/recipes.md`` says what each takes over, what it does not, and how far our runs of it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnn_lm.registry import Registry


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
    values: Mapping[str, Mapping[str, Any]]


RECIPES: Registry[Recipe] = Registry("recipe")

WHOLE_VALID = 100_000
"""More tokens than Penn Treebank's valid split has: all of it is scored at each validation."""


def zaremba(
    units: int, dropout: float, start: float, steps: int, clip: float, epochs: int, after: int, factor: float
) -> Mapping[str, Mapping[str, Any]]:
    """Settings of Zaremba et al. (2014), with their loss converted to ours.

    They sum the loss over the ``steps`` of a segment and average it over the batch; ours is a mean over both. Their
    gradient is therefore ``steps`` times ours: the same update has ``steps`` times the learning rate, which is 1 there,
    and clips at a norm ``steps`` times smaller.
    """
    model = {
        "hidden_size": units, "layers": 2, "tie_weights": False, "forget_bias": 0.0, "init_range": start,
        "dropout_input": dropout, "dropout_between": dropout, "dropout_output": dropout, "dropout_masks": "step",
    }  # fmt: skip
    training = {
        "budget": f"{epochs}epochs", "batch_size": 20, "bptt_length": steps, "carry": "always", "optimizer": "sgd",
        "learning_rate": float(steps), "schedule": "decay", "decay_after": after, "decay_factor": factor, "warmup": 0.0,
        "clip_threshold": clip / steps, "softmax": "exact", "validations": epochs, "valid_tokens": WHOLE_VALID,
    }  # fmt: skip
    return {"embedding": {"embedding": "random", "embedding_size": units}, "model": model, "training": training}


_ZAREMBA = "Zaremba et al. 2014"
RECIPES.register("zaremba-small")(Recipe(_ZAREMBA, 114.5, zaremba(200, 0.0, 0.1, 20, 5.0, 13, 4, 2.0)))
RECIPES.register("zaremba-medium")(Recipe(_ZAREMBA, 82.7, zaremba(650, 0.5, 0.05, 35, 5.0, 39, 6, 1.2)))
RECIPES.register("zaremba-large")(Recipe(_ZAREMBA, 78.4, zaremba(1500, 0.65, 0.04, 35, 10.0, 55, 14, 1.15)))

RECIPES.register("awd-lstm")(
    Recipe(
        "Merity et al. 2018",
        57.3,
        {
            "embedding": {"embedding": "random", "embedding_size": 400},
            "model": {
                "hidden_size": 1150, "layers": 3, "last_hidden_size": 400, "embedding_range": 0.1, "forget_bias": 0.0,
                "recurrent_init": "uniform", "dropout_embedding": 0.1, "dropout_input": 0.4, "dropout_between": 0.25,
                "dropout_output": 0.4, "dropout_recurrent": 0.5,
            },
            "training": {
                "budget": "500epochs", "batch_size": 20, "bptt_length": 70, "bptt_spread": 5.0, "carry": "always",
                "optimizer": "sgd", "learning_rate": 30.0, "schedule": "constant", "warmup": 0.0,
                "clip_threshold": 0.25, "weight_decay": 1.2e-6, "activation_penalty": 2.0, "temporal_penalty": 1.0,
                "averaging": "non-monotone", "averaging_window": 5, "softmax": "exact", "validations": 500,
                "valid_tokens": WHOLE_VALID,
            },
        },
    )
)  # fmt: skip

RECIPES.register("mogrifier")(
    Recipe(
        "Melis et al. 2020 (the cell alone)",
        50.0,
        {
            "embedding": {"embedding": "random", "embedding_size": 850},
            "model": {
                "cell": "mogrifier", "mogrifier_rounds": 5, "mogrifier_rank": 90, "hidden_size": 850, "layers": 2,
                "dropout_embedding": 0.1, "dropout_input": 0.5, "dropout_between": 0.3, "dropout_output": 0.5,
                "dropout_recurrent": 0.3,
            },
            "training": {
                "budget": "100epochs", "bptt_length": 70, "bptt_spread": 5.0, "learning_rate": 2e-3,
                "softmax": "exact", "validations": 100, "valid_tokens": WHOLE_VALID,
            },
        },
    )
)  # fmt: skip
