"""What is tried next depends on the seed, the trials that have ended and the trial's place, and on nothing else."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState

from rnn_lm.sweep.sampling import RepeatableSampler, make_pruner, suggest
from rnn_lm.sweep.space import Choices, Range

SPACE = (
    Range("learning_rate", 1e-4, 1e-1, scale="log"),
    Range("hidden_size", 8, 32, 8),
    Range("dropout_output", 0.0, 0.5, 0.25),
    Choices("patience", (2, None)),
)


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def new_study(seed: int, storage=None) -> optuna.Study:
    sampler = RepeatableSampler(seed)
    return optuna.create_study(storage=storage, study_name="s", sampler=sampler, load_if_exists=True)


def go_on(study: optuna.Study, trials: int) -> list[dict]:
    """Run trials whose value is the learning rate; returns all settings of the study's trials that count."""
    for _ in range(trials):
        trial = study.ask()
        values = suggest(trial, SPACE)
        study.tell(trial, float(str(values["learning_rate"])))
    return [trial.params for trial in study.trials if trial.state == TrialState.COMPLETE]


def test_values_are_in_the_space():
    for params in go_on(new_study(1), 30):
        assert 1e-4 <= params["learning-rate"] <= 1e-1
        assert params["hidden-size"] in (8, 16, 24, 32)
        assert params["dropout-output"] in (0, 0.25, 0.5)
        assert params["patience"] in (2, None)


def test_the_seed_decides():
    assert go_on(new_study(1), 15) == go_on(new_study(1), 15) != go_on(new_study(2), 15)


def test_another_process_goes_on_where_the_first_stopped():
    whole = go_on(new_study(1), 16)
    storage = optuna.storages.InMemoryStorage()
    go_on(new_study(1, storage), 7)
    cut_off = new_study(1, storage).ask()
    params = suggest(cut_off, SPACE)
    study = new_study(1, storage)
    study.tell(cut_off.number, state=TrialState.FAIL)
    study.enqueue_trial({name: whole[7][name] for name in cut_off.params})
    assert params["learning_rate"] == whole[7]["learning-rate"]
    assert go_on(study, 9) == whole


def test_pruners_go_by_their_names():
    assert isinstance(make_pruner("median"), optuna.pruners.MedianPruner)
    assert isinstance(make_pruner("halving"), optuna.pruners.SuccessiveHalvingPruner)
    assert isinstance(make_pruner("none"), optuna.pruners.NopPruner)
