"""``rnn-lm evaluate``: exact perplexity of trained models, static and adapting; or the surprisal of each word."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rnn_lm.adaptation.config import AdaptationConfig
from rnn_lm.errors import UserError
from rnn_lm.progress import TerminalProgress


@dataclass(frozen=True)
class Options:
    """Perplexity of one or several trained models, under both context policies, on their corpus or any text."""

    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Model folders, as train, ngram or compare left them. Of several, each is compared with the first."""
    split: Literal["valid", "test"] = "test"
    """Which split of the models' corpus to score."""
    text: Path | None = None
    """Score this text file instead, a sentence per line."""
    surprisal: Path | None = None
    """Write the surprisal of every token, in bits, to this TSV file (one model)."""
    policy: Literal["stream", "sentence"] = "stream"
    """Context policy of --surprisal; perplexity is always given under both."""
    bootstrap_seed: int = 1
    """Has no effect any more: intervals are computed without chance."""
    adaptation: AdaptationConfig = field(default_factory=AdaptationConfig)

    def __post_init__(self) -> None:
        if not self.runs:
            raise UserError("evaluate needs at least one model folder, e.g. rnn-lm evaluate runs/train")
        if self.surprisal is not None and len(self.runs) > 1:
            raise UserError("--surprisal writes one model's figures: give one model folder")
        if self.surprisal is not None and self.adaptation.adapt != "none":
            raise UserError("--surprisal is that of the static model: leave --adapt out")


def run(options: Options) -> None:
    """Score and print."""
    from rnn_lm.evaluation.surprisal import surprisal, write_surprisal
    from rnn_lm.experiments.evaluate import evaluate_models, splits_for
    from rnn_lm.experiments.evaluate_adapted import check_adaptation, evaluate_adapted
    from rnn_lm.models.storage import load_model

    progress = TerminalProgress()
    models = [load_model(folder) for folder in options.runs]
    adaptation = options.adaptation
    if adaptation.adapt != "none":
        check_adaptation(models, adaptation)
    chosen = splits_for(models, options.split, options.text, progress)
    for line in evaluate_models(models, chosen, progress):
        progress.say(line)
    if adaptation.adapt != "none":
        for line in evaluate_adapted(models, chosen, adaptation, progress):
            progress.say(line)
    if options.surprisal is not None:
        rows = surprisal(models[0].model, chosen[0].sentences, models[0].vocabulary, options.policy, progress)
        write_surprisal(options.surprisal, rows)
        progress.say(f"surprisal of each token: {options.surprisal}")
