"""All six exercises, one after the other: what ``rnn-lm theory`` runs and what the report draws."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import torch

from rnn_lm.config import to_json
from rnn_lm.files import make_folder
from rnn_lm.kept import read_kept, write_kept
from rnn_lm.progress import Progress
from rnn_lm.runtime import single_thread
from rnn_lm.theory import recall
from rnn_lm.theory.config import TheoryConfig
from rnn_lm.theory.exercises import bptt, capacity, clipping, gating, linear, spectral
from rnn_lm.theory.results import CheckedTheory, Name, Network, StatementJson, TheoryPart
from rnn_lm.theory.results import Exercise as ExerciseJson
from rnn_lm.theory.statement import Statement

Exercise = Callable[[TheoryConfig], tuple[list[Statement], Mapping[str, Any]]]

EXERCISES: dict[Name, tuple[str, str, Exercise]] = {
    "bptt": ("Backpropagation through time", "1-bptt.md", bptt.run),
    "spectral": ("The spectral radius", "2-spectral-radius.md", spectral.run),
    "gating": ("Gates", "3-gating.md", gating.run),
    "clipping": ("Gradient clipping", "4-clipping.md", clipping.run),
    "capacity": ("The fixed state", "5-fixed-state.md", capacity.run),
    "linear": ("After the LSTM", "6-after-the-lstm.md", linear.run),
}
"""Key, title, page in ``docs/theory/``, and what computes it."""


def run_theory(
    config: TheoryConfig, progress: Progress, folder: Path | None = None, device: torch.device | None = None
) -> CheckedTheory:
    """Check every statement of the theory, and collect the curves of its figures.

    Args:
        config: sizes and seed.
        progress: told about each network of the recall experiment, which takes most of the time.
        folder: where the results of finished networks are kept, so that a run that was stopped goes on where it was.
            Default: nowhere.
        device: where the networks of the recall experiment are trained and measured; default: the CPU, where all else
            is.

    Returns:
        Plain JSON values: the config, the seconds it took, and per exercise its key, title, page, statements (see
        ``Statement.to_json``) and curves.

    Raises:
        UserError: a file kept in ``folder`` is damaged, or the folder cannot be written.
    """
    started = time.monotonic()
    exercises: list[ExerciseJson] = []
    for key, (title, page, compute) in EXERCISES.items():
        progress.say(f"theory: {title.lower()}")
        with single_thread():  # matrices so small that others would do nothing but wait for each other
            statements, curves = compute(config)
            if key == "capacity":
                networks = [_finished(one, config, progress, folder, device) for one in recall.sized_networks(config)]
                statements += capacity.judge(config, networks)
                curves = {**curves, "recall": networks}
        checked = [statement.to_json() for statement in statements]
        exercises.append({"name": key, "title": title, "page": page, "statements": checked, "curves": curves})
    return {"config": to_json(config), "seconds": time.monotonic() - started, "exercises": exercises}


def failed(results: TheoryPart) -> list[StatementJson]:
    """The statements that do not hold; ``rnn-lm theory`` exits with code 1 where there is one."""
    return [
        statement for exercise in results["exercises"] for statement in exercise["statements"] if not statement["holds"]
    ]


def _finished(
    sized: recall.SizedNetwork,
    config: TheoryConfig,
    progress: Progress,
    folder: Path | None,
    device: torch.device | None,
) -> Network:
    """One network's recall: as kept in ``folder`` where it was made with the same config, else trained now.

    Which other sizes there are changes nothing of it.
    """
    if folder is None:
        return recall.train_and_measure(sized, config, progress, device)
    path = make_folder(folder) / f"recall-{sized.name}-{sized.numbers}.json"
    settings = {name: value for name, value in to_json(config).items() if name != "recall_sizes"}
    kept = read_kept(path, settings)
    if kept is not None:
        return cast(Network, kept)  # written with its checksum by the lines below, in an earlier run
    network = recall.train_and_measure(sized, config, progress, device)
    write_kept(path, settings, network)
    return network
