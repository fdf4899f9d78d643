"""The configs that a sweep may change, and the ``rnn-lm train`` command that a set of them stands for."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnn_lm.conditions import has_effect
from rnn_lm.config import Budget, CorpusConfig, EmbeddingConfig, ModelConfig, TrainingConfig

Value = bool | int | float | str | None
"""What a field of these configs may hold."""


@dataclass(frozen=True)
class RunConfigs:
    """All about one training run but its text; no two of the three configs have a field of the same name."""

    embedding: EmbeddingConfig
    model: ModelConfig
    training: TrainingConfig

    def with_values(self, values: Mapping[str, Value]) -> RunConfigs:
        """The same with other values for the fields named in ``values``; raises ``UserError`` where one is refused."""
        return RunConfigs(
            _with_values(self.embedding, values), _with_values(self.model, values), _with_values(self.training, values)
        )


def _with_values(config: Any, values: Mapping[str, Value]) -> Any:
    own = {field.name for field in dataclasses.fields(config)}
    return replace(config, **{name: value for name, value in values.items() if name in own})


def flag_name(field: str) -> str:
    """A field as it is called on the command line, without the dashes in front."""
    return field.replace("_", "-")


def train_command(corpus: CorpusConfig, configs: RunConfigs, total_steps: int, out: Path) -> str:
    """The command line that repeats a run: every flag that differs from its default, and does something.

    Args:
        corpus: of the run.
        configs: of the run.
        total_steps: what the run's budget came to. A time would come to another number elsewhere, so a budget in
            seconds is given as this number.
        out: the folder that the command is to write to.
    """
    training = configs.training
    if Budget.parse(training.budget).unit == "seconds":
        training = replace(training, budget=f"{total_steps}steps")
    configs = replace(configs, training=training)
    flags = [*_flags(corpus, corpus), *(word for part in vars(configs).values() for word in _flags(part, configs))]
    return shlex.join(["rnn-lm", "train", "--out", str(out), *flags])


def _flags(config: Any, among: Any) -> list[str]:
    """The flags of ``config``, whose settings are to do something ``among`` others."""
    words: list[str] = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if value == field.default or not has_effect(field.name, among):
            continue
        if isinstance(field.default, bool):  # others that may be true or false, or undecided, take the word
            words.append(f"--{flag_name(field.name)}" if value else f"--no-{flag_name(field.name)}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{flag_name(field.name)}", *map(str, values)]
    return words
