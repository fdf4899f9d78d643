"""All that a sweep needs to know."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnn_lm.config import Budget, CorpusConfig, EmbeddingConfig, to_json
from rnn_lm.embeddings import RANDOM, TRAINED
from rnn_lm.errors import UserError
from rnn_lm.models.families import family_of
from rnn_lm.sweep.configs import RunConfigs, flag_name
from rnn_lm.sweep.sampling import PrunerName
from rnn_lm.sweep.space import Dimension, values_of

FROM_WORD_VECTORS = {field.name for field in dataclasses.fields(EmbeddingConfig)} - {"freeze_embedding"} | {"seed"}
"""Fields on which the input vectors depend."""
FROM_MEASUREMENT = ("valid_tokens", "validations")
"""Fields that change what a trial's perplexity is measured on, or how often, and not what is learned."""


@dataclass(frozen=True)
class SweepSettings:
    """What a study is about; all of its processes must agree on it.

    Attributes:
        corpus: the text of every trial.
        configs: of every trial, but for what the space says.
        space: what differs between trials.
        pruner: how bad trials are given up.
        sampler_seed: of the sampler.
    """

    corpus: CorpusConfig
    configs: RunConfigs
    space: tuple[Dimension, ...]
    pruner: PrunerName
    sampler_seed: int

    def parts(self) -> dict[str, Any]:
        """The configs by their names in ``to_json``; through them, settings that an older file lacks are filled in."""
        return {"corpus": self.corpus, **vars(self.configs)}

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, the space as it is written on the command line."""
        return {
            "corpus": to_json(self.corpus),
            **to_json(self.configs),
            "space": {flag_name(one.field): str(one).partition("=")[2] for one in self.space},
            "pruner": self.pruner,
            "sampler_seed": self.sampler_seed,
        }

    @property
    def shares_vectors(self) -> bool:
        """Whether all trials begin with the same input vectors."""
        return FROM_WORD_VECTORS.isdisjoint(dimension.field for dimension in self.space)

    def check_names(self) -> None:
        """Refuse what only the registries and the disk know to be wrong: cells that do not exist or that --engine has
        no code for, files that are not there."""
        cells, engines = values_of(self.space, "cell"), values_of(self.space, "engine")
        model, size = self.configs.model, self.configs.embedding.embedding_size
        family_of(model.cell)  # also where the space names other cells
        for cell in cells or (model.cell,):
            model = replace(model, cell=str(cell), engine="auto" if engines else model.engine)
            family_of(model.cell).count(1, size, model)
        for name in map(str, (self.configs.embedding.embedding, *values_of(self.space, "embedding"))):
            if name not in (RANDOM, TRAINED) and not Path(name).is_file():
                raise UserError(f"--embedding {name} is neither {TRAINED} nor {RANDOM} nor a file that exists")

    def notes(self) -> list[str]:
        """What a person should know of the search that was asked for."""
        swept = {dimension.field for dimension in self.space}
        notes = [
            f"{flag_name(field)} is in the space: perplexities are then not measured alike, and not quite comparable"
            for field in FROM_MEASUREMENT
            if field in swept
        ]
        budgets = (self.configs.training.budget, *values_of(self.space, "budget"))
        if any(Budget.parse(str(budget)).unit == "seconds" for budget in budgets):
            notes.append(
                "with a --budget in time, trials depend on this machine and on what else it does; use epochs or steps"
            )
        return notes
