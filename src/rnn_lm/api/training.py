"""Training from Python: keyword arguments to a run in a folder, or to an n-gram model."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, TypeAlias

from rnn_lm.api.errors import settings_named
from rnn_lm.api.loading import load
from rnn_lm.api.model import TextModel
from rnn_lm.api.progress import progress_for
from rnn_lm.api.running import TrainingRun, carry_out
from rnn_lm.api.settings import options_from
from rnn_lm.commands import ngram as ngram_command
from rnn_lm.commands import train as train_command
from rnn_lm.corpora import resolve
from rnn_lm.errors import SettingError
from rnn_lm.experiments.model_runs import train_ngram as train_ngram_into
from rnn_lm.experiments.train import TrainSettings
from rnn_lm.prepare import prepare
from rnn_lm.progress import Progress
from rnn_lm.runs import require_run_folder, require_same_settings
from rnn_lm.settings.keeping import keep_settings

Corpus: TypeAlias = str | os.PathLike[str] | list[str] | tuple[str, ...]
"""A named corpus, a folder, a file, or several files."""


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
    ``start_from`` names the folder of a run whose weights training begins with.
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
    parts = TrainSettings(options.corpus, options.embedding, options.model, options.training, options.start_from)
    told = progress_for(progress)
    begun = partial(keep_settings, options.out, options)
    carry_out(parts, options.out, told, options.runtime, begun, resume=options.resume)
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


def given_by(
    corpus: Corpus | None, out: str | os.PathLike[str] | None, resume: bool, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return the settings that a caller has given, and not those left to a file or to the defaults."""
    named = {"corpus": corpus, "out": out, "resume": resume or None}
    return {name: value for name, value in named.items() if value is not None} | settings
