"""The handle to a run of training in its folder: its model, its curves, and going on with it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from rnn_lm.api.errors import settings_named
from rnn_lm.api.loading import load
from rnn_lm.api.model import TextModel
from rnn_lm.api.progress import progress_for
from rnn_lm.api.settings import options_from
from rnn_lm.api.tables import Rows
from rnn_lm.checkpoint import BEST, LAST, read_checkpoint
from rnn_lm.config import EmbeddingConfig, ModelConfig, ResolvedCorpusConfig, RuntimeConfig, TrainingConfig, from_json
from rnn_lm.errors import MissingFileError, SettingError, UserError
from rnn_lm.experiments.compare import curve_of
from rnn_lm.experiments.train import TrainSettings, check_train, run_train
from rnn_lm.models.families import BASELINE, FAMILIES
from rnn_lm.progress import Progress
from rnn_lm.runs import MANIFEST, read_run
from rnn_lm.runtime import start_runtime
from rnn_lm.training.log import StepRecord, ValidationRecord, read_log
from rnn_lm.training.position import Position

LOG = "training.jsonl"


class CurveRow(NamedTuple):
    """One validation of a run.

    >>> import rnn_lm
    >>> last = rnn_lm.open_run("runs/tiny").curve[-1]
    >>> type(last).__name__, last.step
    ('CurveRow', 20)

    Attributes:
        step: training steps done.
        epoch: passes over the train text, with fraction.
        tokens: targets predicted.
        seconds: of training.
        learning_rate: of the step before.
        train_perplexity: on the train text since the last validation; None where the loss was sampled.
        valid_perplexity: on the valid text, or on as much of it as ``valid_tokens`` says.
    """

    step: int
    epoch: float
    tokens: int
    seconds: float
    learning_rate: float
    train_perplexity: float | None
    valid_perplexity: float | None


class TrainingRun:
    """A run of ``train`` in its folder, finished or not.

    >>> import rnn_lm
    >>> run = rnn_lm.open_run("runs/tiny")
    >>> run
    TrainingRun('runs/tiny': lstm, 20 steps, finished)
    >>> run.curve.columns[:3], len(run.steps)
    (('step', 'epoch', 'tokens'), 20)
    >>> run.model.name
    'tiny'
    >>> run.settings["hidden_size"], run.settings["budget"]
    (12, '20steps')

    Args:
        folder: of the run.

    Raises:
        MissingFileError: there is none.
        UserError: it holds no run of ``train``.
    """

    def __init__(self, folder: str | os.PathLike[str], progress: bool | Progress = True) -> None:
        self.folder = Path(folder)
        self._progress = progress_for(progress)
        if not self.folder.exists():
            raise MissingFileError(f"{self.folder}: there is no such folder; check the path")
        with settings_named():
            self._settings = _settings_of(self.folder)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the run by name; as keyword arguments of ``train`` they repeat it."""
        parts = (self._settings.corpus, self._settings.embedding, self._settings.model, self._settings.training)
        values = {name: value for part in parts for name, value in dataclasses.asdict(part).items()}
        return {**values, "start_from": self._settings.start_from}

    @cached_property
    def model(self) -> TextModel:
        """The model of the best validation; raises ``UserError`` where there was none yet."""
        return load(self.folder, progress=self._progress)

    @property
    def has_model(self) -> bool:
        """Whether there was a validation, and so a model."""
        return (self.folder / BEST).exists()

    @property
    def finished(self) -> bool:
        """Whether its budget is spent."""
        position = self._position()
        return position is not None and position.finished

    @property
    def curve(self) -> Rows[CurveRow]:
        """The learning curve: a row for each validation."""
        with settings_named():
            _, validations = self._log()
            return Rows(CurveRow, [CurveRow(**point) for point in curve_of(validations)])

    @property
    def steps(self) -> Rows[StepRecord]:
        """A row for each step: loss in nats, learning rate, gradient norms before and after clipping."""
        with settings_named():
            steps, _ = self._log()
            return Rows(StepRecord, steps)

    def resume(
        self,
        *,
        progress: bool | Progress | None = None,
        device: str = "auto",
        precision: str = "auto",
        **changed: Any,
    ) -> TrainingRun:
        """Go on with a run that was stopped, to the bit as if it had not been; returns it.

        The settings are the run's own: its schedule follows its budget, so that neither can change. What is given
        must be equal to them.

        Args:
            progress: see ``train``; default: as it was opened.
            device, precision: where and how it computes; they may change.
            changed: settings that the run is to have; refused where it has others.

        Raises:
            SettingError: a setting is another than the run's; names it.
            UserError: the run has diverged, or what it was made of has changed.
        """
        told = self._progress if progress is None else progress_for(progress)
        runtime = options_from(RuntimeConfig, {"device": device, "precision": precision})
        with settings_named():
            own = self.settings
            for name, value in changed.items():
                if name not in own:
                    raise SettingError(f"{name} is no setting of a run that can be gone on with")
                if own[name] != value:
                    raise SettingError(
                        f"{name} is {own[name]!r} in this run, and cannot become {value!r}: "
                        f"train anew with {name}={value!r} and another out"
                    )
            carry_out(self._settings, self.folder, told, runtime, resume=True)
        return TrainingRun(self.folder, told)

    def _log(self) -> tuple[list[StepRecord], list[ValidationRecord]]:
        path = self.folder / LOG
        return read_log(path) if path.exists() else ([], [])

    def _position(self) -> Position | None:
        path = self.folder / LAST
        if not path.exists():
            return None
        with settings_named():
            _, facts = read_checkpoint(path)
            return Position.from_json(facts.get("position", {}), str(path))

    def __repr__(self) -> str:
        position = self._position()
        if position is None:
            done = "no checkpoint yet"
        else:
            done = f"{position.step:,} steps, {'finished' if position.finished else 'can be resumed'}"
        return f"TrainingRun({str(self.folder)!r}: {self._settings.model.cell}, {done})"

    def _repr_html_(self) -> str:
        return Markup("<p>{}</p>{}").format(repr(self), Markup(self.curve._repr_html_()))


def _settings_of(folder: Path) -> TrainSettings:
    """What a run was begun with; raises ``UserError`` where there is none."""
    config, source = read_run(folder, *(name for name in FAMILIES if name != BASELINE)).config, str(folder / MANIFEST)
    start = config.get("start_from")
    if not isinstance(start, str | None):
        raise UserError(f"{source}: start_from is no folder; the file is damaged")
    return TrainSettings(
        from_json(ResolvedCorpusConfig, config.get("corpus"), f"{source}: corpus"),
        from_json(EmbeddingConfig, config.get("embedding"), f"{source}: embedding"),
        from_json(ModelConfig, config.get("model"), f"{source}: model"),
        from_json(TrainingConfig, config.get("training"), f"{source}: training"),
        start,
    )


def open_run(folder: str | os.PathLike[str], *, progress: bool | Progress = True) -> TrainingRun:
    """Return the handle to a run that ``train`` (or the command, or a comparison) left in ``folder``.

    >>> import rnn_lm
    >>> rnn_lm.open_run("runs/tiny").finished
    True

    Raises:
        MissingFileError: there is no such folder.
        UserError: it holds no run of ``train``.
    """
    return TrainingRun(folder, progress)


def carry_out(
    settings: TrainSettings,
    folder: Path,
    progress: Progress,
    runtime: RuntimeConfig,
    begun: Callable[[], None] | None = None,
    *,
    resume: bool,
) -> None:
    """Train in ``folder``, having checked that it can be done; see ``experiments.train``."""
    check_train(settings, folder, resume=resume)
    run_train(settings, folder, progress, start_runtime(runtime), begun=begun, resume=resume)
