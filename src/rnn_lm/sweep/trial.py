"""One trial: settings in, the lowest valid NLL of a training run out, given up on the way where the pruner says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from optuna import Trial, TrialPruned

from rnn_lm.checkpoint import BEST, LAST
from rnn_lm.errors import UserError
from rnn_lm.experiments.model_runs import RecurrentSpec, train_recurrent
from rnn_lm.models.families import family_of
from rnn_lm.models.storage import VOCABULARY
from rnn_lm.prepare import PreparedCorpus
from rnn_lm.progress import Progress
from rnn_lm.runtime import Runtime
from rnn_lm.sweep.configs import RunConfigs
from rnn_lm.sweep.sampling import WHOLE_BUDGET, suggest
from rnn_lm.sweep.settings import SweepSettings
from rnn_lm.sweep.vectors import TrialVectors
from rnn_lm.text import TOKENIZER
from rnn_lm.training.log import ValidationRecord
from rnn_lm.training.trainer import LARGEST_NLL, TrainingDiverged

STEPS, DIVERGED, REFUSED = "steps", "diverged", "refused"
"""The attributes of a trial that say how many steps its budget came to, that its loss became no number, and that its
settings, each of which is sound, do not go together."""


@dataclass(frozen=True)
class Bench:
    """What every trial of a process works with.

    Attributes:
        settings: of the sweep.
        prepared: the corpus.
        vectors: the input vectors.
        trials: the folder in which each trial gets its own.
        runtime: where they are trained.
    """

    settings: SweepSettings
    prepared: PreparedCorpus
    vectors: TrialVectors
    trials: Path
    runtime: Runtime


def trial_folder(trials: Path, number: int) -> Path:
    """Where trial ``number`` writes."""
    return trials / f"{number:03d}"


def run_trial(bench: Bench, trial: Trial, progress: Progress) -> float:
    """Train with the settings that ``trial`` suggests; returns the lowest NLL in nats of its validations.

    Raises:
        TrialPruned: the pruner gave it up, its settings do not go together, or training diverged.
        TrainingInterrupted: Ctrl-C.
        UserError: see ``train_recurrent``.
    """
    configs = _configs(bench, trial)
    vectors = bench.vectors.get(configs.embedding, configs.training.seed, progress)
    spec = RecurrentSpec(
        f"trial {trial.number}", configs.model, configs.training, configs.embedding, vectors.vectors_ve, vectors.size
    )
    folder, reporter = trial_folder(bench.trials, trial.number), _Reporter(trial, configs.training.validations)
    try:
        trained = train_recurrent(folder, spec, bench.prepared, progress, reporter, bench.runtime, resume=False)
    except (TrainingDiverged, OverflowError) as error:  # these settings are bad, and the search is to learn it
        trial.set_user_attr(DIVERGED, str(error))
        raise TrialPruned from error
    position = trained.result.position
    trial.set_user_attr(STEPS, position.total_steps)
    if not position.best_valid_nll < LARGEST_NLL:
        trial.set_user_attr(DIVERGED, "no validation gave a perplexity that is a number")
        raise TrialPruned
    return position.best_valid_nll


def _configs(bench: Bench, trial: Trial) -> RunConfigs:
    values = suggest(trial, bench.settings.space)
    try:
        configs = bench.settings.configs.with_values(values)
        # An engine without code for the cell, say.
        family_of(configs.model.cell).count(1, configs.embedding.embedding_size, configs.model)
    except UserError as error:
        trial.set_user_attr(REFUSED, str(error))
        raise TrialPruned from error
    return configs


class _Reporter:
    """Tells Optuna of each validation, by the share of the budget after which it was made; asks whether to go on."""

    def __init__(self, trial: Trial, validations: int) -> None:
        self._trial, self._validations, self._made = trial, validations, 0
        self._reported = 0

    def __call__(self, record: ValidationRecord) -> None:
        self._made += 1
        share = round(WHOLE_BUDGET * self._made / self._validations)
        if share > self._reported:  # beyond a thousand validations, several would have the same share
            self._trial.report(record.valid_nll, share)
            self._reported = share
        # At the end of the budget there is nothing left to save.
        if share < WHOLE_BUDGET and self._trial.should_prune():
            raise TrialPruned


def trim_trial(folder: Path, keep: tuple[str, ...]) -> None:
    """Remove from the folder of a trial that has ended its checkpoints and vocabulary, but for those in ``keep``."""
    for name in {LAST, BEST, VOCABULARY, TOKENIZER} - set(keep):
        (folder / name).unlink(missing_ok=True)


KEPT_OF_BEST = (BEST, VOCABULARY, TOKENIZER)
"""What the best trial keeps besides its log, so that ``rnn-lm evaluate`` and ``generate`` take its folder."""
