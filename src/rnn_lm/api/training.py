"""Training from Python, and the handle to a run that it gives back: its model, its curves, going on with it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from markupsafe import Markup

from rnn_lm.api.errors import settings_named
from rnn_lm.api.model import TextModel, load
from rnn_lm.api.progress import progress_for
from rnn_lm.api.settings import options_from
from rnn_lm.api.tables import Rows
from rnn_lm.checkpoint import BEST, LAST, read_checkpoint
from rnn_lm.commands import ngram as ngram_command
from rnn_lm.commands import train as train_command
from rnn_lm.config import EmbeddingConfig, ModelConfig, ResolvedCorpusConfig, RuntimeConfig, TrainingConfig, from_json
from rnn_lm.corpora import resolve
from rnn_lm.errors import MissingFileError, SettingError
from rnn_lm.experiments.compare import curve_of
from rnn_lm.experiments.model_runs import train_ngram as train_ngram_into
from rnn_lm.experiments.train import TrainSettings, check_train, run_train
from rnn_lm.models.families import BASELINE, FAMILIES
from rnn_lm.prepare import prepare
from rnn_lm.progress import Progress
from rnn_lm.runs import MANIFEST, read_run, require_run_folder, require_same_settings
from rnn_lm.runtime import start_runtime
from rnn_lm.settings.keeping import keep_settings
from rnn_lm.training.log import StepRecord, read_log
from rnn_lm.training.position import Position

Corpus: TypeAlias = str | os.PathLike[str] | list[str] | tuple[str, ...]
"""A named corpus, a folder, a file, or several files."""
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
        return {name: value for part in parts for name, value in dataclasses.asdict(part).items()}

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
        precision: str = "32-true",
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
            _train(self._settings, self.folder, told, runtime, resume=True)
        return TrainingRun(self.folder, told)

    def _log(self) -> tuple[list[StepRecord], list[Any]]:
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
    return TrainSettings(
        from_json(ResolvedCorpusConfig, config.get("corpus"), f"{source}: corpus"),
        from_json(EmbeddingConfig, config.get("embedding"), f"{source}: embedding"),
        from_json(ModelConfig, config.get("model"), f"{source}: model"),
        from_json(TrainingConfig, config.get("training"), f"{source}: training"),
    )


@settings_named()
def train(
    corpus: Corpus | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    config: str | os.PathLike[str] | None = None,
    progress: bool | Progress = True,
    **settings: Any,
) -> TrainingRun:
    """Train one neural language model, recurrent or attention; returns a handle to its run.

    The keyword arguments are the flags of ``rnn-lm train`` with ``_`` for ``-``: ``cell``, ``hidden_size``, ``layers``,
    ``budget`` ("2m", "5epochs", "2000steps"), ``preset``, ``tokens``, ``learning_rate``, ``seed``, ``device``...
    A budget of time picks the preset found good for it, and what is given takes the place of what the preset says.
    Ctrl-C (``KeyboardInterrupt``) leaves what is there; ``open_run(out).resume()`` goes on with it.

    >>> import rnn_lm
    >>> sizes = {"hidden_size": 8, "embedding": "random", "embedding_size": 8}
    >>> run = rnn_lm.train("my.txt", cell="gru", **sizes, budget="5steps", out="runs/mine", progress=False)
    >>> run
    TrainingRun('runs/mine': gru, 5 steps, finished)
    >>> run.model.perplexity("the cat sees fish .").token_count
    6

    Args:
        corpus: a named corpus, a folder, a file, or a list of files; default: the packaged one.
        out: folder for the model, its checkpoints and its log; default: runs/train.
        resume: go on with the run in ``out`` (or start it, if there is none).
        config: a file of settings, below those given here: TOML, or the ``run.json`` or ``settings.toml`` of a run.
        progress: True: say how it goes, in the notebook or the terminal; False: say nothing; or one's own ``Progress``.
        settings: see above.

    Raises:
        SettingError: a setting is unknown or cannot have its value; or ``out`` holds a run and ``resume`` is not set.
        MissingFileError: a file of the corpus is not there.
        UserError: the corpus cannot be read, or training diverged.
        KeyboardInterrupt: after everything up to the current step was written.
    """
    options = options_from(train_command.Options, given_by(corpus, out, resume, settings), config)
    if options.runtime.processes > 1:
        raise SettingError("processes is for the command: rnn-lm train --processes")
    parts = TrainSettings(options.corpus, options.embedding, options.model, options.training)
    told = progress_for(progress)
    begun = partial(keep_settings, options.out, options)
    _train(parts, options.out, told, options.runtime, begun, resume=options.resume)
    return TrainingRun(options.out, told)


@settings_named()
def train_ngram(
    corpus: Corpus | None = None,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    config: str | os.PathLike[str] | None = None,
    progress: bool | Progress = True,
    **settings: Any,
) -> TextModel:
    """Train an interpolated modified Kneser-Ney n-gram model; returns it.

    >>> import rnn_lm
    >>> rnn_lm.train_ngram("my.txt", order=3, out="runs/kn3", progress=False)
    TextModel('kn3', n-gram of order 3, 344 parameters, 22 words, cpu)

    Args:
        corpus, resume, config, progress: see ``train``.
        out: folder for the model; default: runs/ngram.
        settings: the other flags of ``rnn-lm ngram``: ``order``, ``boundary``, and those of the corpus.

    Raises:
        SettingError, MissingFileError, UserError: see ``train``.
    """
    for name in ("arpa", "from_arpa", "overwrite"):
        if name in settings:
            raise SettingError(f"{name} is for the command: rnn-lm ngram; load takes an ARPA file as it is")
    options = options_from(ngram_command.Options, given_by(corpus, out, resume, settings), config)
    require_run_folder(options.out, resume=options.resume)
    require_same_settings(options.out, "ngram", {"corpus": resolve(options.corpus), "ngram": options.ngram})
    told = progress_for(progress)
    prepared = prepare(options.corpus, told, options.out)
    train_ngram_into(options.out, options.ngram, prepared, told, resume=options.resume)
    keep_settings(options.out, options)
    return load(options.out, progress=told)


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


def given_by(
    corpus: Corpus | None, out: str | os.PathLike[str] | None, resume: bool, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return the settings that a caller has given, and not those left to a file or to the defaults."""
    named = {"corpus": corpus, "out": out, "resume": resume or None}
    return {name: value for name, value in named.items() if value is not None} | settings


def _train(
    settings: TrainSettings,
    folder: Path,
    progress: Progress,
    runtime: RuntimeConfig,
    begun: Callable[[], None] | None = None,
    *,
    resume: bool,
) -> None:
    check_train(settings, folder, resume=resume)
    run_train(settings, folder, progress, start_runtime(runtime), begun=begun, resume=resume)
